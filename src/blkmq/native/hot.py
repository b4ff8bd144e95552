# SPDX-License-Identifier: MIT
"""``@hot``: a function of a hot loop, plain Python until compiled code calls it.

Nothing here imports Numba before :func:`enable` runs; then every hot function can be called from
compiled code, which Numba compiles and inlines, while Python still runs the same text interpreted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

JIT_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
INNER_OPTIONS: dict[str, Any] = {**JIT_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

_functions: list[tuple[Callable[..., Any], dict[str, Any]]] = []
_enabled = 0


def hot(function: F) -> F:
    """Marks a function as part of a hot loop; returns it unchanged."""
    _functions.append((function, INNER_OPTIONS))
    return function


def hot_inline(function: F) -> F:
    """Marks a function on the path of every request: compiled code has it in place, never as a call."""
    _functions.append((function, {**INNER_OPTIONS, "forceinline": True}))
    return function


def enable() -> None:
    """Makes all hot functions and the native verbs known to Numba; may be called again after imports."""
    global _enabled
    from numba.extending import register_jitable

    from blkmq.native import socket_twins, twins

    twins.register()
    socket_twins.register()
    for function, options in _functions[_enabled:]:
        register_jitable(**options)(function)
    _enabled = len(_functions)
