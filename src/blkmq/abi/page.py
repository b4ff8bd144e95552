# SPDX-License-Identifier: MIT
"""A page of 4 KiB: x86, and arm64 as most are built.  Header: ``include/vdso/page.h``, Linux 7.3."""

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = ~(PAGE_SIZE - 1)
