# SPDX-License-Identifier: MIT
"""Big-endian integers in raw memory, as protocols of the net have them.  Addresses need no alignment."""

from __future__ import annotations

import ctypes


def get_be16(address: int) -> int:
    """0..65535. C twin: ``get_unaligned_be16``."""
    return int.from_bytes(ctypes.string_at(address, 2), "big")


def get_be32(address: int) -> int:
    """0..2^32-1. C twin: ``get_unaligned_be32``."""
    return int.from_bytes(ctypes.string_at(address, 4), "big")


def get_be64(address: int) -> int:
    """64 bits as a signed integer. C twin: ``get_unaligned_be64``."""
    return int.from_bytes(ctypes.string_at(address, 8), "big", signed=True)


def put_be16(address: int, value: int) -> None:
    """The low 16 bits. C twin: ``put_unaligned_be16``."""
    ctypes.memmove(address, (value & 0xFFFF).to_bytes(2, "big"), 2)


def put_be32(address: int, value: int) -> None:
    """The low 32 bits. C twin: ``put_unaligned_be32``."""
    ctypes.memmove(address, (value & 0xFFFF_FFFF).to_bytes(4, "big"), 4)


def put_be64(address: int, value: int) -> None:
    """All 64 bits. C twin: ``put_unaligned_be64``."""
    ctypes.memmove(address, value.to_bytes(8, "big", signed=value < 0), 8)
