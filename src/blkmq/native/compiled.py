# SPDX-License-Identifier: MIT
"""Hot functions as Numba sees them: typed by their annotations, compiled when compiled code first calls them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial, update_wrapper
from pathlib import Path
from types import FunctionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from llvmlite import ir
from llvmlite.binding import add_symbol
from numba import from_dtype, njit, types
from numba.extending import lower_builtin, type_callable

from blkmq.native.cache import kept
from blkmq.native.hot import APART_ARGUMENTS, CELL_PREFIX, Apart
from blkmq.native.twins import typer

_I64 = ir.IntType(64)


def _type_of(annotation: Any) -> Any:
    """Numba's type for an annotation."""
    if annotation in (int, bool, type(None)):
        return {int: types.int64, bool: types.boolean}.get(annotation, types.none)
    if get_origin(annotation) is tuple:
        return types.Tuple([_type_of(part) for part in get_args(annotation)])  # type: ignore[no-untyped-call]
    return from_dtype(np.dtype(annotation))


def _signature_of(function: Callable[..., Any]) -> Any:
    """A function's annotations as Numba's signature; without a return type if that is made at run time."""
    hints = get_type_hints(function)
    returns = hints.pop("return")
    arguments = tuple(_type_of(hint) for hint in hints.values())
    return arguments if returns is Any else _type_of(returns)(*arguments)


def _register(function: Callable[..., Any], signature: Callable[[], Any], lower: Callable[..., Any]) -> None:
    """Tells Numba a function's signature, and what to put where it is called."""

    @type_callable(function)
    def typing(context: Any) -> Any:
        return typer(len(function.__annotations__) - 1, signature)

    @lower_builtin(function, types.VarArg(types.Any))  # type: ignore[no-untyped-call, untyped-decorator]
    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return lower(context, builder, signature(), args)


def _kept_copy(function: Any) -> Any:
    """The function as if it stood in a file of the cache, beside which Numba keeps its machine code."""
    path = kept(function.__module__, Path(function.__code__.co_filename).read_text())
    code = function.__code__.replace(co_filename=str(path))
    return update_wrapper(FunctionType(code, function.__globals__, function.__name__), function)


def register_hot(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """A function that is compiled into whatever calls it."""

    @cache
    def compiled() -> Any:
        return njit(_signature_of(function), cache=True, **options)(_kept_copy(function))

    @cache
    def signature() -> Any:
        annotated = _signature_of(function)
        return compiled().nopython_signatures[0] if isinstance(annotated, tuple) else annotated

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        callee = context.get_function(types.Dispatcher(compiled()), signature)
        context.add_linking_libs(callee.libs)
        return callee(builder, args)

    _register(function, signature, lower)


def register_apart(group: Apart) -> None:
    """Functions that are called through their group's cell."""
    symbol = CELL_PREFIX + group.module
    add_symbol(symbol, group.cell_address)
    for number, function in enumerate(group.functions):
        _register(function, partial(_signature_of, function), _call_through(symbol, number))


def _call_through(symbol: str, number: int) -> Callable[..., Any]:
    kind = ir.FunctionType(_I64, [_I64] * (1 + APART_ARGUMENTS)).as_pointer()

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        cell = builder.module.globals.get(symbol) or ir.GlobalVariable(builder.module, _I64, symbol)
        values = [_word(builder, value) for value in args]
        padding = [_I64(0)] * (APART_ARGUMENTS - len(values))
        result = builder.call(builder.inttoptr(builder.load(cell), kind), [_I64(number), *values, *padding])
        returns = signature.return_type
        if returns == types.boolean:
            return builder.icmp_signed("!=", result, _I64(0))
        return context.get_dummy_value() if returns == types.none else result

    return lower


def _word(builder: Any, value: Any) -> Any:
    """An argument as an int64: a record by its address."""
    if isinstance(value.type, ir.PointerType):
        return builder.ptrtoint(value, _I64)
    return value if value.type == _I64 else builder.zext(value, _I64)
