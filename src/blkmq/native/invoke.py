# SPDX-License-Identifier: MIT
"""Calling a driver through its one entry point (decision 10 of the design)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

#: Interpreted drivers have no address: their entries are numbered from -2 downwards, here.
interpreted_entries: dict[int, Callable[[int, int, int, int, int], int]] = {}


def call_entry(entry: int, slot: int, call: int, a: int, b: int, c: int) -> int:
    """Calls slot ``slot`` of the driver whose entry point is ``entry``, with the call record's address."""
    return interpreted_entries[entry](slot, call, a, b, c)


_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

#: An interpreted loop has no address: it is numbered from -2 downwards, here.
interpreted_loops: dict[int, Callable[[int, int], int]] = {}


def call_loop(loop: int, address: int, until_nsec: int) -> int:
    """Calls one of the engine's loops, or another function of two words, by its address."""
    return (interpreted_loops.get(loop) or _FUNCTION(loop))(address, until_nsec)
