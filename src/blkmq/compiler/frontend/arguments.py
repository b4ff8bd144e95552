# SPDX-License-Identifier: MIT
"""Arguments of a call, bound to the parameters of whatever is called."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from blkmq.compiler.frontend.arithmetic import in_order
from blkmq.compiler.frontend.convert import fitted
from blkmq.compiler.frontend.nouns import Formal
from blkmq.compiler.frontend.places import resolve
from blkmq.compiler.frontend.scope import Scope
from blkmq.compiler.program import Expr, Kind, Place, Type


def bound(scope: Scope, node: ast.Call, formals: Sequence[Formal]) -> tuple[Expr, ...]:
    """Arguments in the order of the parameters, evaluated in the order of the text."""
    given = _matched(scope, node, formals)
    for formal in formals:
        if formal.name in given:
            if formal.root is not None:
                _check_single(scope, given[formal.name], formal)
        elif formal.default is None:
            raise scope.refused("argument", node, f"{formal.name} is missing", hint=_spelled(formals))
    singles = {formal.name for formal in formals if formal.root is not None}
    passed = {name: argument for name, argument in given.items() if name not in singles}
    values = {formal.name: formal.default for formal in formals if formal.default is not None}
    values |= dict(zip(passed, in_order(scope, list(passed.values()), _argument), strict=True))

    def fit(name: str, kind: Type) -> Expr:
        return fitted(scope, values[name], kind, given.get(name, node), rule="argument-type", where=name)

    return tuple(fit(formal.name, formal.type) for formal in formals if formal.type is not None)


def _matched(scope: Scope, node: ast.Call, formals: Sequence[Formal]) -> dict[str, ast.expr]:
    """Which argument each parameter gets."""
    positional = [formal.name for formal in formals if formal.by_position]
    named = [formal.name for formal in formals if formal.by_name]
    if len(node.args) > len(positional):
        raise scope.refused("argument", node, f"takes {len(positional)}, gets {len(node.args)}", hint=_spelled(formals))
    given = dict(zip(positional, node.args, strict=False))
    for keyword in node.keywords:
        assert keyword.arg is not None
        if keyword.arg not in named or keyword.arg in given:
            raise scope.refused("argument", node, f"{keyword.arg}=", hint=_spelled(formals))
        given[keyword.arg] = keyword.value
    return given


def _spelled(formals: Sequence[Formal]) -> str:
    return "its parameters: " + (", ".join(formal.name for formal in formals) or "none")


def _argument(scope: Scope, node: ast.expr) -> Expr:
    value = scope.value(node)
    if value.type.kind is Kind.SEGMENT:
        raise scope.refused("segment", node)
    return value


def _check_single(scope: Scope, argument: ast.expr, formal: Formal) -> None:
    thing = resolve(scope, argument)
    if not isinstance(thing, Place) or thing.root is not formal.root or thing.path:
        raise scope.refused("argument-type", argument, f"{formal.name} is another")
