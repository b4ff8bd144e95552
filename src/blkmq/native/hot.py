# SPDX-License-Identifier: MIT
"""``@hot``: a function of a hot loop, plain Python until compiled code calls it.

Nothing here imports Numba before :func:`enable` runs; then every hot function can be called from
compiled code, which Numba compiles and inlines, while Python still runs the same text interpreted.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

JIT_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
INNER_OPTIONS: dict[str, Any] = {**JIT_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
INLINE_OPTIONS: dict[str, Any] = {**INNER_OPTIONS, "forceinline": True}

CELL_PREFIX = "blkmq "  #: before the file's name: the symbol of a cell
APART_ARGUMENTS = 7  #: words that a function compiled apart may take


@dataclass
class Apart:
    """The functions of one file that are compiled apart from those who call them, behind one entry point."""

    module: str
    functions: list[Callable[..., Any]] = field(default_factory=list)
    cell: ctypes.c_int64 = field(default_factory=ctypes.c_int64)  #: address of the entry point, once it is loaded

    @property
    def cell_address(self) -> int:
        return ctypes.addressof(self.cell)


_functions: dict[Callable[..., Any], dict[str, Any]] = {}
APART: dict[str, Apart] = {}  #: by file
_enabled: set[Any] = set()


def hot(function: F) -> F:
    """Marks a function as part of a hot loop; returns it unchanged."""
    _functions[function] = INNER_OPTIONS
    return function


def hot_inline(function: F) -> F:
    """Marks a function on the path of every request: compiled code has it in place, never as a call."""
    _functions[function] = INLINE_OPTIONS
    return function


def hot_apart(function: F) -> F:
    """Marks a function that is compiled once for all drivers, so that none takes the time to compile it again.

    It takes up to seven integers, truths or records, and returns an integer, a truth or nothing.
    """
    APART.setdefault(function.__module__, Apart(function.__module__)).functions.append(function)
    return function


def is_apart(function: Callable[..., Any]) -> bool:
    """Whether a function is compiled apart."""
    return function.__module__ in APART and function in APART[function.__module__].functions


def enable() -> None:
    """Makes all hot functions and the native verbs known to Numba; may be called again after imports."""
    from blkmq.native import compiled, file_twins, socket_twins, twins

    twins.register()
    socket_twins.register()
    file_twins.register()
    for function, options in _functions.items():
        if function not in _enabled:
            _enabled.add(function)
            compiled.register_hot(function, options)
    for name, group in APART.items():
        if name not in _enabled:
            _enabled.add(name)
            compiled.register_apart(group)
