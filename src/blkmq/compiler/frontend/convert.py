# SPDX-License-Identifier: MIT
"""From one type to another: numbers, truth, and whether a value fits where it is to go."""

from __future__ import annotations

import ast
from dataclasses import replace

from blkmq.compiler.frontend.nouns import BOOL, S64
from blkmq.compiler.frontend.scope import Lower, Scope
from blkmq.compiler.program import (
    Absent,
    AsInt,
    Bool,
    Compare,
    Expr,
    Int,
    Kind,
    Local,
    Logic,
    SegmentLength,
    Truth,
    Type,
    Unary,
)

#: Expressions that are lowered in another way where only their truth counts.
CONDITIONS: dict[type[ast.expr], Lower] = {}

HANDLES_OR_NONE = (Kind.REQUEST, Kind.PAGE)


def type_name(kind: Type) -> str:
    """A type as an annotation spells it."""
    if kind.kind is Kind.S64:
        return kind.enum or "int"
    name = "None" if kind.kind is Kind.NONE else kind.kind.value
    return f"{name} | None" if kind.optional and kind.kind is not Kind.NONE else name


def number(scope: Scope, node: ast.expr) -> Expr:
    """Lowers an expression that has to be an integer; a bool counts as 0 or 1."""
    return as_number(scope, scope.value(node), node)


def as_number(scope: Scope, expr: Expr, node: ast.AST) -> Expr:
    """The integer that a value is."""
    if expr.type.kind not in (Kind.S64, Kind.BOOL):
        raise scope.refused("number", node, f"this is {type_name(expr.type)}")
    return as_int(expr)


def as_int(expr: Expr) -> Expr:
    """An integer as it is, a bool as 0 or 1."""
    if isinstance(expr, Bool):
        return Int(S64, int(expr.value))
    return AsInt(S64, expr) if expr.type.kind is Kind.BOOL else expr


def truth(scope: Scope, expr: Expr, node: ast.expr) -> Expr:
    """``bool(value)``: an integer is not 0, a handle is there, a segment is not empty."""
    match expr.type.kind:
        case Kind.BOOL:
            return expr
        case Kind.S64:
            return Bool(BOOL, bool(expr.value)) if isinstance(expr, Int) else Truth(BOOL, expr)
        case Kind.REQUEST | Kind.PAGE:
            return Truth(BOOL, expr)
        case Kind.NONE if isinstance(expr, Absent):
            return Bool(BOOL, False)
    if expr.type.kind is Kind.SEGMENT and isinstance(expr, Local):
        return Compare(BOOL, ">", SegmentLength(S64, expr.name), Int(S64, 0))
    raise scope.refused("condition", node, f"this is {type_name(expr.type)}")


def test(scope: Scope, node: ast.expr) -> Expr:
    """Lowers a condition."""
    lower = CONDITIONS.get(type(node))
    return lower(scope, node) if lower else truth(scope, scope.value(node), node)


def zero(kind: Type) -> Expr | None:
    """0, False or None; None where a type has nothing of the kind."""
    match kind.kind:
        case Kind.S64:
            return Int(kind, 0)
        case Kind.BOOL:
            return Bool(kind, False)
        case Kind.REQUEST | Kind.PAGE:
            return Absent(kind)
    return None


def negated(expr: Expr) -> Expr:
    """``not expr`` of a bool."""
    if isinstance(expr, Bool):
        return Bool(BOOL, not expr.value)
    if isinstance(expr, Unary) and expr.op == "not":
        return expr.value
    return Unary(BOOL, "not", expr)


def all_or_any(op: str, values: list[Expr]) -> Expr:
    """``and`` or ``or`` of bools that have been lowered already."""
    decides = op == "or"
    kept = [v for v in values if not (isinstance(v, Bool) and v.value is not decides)]
    if any(isinstance(v, Bool) for v in kept):
        return Bool(BOOL, decides)
    if not kept:
        return Bool(BOOL, not decides)
    return kept[0] if len(kept) == 1 else Logic(BOOL, op, tuple(kept))


def fitted(scope: Scope, expr: Expr, wanted: Type, node: ast.AST, *, rule: str, where: str) -> Expr:
    """The value as the type that a local, parameter, field or result has; refused where it is another's."""
    kind = expr.type.kind
    if kind is Kind.SEGMENT:
        raise scope.refused("segment", node)
    if wanted.kind is Kind.S64 and kind in (Kind.S64, Kind.BOOL):
        if not wanted.enum or wanted.enum == expr.type.enum:
            return as_int(expr)
        raise scope.refused(
            rule, node, f"{where} is {wanted.enum}, this is {type_name(expr.type)}",
            hint=f"write a member of {wanted.enum}, or {wanted.enum}(...), which checks",
        )  # fmt: skip
    if wanted.kind is kind and kind is not Kind.NONE:
        return expr
    if isinstance(expr, Absent) and wanted.kind in HANDLES_OR_NONE and wanted.optional:
        return replace(expr, type=wanted)
    hint = ""
    if wanted.kind is Kind.BOOL and kind is Kind.S64:
        hint = "compare it, as in `x != 0`, or write bool(x)"
    elif isinstance(expr, Absent) and wanted.kind in HANDLES_OR_NONE:
        hint = f"annotate {where} as {wanted.kind.value} | None"
    raise scope.refused(rule, node, f"{where} is {type_name(wanted)}, this is {type_name(expr.type)}", hint=hint)
