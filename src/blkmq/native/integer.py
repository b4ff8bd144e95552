# SPDX-License-Identifier: MIT
"""64-bit signed arithmetic that wraps, as the compiled targets have it.

Numba's own ``+`` on signed integers promises LLVM that nothing overflows; a bounds check behind such a
promise may be optimised away, so printed drivers use these instead.
"""

from __future__ import annotations

_SIGN = 1 << 63
_MASK = (1 << 64) - 1


def wrap(value: int) -> int:
    """The 64-bit signed integer with the same low 64 bits."""
    return ((value + _SIGN) & _MASK) - _SIGN


def add(left: int, right: int) -> int:
    return wrap(left + right)


def sub(left: int, right: int) -> int:
    return wrap(left - right)


def mul(left: int, right: int) -> int:
    return wrap(left * right)


def shl(left: int, right: int) -> int:
    """``left << right`` for 0 <= right <= 63."""
    return wrap(left << right)
