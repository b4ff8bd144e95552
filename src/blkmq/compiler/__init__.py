# SPDX-License-Identifier: MIT
"""Driver class → typed program (``frontend``, ``program``) → printers: ``interpreted``, ``numba``, ``c``."""
