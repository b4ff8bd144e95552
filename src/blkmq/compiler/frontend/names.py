# SPDX-License-Identifier: MIT
"""Locals and constants by name."""

from __future__ import annotations

import ast
from dataclasses import replace

from blkmq.compiler.frontend.convert import fitted, type_name
from blkmq.compiler.frontend.nouns import S64, constant
from blkmq.compiler.frontend.scope import Rejected, Scope, lowers
from blkmq.compiler.program import Assign, Do, Expr, Fetch, Int, Invoke, Kind, Local, Type
from blkmq.mq.integer import S64_MAX, S64_MIN


@lowers(ast.Constant)
def _literal(scope: Scope, node: ast.Constant) -> Expr:
    if isinstance(node.value, str | bytes):
        raise scope.refused("string", node)
    if isinstance(node.value, float | complex):
        raise scope.refused("float", node)
    return known(scope, node.value, node)


def known(scope: Scope, value: object, node: ast.expr) -> Expr:
    """A Python constant: an integer, bool, enum member or None."""
    name = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
    expr = constant(value, name)
    if expr is None:
        raise scope.refused("constant", node, f"this is {_described(value)}")
    if isinstance(expr, Int) and not S64_MIN <= expr.value <= S64_MAX:
        raise scope.refused("int-range", node)
    return expr


def _described(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"


def is_local(scope: Scope, name: str) -> bool:
    """Whether a name is the function's own: a parameter, or assigned somewhere in it."""
    return name in scope.types or name in scope.assignments or name in scope.poisoned


def local(scope: Scope, node: ast.Name) -> Expr:
    """A local's value; refused where it may have none."""
    if node.id in scope.poisoned:
        raise Rejected(None)
    if node.id not in scope.types or (scope.assigned is not None and node.id not in scope.assigned):
        raise scope.refused("unassigned", node)
    return Local(scope.types[node.id], node.id)


def assign_local(scope: Scope, target: ast.Name, expr: Expr, node: ast.AST, annotated: Type | None = None) -> Expr:
    """``name = value``; returns the local.  The first assignment gives it its type."""
    name = target.id
    if expr.type.kind is Kind.SEGMENT:
        raise scope.refused("segment", node)
    if name == scope.self_name or name in scope.singles or scope.types.get(name, S64).kind is Kind.SEGMENT:
        raise scope.refused("alias", node)
    wanted = annotated or scope.types.get(name) or _type_of_new(scope, expr, node)
    if scope.types.get(name, wanted) != wanted:
        raise scope.refused("type-changes", node, f"{name} is {type_name(scope.types[name])}, now {type_name(wanted)}")
    value = fitted(scope, expr, wanted, node, rule="type-changes", where=name)
    scope.types[name] = wanted
    if wanted.kind is Kind.S64 and scope.assignments.get(name) == 1 and not is_parameter(scope, name):
        scope.ranges[name] = scope.interval(value)
    if not _renamed(scope, value, name):
        scope.emit(Assign(scope.line, name, value))
    if scope.assigned is not None:
        scope.assigned.add(name)
    scope.poisoned.discard(name)
    return Local(wanted, name)


def is_parameter(scope: Scope, name: str) -> bool:
    return any(p.name == name for p in scope.signature.parameters)


def _type_of_new(scope: Scope, expr: Expr, node: ast.AST) -> Type:
    if expr.type.kind is Kind.NONE:
        raise scope.refused("none", node)
    if expr.type.kind in (Kind.REQUEST, Kind.PAGE):
        return Type(expr.type.kind, optional=True)
    return expr.type


def _renamed(scope: Scope, value: Expr, name: str) -> bool:
    """Whether the last statement, which made the value, could put it into the local at once."""
    last = scope.out[-1] if scope.out else None
    if (
        isinstance(last, Do | Fetch | Invoke)
        and isinstance(value, Local)
        and value.name == last.target
        and value.name in scope.temps
    ):
        scope.out[-1] = replace(last, target=name)
        return True
    return False
