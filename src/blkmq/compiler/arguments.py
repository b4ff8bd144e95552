# SPDX-License-Identifier: MIT
"""Arguments of a call, bound to the parameters of whatever is called."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from blkmq.compiler.arithmetic import in_order
from blkmq.compiler.convert import fitted
from blkmq.compiler.places import resolve
from blkmq.compiler.program import Expr, Kind, Place, Root, Type
from blkmq.compiler.scope import Scope


@dataclass(frozen=True)
class Wanted:
    """A parameter, whichever kind of function it is of."""

    name: str
    type: Type | None  #: None: the one TagSet, QueueLimits or GenDisk
    default: Expr | None
    root: Root | None = None


def bound(scope: Scope, node: ast.Call, wanted: Sequence[Wanted]) -> tuple[Expr, ...]:
    """Arguments in the order of the parameters, evaluated in the order of the text."""
    names = [parameter.name for parameter in wanted]
    if len(node.args) > len(wanted):
        raise scope.refused("argument", node, f"takes {len(wanted)}, gets {len(node.args)}")
    given: dict[str, ast.expr] = dict(zip(names, node.args, strict=False))
    for keyword in node.keywords:
        assert keyword.arg is not None
        if keyword.arg not in names or keyword.arg in given:
            hint = "its parameters: " + (", ".join(names) or "none")
            raise scope.refused("argument", node, f"{keyword.arg}=", hint=hint)
        given[keyword.arg] = keyword.value
    by_name = {parameter.name: parameter for parameter in wanted}
    for name, argument in given.items():
        if by_name[name].root is not None:
            _check_single(scope, argument, by_name[name])
    passed = [name for name in given if by_name[name].root is None]
    values = dict(zip(passed, in_order(scope, [given[name] for name in passed], _argument), strict=True))
    result = []
    for parameter in wanted:
        if parameter.root is not None:
            if parameter.name not in given:
                raise scope.refused("argument", node, f"{parameter.name} is missing")
            continue
        assert parameter.type is not None
        value = values.get(parameter.name, parameter.default)
        if value is None:
            raise scope.refused("argument", node, f"{parameter.name} is missing")
        place = given.get(parameter.name, node)
        result.append(fitted(scope, value, parameter.type, place, rule="argument-type", where=parameter.name))
    return tuple(result)


def _argument(scope: Scope, node: ast.expr) -> Expr:
    value = scope.value(node)
    if value.type.kind is Kind.SEGMENT:
        raise scope.refused("segment", node)
    return value


def _check_single(scope: Scope, argument: ast.expr, parameter: Wanted) -> None:
    thing = resolve(scope, argument)
    if not isinstance(thing, Place) or thing.root is not parameter.root or thing.path:
        raise scope.refused("argument-type", argument, f"{parameter.name} is another")
