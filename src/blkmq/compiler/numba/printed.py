# SPDX-License-Identifier: MIT
"""What a printed Numba module stands on: its records, functions and entry point."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any

from numba import cfunc, int64, njit

from blkmq.native.hot import APART_ARGUMENTS, INNER_OPTIONS, JIT_OPTIONS, enable, hot_inline
from blkmq.native.integer import add, mul, shl, sub
from blkmq.native.record import CTYPE_OF_SIZED, accessor

u8, u16, u32, u64 = (CTYPE_OF_SIZED[name] for name in ("u8", "u16", "u32", "u64"))
s8, s16, s32, s64 = (CTYPE_OF_SIZED[name] for name in ("s8", "s16", "s32", "s64"))

i64 = int64

ENTRY_SIGNATURE = int64(int64, int64, int64, int64, int64)
LOOP_SIGNATURE = int64(int64, int64)
APART_SIGNATURE = int64(int64, *[int64] * APART_ARGUMENTS)


def record(name: str, fields: list[tuple[str, Any]]) -> type[ctypes.Structure]:
    """A record of the driver's; an empty one still has a size, so that arrays of it have addresses."""
    return type(name, (ctypes.Structure,), {"_fields_": fields or [("nothing", ctypes.c_int64)]})


def times(element: Any, count: int) -> Any:
    """An array field."""
    return element * count


def function(text: Callable[..., Any]) -> Any:
    """A method of the driver, compiled into the entry point."""
    return njit(**INNER_OPTIONS)(text)


def entry_point(text: Callable[..., Any]) -> Any:
    """The one function that is called from outside."""
    enable()
    return cfunc(ENTRY_SIGNATURE, forceinline=True, **JIT_OPTIONS)(text)


def loop_entry(loop: FunctionType) -> Any:
    """A loop of the engine as a function that is called from outside."""
    enable()
    return cfunc(LOOP_SIGNATURE, **JIT_OPTIONS)(loop)


def apart_entry(text: Callable[..., Any]) -> Any:
    """The one function through which those of a file are called that are compiled apart."""
    enable()
    return cfunc(APART_SIGNATURE, **JIT_OPTIONS)(text)


def warm_up() -> None:
    """What Numba does once, for whatever is compiled first."""
    enable()
    cfunc(LOOP_SIGNATURE, **JIT_OPTIONS)(lambda one, other: one + other)


def inlined(function: FunctionType) -> Any:
    """A function that is compiled apart, to be compiled into that entry."""
    return hot_inline(update_wrapper(FunctionType(function.__code__, function.__globals__), function))


__all__ = [
    "accessor", "add", "apart_entry", "entry_point", "function", "i64", "inlined", "loop_entry", "mul", "record", "s8",
    "s16", "s32", "s64", "shl", "sub", "times", "u8", "u16", "u32", "u64",
]  # fmt: skip
