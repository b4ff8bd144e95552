# SPDX-License-Identifier: MIT
"""+ - * // % << >> & | ^ ~: folded where constant, guarded where they may raise."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace

from blkmq.compiler.frontend.convert import as_number, negated, number, test
from blkmq.compiler.frontend.nouns import BOOL, S64, is_flag
from blkmq.compiler.frontend.scope import Scope, lowers
from blkmq.compiler.program import (
    Binary,
    Bool,
    Check,
    Choose,
    Compare,
    Expr,
    Extreme,
    Guard,
    Int,
    Kind,
    SegmentLength,
    Truth,
    Unary,
)
from blkmq.compiler.walk import expressions_in, locals_in, statements_in
from blkmq.mq.errors import Fault
from blkmq.mq.integer import S64_MAX, S64_MIN

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%", ast.LShift: "<<",
    ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.Pow: "**", ast.Div: "/", ast.MatMult: "@",
}  # fmt: skip

_FOLD: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "<<": operator.lshift, ">>": operator.rshift, "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "**": operator.pow,
}  # fmt: skip


def in_order(scope: Scope, nodes: Sequence[ast.expr], lower: Callable[[Scope, ast.expr], Expr]) -> list[Expr]:
    """Lowers operands from left to right; what a later one could change of an earlier one is kept aside."""
    done: list[tuple[int, Expr]] = []  # where in the block each was ready
    for node in nodes:
        expr = lower(scope, node)
        for i, (at, earlier) in enumerate(done):
            kept = as_it_was(scope, earlier, at)
            if kept is not earlier:
                done = [(a + (a >= at), e) for a, e in done]
                done[i] = (at + 1, kept)
        done.append((len(scope.out), expr))
    return [expr for _, expr in done]


def as_it_was(scope: Scope, expr: Expr, at: int) -> Expr:
    """The expression's value at an earlier place in the block: kept there, if statements since then change it."""
    since = scope.out[at:]
    changed: set[str] = set()
    for statement in statements_in(since):
        changed |= {getattr(statement, "target", ""), getattr(statement, "segment", "")}
    lengths = {part.segment for part in expressions_in(expr) if isinstance(part, SegmentLength)}
    if changed.isdisjoint(locals_in(expr) | lengths):
        return expr
    del scope.out[at:]
    kept = scope.spill(expr)
    scope.out.extend(since)
    return kept


@lowers(ast.BinOp)
def _binary_operation(scope: Scope, node: ast.BinOp) -> Expr:
    _check_operator(scope, node.op, node)
    left, right = in_order(scope, [node.left, node.right], lambda s, n: s.value(n))
    return binary(scope, OPERATORS[type(node.op)], left, right, node)


def _check_operator(scope: Scope, op: ast.operator, node: ast.AST) -> None:
    if isinstance(op, ast.Div):
        raise scope.refused("true-division", node)
    if isinstance(op, ast.MatMult):
        raise scope.refused("construct", node)


def augmented(scope: Scope, old: Expr, op: ast.operator, value: ast.expr, node: ast.AST) -> Expr:
    """``old op= value``, ``old`` being loaded already."""
    _check_operator(scope, op, node)
    return binary(scope, OPERATORS[type(op)], old, scope.value(value), node)


def binary(scope: Scope, op: str, left: Expr, right: Expr, node: ast.AST) -> Expr:
    """The result of an operator; what may raise is guarded before."""
    both_bools = left.type.kind is right.type.kind is Kind.BOOL and op in "&|^"
    stays_flag = op in "&|^" and left.type == right.type and is_flag(left.type.enum)
    result_type = left.type if stays_flag else S64
    left, right = _numeric(scope, left, node, "left"), _numeric(scope, right, node, "right")
    if isinstance(right, Int):
        _check_constant(scope, op, left, right, node)
    if isinstance(left, Int) and isinstance(right, Int):
        value = _folded(scope, op, left, right, node)
        return Bool(BOOL, value != 0) if both_bools else Int(result_type, value)
    if op == "**":
        raise scope.refused("power", node)
    if op in ("//", "%") and not _safe_division(scope, left, right):
        left, right = scope.held(left), scope.held(right, "divisor")
        scope.emit(Guard(scope.line, Check.DIVISOR, Fault.ZERO_DIVISION, left, right))
    if op in ("<<", ">>") and not _safe_shift(scope, right):
        left, right = scope.held(left), scope.held(right, "shift")
        scope.emit(Guard(scope.line, Check.SHIFT, Fault.SHIFT, left, right))
    result = Binary(result_type, op, left, right)
    return Truth(BOOL, result) if both_bools else result


def _numeric(scope: Scope, expr: Expr, node: ast.AST, side: str) -> Expr:
    return as_number(scope, expr, getattr(node, side, node))


def _check_constant(scope: Scope, op: str, left: Expr, right: Int, node: ast.AST) -> None:
    if op in ("//", "%") and right.value == 0:
        raise scope.refused("zero-division", node)
    if op in ("<<", ">>") and not 0 <= right.value <= 63:
        raise scope.refused("shift", node)
    if op == "**" and not (isinstance(left, Int) and 0 <= right.value <= 63):
        raise scope.refused("power", node)


def _folded(scope: Scope, op: str, left: Int, right: Int, node: ast.AST) -> int:
    value = _FOLD[op](left.value, right.value)
    if not S64_MIN <= value <= S64_MAX:
        raise scope.refused("overflow", node)
    return value


def _safe_division(scope: Scope, left: Expr, right: Expr) -> bool:
    low, high = scope.interval(right)
    if low <= 0 <= high:
        return False
    return not (low <= -1 <= high) or scope.interval(left)[0] > S64_MIN


def _safe_shift(scope: Scope, right: Expr) -> bool:
    low, high = scope.interval(right)
    return low >= 0 and high <= 63


@lowers(ast.UnaryOp)
def _unary_operation(scope: Scope, node: ast.UnaryOp) -> Expr:
    if isinstance(node.op, ast.Not):
        return negated(test(scope, node.operand))
    value = number(scope, node.operand)
    if isinstance(node.op, ast.UAdd):
        return replace(value, type=S64)
    op = "-" if isinstance(node.op, ast.USub) else "~"
    if isinstance(value, Int):
        result = -value.value if op == "-" else ~value.value
        if result > S64_MAX:
            raise scope.refused("overflow", node)
        return Int(S64, result)
    return Unary(S64, op, value)


def extreme(scope: Scope, op: str, values: list[Expr]) -> Expr:
    """``min`` or ``max`` of two or more integers."""
    if all(isinstance(value, Int) for value in values):
        numbers = [value.value for value in values if isinstance(value, Int)]
        return Int(S64, min(numbers) if op == "min" else max(numbers))
    return Extreme(S64, op, tuple(values))


def absolute(scope: Scope, value: Expr, node: ast.AST) -> Expr:
    """``abs`` of an integer."""
    if isinstance(value, Int):
        if value.value == S64_MIN:
            raise scope.refused("overflow", node)
        return Int(S64, abs(value.value))
    low, _ = scope.interval(value)
    if low >= 0:
        return value
    value = scope.held(value)
    return Choose(S64, Compare(BOOL, "<", value, Int(S64, 0)), Unary(S64, "-", value), value)
