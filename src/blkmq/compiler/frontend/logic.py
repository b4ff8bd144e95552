# SPDX-License-Identifier: MIT
"""and, or, comparisons, ``a if test else b``, ``:=``: pure where they can be, If statements where they may raise."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial

from blkmq.compiler.frontend.arithmetic import in_order
from blkmq.compiler.frontend.convert import (
    CONDITIONS,
    all_or_any,
    as_number,
    fitted,
    negated,
    number,
    test,
    truth,
    type_name,
    zero,
)
from blkmq.compiler.frontend.names import assign_local
from blkmq.compiler.frontend.nouns import BOOL, S64
from blkmq.compiler.frontend.scope import Scope, harmless, lowers
from blkmq.compiler.program import (
    Absent,
    Assign,
    Bool,
    Choose,
    Compare,
    Expr,
    If,
    Int,
    Kind,
    Local,
    Type,
)

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_FOLD: dict[str, Callable[[int, int], bool]] = {
    "==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__,
}  # fmt: skip

Part = Callable[[], Expr]  #: lowers one operand to a bool


# --- and, or ----------------------------------------------------------------------------------------
def short_circuit(scope: Scope, op: str, parts: Sequence[Part]) -> Expr:
    """``and`` or ``or`` of conditions: a later one that may raise runs only where Python runs it."""
    first = parts[0]()
    certain = scope.assigned and set(scope.assigned)  # whatever runs
    with scope.block() as rest:
        result = _going_on(scope, op, first, parts[1:])
    for name in sorted((scope.assigned or set()) - (certain or set())):  # by := in there; it is read only where it ran
        if (nothing := zero(scope.types[name])) is not None:
            scope.emit(Assign(scope.line, name, nothing))
    scope.out.extend(rest)
    scope.assigned = certain
    return result


def _going_on(scope: Scope, op: str, first: Expr, parts: Sequence[Part], result: Local | None = None) -> Expr:
    """What ``first`` and the parts after it come to, in ``result`` if that is given.

    A part that may raise, and all that come after it, stand in an If: what it reads they may read again.
    """
    decides = op == "or"
    values = [first]  # pure, evaluated together
    for index, part in enumerate(parts, start=1):
        if isinstance(values[-1], Bool) and values[-1].value is decides:
            break
        with scope.block() as extra:
            value = part()
        if harmless(extra):
            scope.out.extend(extra)
            values.append(value)
            continue
        result = _into(scope, result, all_or_any(op, values))
        with scope.block() as later:
            scope.out.extend(extra)
            _going_on(scope, op, value, parts[index:], result)
        scope.emit(If(scope.line, negated(result) if decides else result, later, []))
        return result
    so_far = all_or_any(op, values)
    return so_far if result is None else _into(scope, result, so_far)


def _into(scope: Scope, result: Local | None, value: Expr) -> Local:
    """The value in a local of its own."""
    if result is None:
        return scope.spill(value, "test")
    scope.emit(Assign(scope.line, result.name, value))
    return result


def _condition(scope: Scope, node: ast.BoolOp) -> Expr:
    op = "and" if isinstance(node.op, ast.And) else "or"
    return short_circuit(scope, op, [partial(test, scope, value) for value in node.values])


CONDITIONS[ast.BoolOp] = _condition


@lowers(ast.BoolOp)
def _bool_operation(scope: Scope, node: ast.BoolOp) -> Expr:
    """``a or b`` as a value is one of its operands, which matters unless all are bools."""
    result = scope.value(node.values[0])
    for later in node.values[1:]:
        first = result if result.type.kind is Kind.BOOL else scope.held(result)
        decided = truth(scope, first, node)
        keep, go_on = partial(_same, first), partial(scope.value, later)
        branches = (go_on, keep) if isinstance(node.op, ast.And) else (keep, go_on)
        result = _either(scope, decided, *branches, node)
    return result


def _same(expr: Expr) -> Expr:
    return expr


# --- a if test else b -------------------------------------------------------------------------------
@lowers(ast.IfExp)
def _if_expression(scope: Scope, node: ast.IfExp) -> Expr:
    decided = test(scope, node.test)
    return _either(scope, decided, partial(scope.value, node.body), partial(scope.value, node.orelse), node)


def _either(scope: Scope, decided: Expr, then: Part, otherwise: Part, node: ast.expr) -> Expr:
    if isinstance(decided, Bool):
        return then() if decided.value else otherwise()
    before = scope.assigned and set(scope.assigned)
    with scope.block() as then_block:
        one = then()
    with scope.block() as other_block:
        other = otherwise()
    scope.assigned = before
    kind = _joined(scope, one, other, node)
    if harmless(then_block) and harmless(other_block):
        scope.out += [*then_block, *other_block]
        one, other = _as(scope, one, kind, node), _as(scope, other, kind, node)
        if kind.kind is Kind.BOOL:
            return _choose_bool(decided, one, other)
        return Choose(kind, decided, one, other)
    result = scope.temp("t", kind)
    then_block.append(Assign(scope.line, result.name, _as(scope, one, kind, node)))
    other_block.append(Assign(scope.line, result.name, _as(scope, other, kind, node)))
    scope.emit(If(scope.line, decided, then_block, other_block))
    return result


def _choose_bool(decided: Expr, one: Expr, other: Expr) -> Expr:
    """Choosing between bools, as ``and`` or ``or`` where one is the condition itself or a constant."""
    if one in (decided, Bool(BOOL, True)):
        return all_or_any("or", [decided, other])
    if other in (decided, Bool(BOOL, False)):
        return all_or_any("and", [decided, one])
    return Choose(BOOL, decided, one, other)


def _as(scope: Scope, expr: Expr, kind: Type, node: ast.expr) -> Expr:
    return fitted(scope, expr, kind, node, rule="type-changes", where="the other branch")


def _joined(scope: Scope, one: Expr, other: Expr, node: ast.expr) -> Type:
    """The type that both branches of a conditional expression fit."""
    kinds = {one.type.kind, other.type.kind}
    if kinds <= {Kind.S64, Kind.BOOL} and len(kinds) == 2:
        return S64
    if kinds == {Kind.S64}:
        return one.type if one.type == other.type else S64
    if Kind.NONE in kinds and len(kinds) == 2:
        return Type(next(k for k in kinds if k is not Kind.NONE), optional=True)
    if len(kinds) == 1:
        return Type(one.type.kind, optional=one.type.optional or other.type.optional)
    raise scope.refused("type-changes", node, f"one branch is {type_name(one.type)}, the other {type_name(other.type)}")


# --- comparisons ---------------------------------------------------------------------------------------
@lowers(ast.Compare)
def _comparison(scope: Scope, node: ast.Compare) -> Expr:
    if len(node.ops) == 1:
        return _compare(scope, node.ops[0], node.left, node.comparators[0], node)
    return _chain(scope, node)


def _chain(scope: Scope, node: ast.Compare) -> Expr:
    """``0 <= x < n``: the middle is read once, and what follows only if the first holds."""
    if not all(type(op) in COMPARISONS for op in node.ops):
        raise scope.refused("comparison", node)
    names = [COMPARISONS[type(op)] for op in node.ops]
    values = in_order(scope, [node.left, node.comparators[0]], number)
    values[1] = scope.held(values[1])

    def link(index: int) -> Expr:
        if index == len(values) - 1:
            values.append(scope.held(number(scope, node.comparators[index])))
        return _compared(names[index], values[index], values[index + 1])

    return short_circuit(scope, "and", [partial(link, i) for i in range(len(names))])


def _compare(scope: Scope, op: ast.cmpop, left: ast.expr, right: ast.expr, node: ast.Compare) -> Expr:
    if isinstance(op, ast.In | ast.NotIn):
        return _membership(scope, op, left, right)
    one, other = in_order(scope, [left, right], lambda s, n: s.value(n))
    if isinstance(op, ast.Is | ast.IsNot):
        return _identity(scope, "is" if isinstance(op, ast.Is) else "is not", one, other, node)
    if one.type.kind is other.type.kind is Kind.BOOL and isinstance(op, ast.Eq | ast.NotEq):
        if isinstance(one, Bool) or isinstance(other, Bool):
            return _compared_bools(one, other, isinstance(op, ast.Eq))
        return Compare(BOOL, COMPARISONS[type(op)], one, other)
    if not {one.type.kind, other.type.kind} <= {Kind.S64, Kind.BOOL}:
        raise scope.refused("comparison", node)
    return _compared(COMPARISONS[type(op)], as_number(scope, one, left), as_number(scope, other, right))


def _compared_bools(one: Expr, other: Expr, equal: bool) -> Expr:
    constant, value = (one, other) if isinstance(one, Bool) else (other, one)
    assert isinstance(constant, Bool)
    if isinstance(value, Bool):
        return Bool(BOOL, (value.value == constant.value) is equal)
    return value if constant.value is equal else negated(value)


def _compared(op: str, one: Expr, other: Expr) -> Expr:
    if isinstance(one, Int) and isinstance(other, Int):
        return Bool(BOOL, _FOLD[op](one.value, other.value))
    return Compare(BOOL, op, one, other)


def _identity(scope: Scope, op: str, one: Expr, other: Expr, node: ast.Compare) -> Expr:
    if isinstance(one, Absent):
        one, other = other, one
    if not isinstance(other, Absent) or one.type.kind not in (Kind.REQUEST, Kind.PAGE):
        raise scope.refused("identity", node)
    return Compare(BOOL, op, one, Absent(Type(one.type.kind, optional=True)))


def _membership(scope: Scope, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Expr:
    """``x in (A, B)``: equal to one of them."""
    if not isinstance(right, ast.Tuple | ast.Set | ast.List):
        raise scope.refused("membership", right)
    value, *members = in_order(scope, [left, *right.elts], number)  # Python makes all of them before it looks
    value = scope.held(value)
    found = all_or_any("or", [_compared("==", value, member) for member in members])
    return found if isinstance(op, ast.In) else negated(found)


# --- := -----------------------------------------------------------------------------------------------------
@lowers(ast.NamedExpr)
def _named_expression(scope: Scope, node: ast.NamedExpr) -> Expr:
    if node not in scope.walruses:
        raise scope.refused("walrus", node)
    return assign_local(scope, node.target, scope.value(node.value), node)


def decision(scope: Scope, node: ast.expr) -> Expr:
    """Lowers the condition of ``if`` or ``while``."""
    scope.walruses |= walruses_in(node)
    return test(scope, node)


def assigned_when(node: ast.expr, outcome: bool | None) -> set[str]:
    """Names that ``:=`` has certainly assigned where a condition came out so; None: either way."""
    match node:
        case ast.NamedExpr(target=target):
            return {target.id}
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return assigned_when(part, None if outcome is None else not outcome)
        case ast.BoolOp(op=op, values=parts):
            if isinstance(op, ast.And) is outcome:  # then all of them ran
                return set().union(*(assigned_when(part, outcome) for part in parts))
            return assigned_when(parts[0], None)
        case ast.Compare(left=left, comparators=others):
            ran = others if outcome else others[:1]
            return set().union(*(assigned_when(part, None) for part in (left, *ran)))
    return set()


def walruses_in(node: ast.expr) -> set[ast.NamedExpr]:
    """The ``:=`` that a condition may hold: an operand of and, or, not, a comparison, or all of it."""
    match node:
        case ast.NamedExpr():
            return {node}
        case ast.BoolOp(values=parts):
            return set().union(*map(walruses_in, parts))
        case ast.UnaryOp(operand=part):
            return walruses_in(part)
        case ast.Compare(left=left, comparators=others):
            return set().union(*map(walruses_in, [left, *others]))
    return set()
