# SPDX-License-Identifier: MIT
"""The kernel's numbers: one module per header, every name as the header spells it.

Each module's docstring names its header and the kernel that it was read from; ``tests/unit/test_abi.py``
compares them.  ``block_*`` are the headers in ``block/``, which only the kernel's source has.
"""
