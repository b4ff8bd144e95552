# SPDX-License-Identifier: MIT
"""The widest values of C's types.  Header: ``include/vdso/limits.h``, Linux 7.3."""

USHRT_MAX = (1 << 16) - 1
INT_MAX = (1 << 31) - 1
UINT_MAX = (1 << 32) - 1
LLONG_MAX = (1 << 63) - 1
