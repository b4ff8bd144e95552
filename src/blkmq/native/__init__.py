# SPDX-License-Identifier: MIT
"""What hot loops are made of: records, atomics, memory, clocks, ``@hot``; and the C contract with its stand-in."""

from blkmq.native.cpu import choose_cpu

choose_cpu()
