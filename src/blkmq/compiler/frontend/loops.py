# SPDX-License-Identifier: MIT
"""``while``, ``for … in range(…)`` and ``for segment in rq.segments()``."""

from __future__ import annotations

import ast
import builtins

from blkmq.compiler.frontend.arithmetic import in_order
from blkmq.compiler.frontend.convert import number, type_name
from blkmq.compiler.frontend.logic import assigned_when, decision
from blkmq.compiler.frontend.names import assign_local, is_local, is_parameter
from blkmq.compiler.frontend.nouns import BOOL, S64
from blkmq.compiler.frontend.scope import LoopState, Scope, assignment_counts, lowers_statement
from blkmq.compiler.program import (
    Assign,
    Binary,
    Bool,
    Compare,
    EachSegment,
    Expr,
    Extreme,
    Int,
    Kind,
    Local,
    Loop,
    Stmt,
    Type,
)
from blkmq.mq.integer import S64_MAX, S64_MIN


def _body(scope: Scope, nodes: list[ast.stmt]) -> tuple[list[Stmt], list[set[str]]]:
    """A loop's body, and what is assigned at each ``break``."""
    scope.loops.append(LoopState())
    try:
        body = scope.statements(nodes)
    finally:
        state = scope.loops.pop()
    return body, state.breaks


@lowers_statement(ast.While)
def _while(scope: Scope, node: ast.While) -> None:
    if node.orelse:
        raise scope.refused("loop-else", node)
    live = set(scope.live_temps)
    line = scope.line
    with scope.block() as head:
        condition = decision(scope, node.test)
    scope.live_temps = live
    if isinstance(condition, Bool) and not condition.value:
        return
    before = scope.assigned or set()
    scope.assigned = before | assigned_when(node.test, True)
    body, breaks = _body(scope, node.body)
    ends = [] if isinstance(condition, Bool) else [before | assigned_when(node.test, False)]
    ways_out = [*ends, *breaks]
    scope.assigned = set.intersection(*ways_out) if ways_out else None
    scope.emit(Loop(line, head, condition, body))


@lowers_statement(ast.For)
def _for(scope: Scope, node: ast.For) -> None:
    if node.orelse:
        raise scope.refused("loop-else", node)
    if not isinstance(node.target, ast.Name):
        raise scope.refused("for", node)
    call = node.iter
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "segments":
        _for_segments(scope, node, node.target, call, call.func)
    elif isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not is_local(scope, call.func.id) \
            and scope.global_value(call.func) is builtins.range:  # fmt: skip
        _for_range(scope, node, node.target, call)
    else:
        raise scope.refused("for", node)


def _for_segments(scope: Scope, node: ast.For, target: ast.Name, call: ast.Call, func: ast.Attribute) -> None:
    request = scope.value(func.value)
    if request.type.kind is not Kind.REQUEST or call.args or call.keywords:
        raise scope.refused("for", node)
    name = target.id
    known = scope.types.get(name)
    if name in scope.singles or (known is not None and known.kind is not Kind.SEGMENT):
        raise scope.refused("type-changes", node, f"{name} has another type elsewhere")
    if known is not None and scope.assigned is not None and name in scope.assigned:
        raise scope.refused("segment", node, f"{name} is the outer loop's")
    in_body = assignment_counts(ast.Module(node.body, []))
    if not isinstance(request, Local) or request.name in in_body:
        request = scope.spill(request, "rq")
    line = scope.line
    before = scope.assigned or set()
    scope.types[name] = Type(Kind.SEGMENT)
    scope.assigned = before | {name}
    body, _ = _body(scope, node.body)
    scope.assigned = before
    scope.emit(EachSegment(line, name, request, body))


def _for_range(scope: Scope, node: ast.For, target: ast.Name, call: ast.Call) -> None:
    in_body = assignment_counts(ast.Module(node.body, []))
    start, stop, step = _bounds(scope, node, target.id, call, in_body)
    before = set(scope.assigned or set())
    # Python leaves the last value in the variable and forgets what the body does to it: then count aside.
    aside = target.id in before or target.id in in_body or is_parameter(scope, target.id)
    line, name = scope.line, target.id
    if not aside and scope.types.setdefault(name, S64) != S64:
        raise scope.refused("type-changes", node, f"{name} is {type_name(scope.types[name])}")
    counter = scope.temp(f"{name}_next", S64) if aside else Local(S64, name)
    low, high = scope.interval(start)[0], scope.interval(stop)[1] - 1
    if step.value < 0:
        low, high = scope.interval(stop)[0] + 1, scope.interval(start)[1]
    if low <= high:
        scope.ranges[counter.name] = (low, high)  # in the body: behind the loop a count has gone one step too far
    scope.emit(Assign(line, counter.name, start))
    scope.assigned = before | {name}
    with scope.block() as body:
        if aside:
            assign_local(scope, target, counter, node)
        inner, _ = _body(scope, node.body)
    body += inner
    scope.assigned = before
    scope.ranges.pop(counter.name, None)
    test = Compare(BOOL, "<" if step.value > 0 else ">", counter, stop)
    scope.emit(Loop(line, [], test, body, [Assign(line, counter.name, _advanced(scope, counter, stop, step))]))


def _bounds(
    scope: Scope, node: ast.For, target: str, call: ast.Call, in_body: dict[str, int]
) -> tuple[Expr, Expr, Int]:
    """Start, stop and step of a range; stop keeps its value while the loop runs."""
    if call.keywords or not 1 <= len(call.args) <= 3 or any(isinstance(a, ast.Starred) for a in call.args):
        raise scope.refused("for", node)
    bounds = in_order(scope, call.args, number)
    start, stop = (Int(S64, 0), bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
    step = bounds[2] if len(bounds) == 3 else Int(S64, 1)
    if not isinstance(step, Int) or step.value == 0:
        raise scope.refused("range-step", node)
    rests = isinstance(stop, Local) and stop.name not in in_body and stop.name != target
    if not isinstance(stop, Int) and not rests:
        stop = scope.spill(stop, f"{target}_stop")
    return start, stop, step


def _advanced(scope: Scope, counter: Expr, stop: Expr, step: Int) -> Expr:
    """``counter + step``, stopping short of overflow."""
    low, high = scope.interval(stop)
    if step.value > 0 and high > S64_MAX - step.value + 1:
        counter = Extreme(S64, "min", (counter, Int(S64, S64_MAX - step.value)))
    if step.value < 0 and low < S64_MIN - step.value - 1:
        counter = Extreme(S64, "max", (counter, Int(S64, S64_MIN - step.value)))
    return Binary(S64, "+", counter, step)
