# SPDX-License-Identifier: MIT
"""The size of a bio.  Header: ``include/linux/bio.h``, Linux 7.3."""

BIO_MAX_VECS = 256
