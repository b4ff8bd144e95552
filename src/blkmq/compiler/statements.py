# SPDX-License-Identifier: MIT
"""Simple statements, ``if`` and ``with``."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import get_type_hints

from blkmq.compiler.arithmetic import augmented
from blkmq.compiler.convert import fitted, number, test
from blkmq.compiler.logic import assigned_when, decision
from blkmq.compiler.names import assign_local, is_local, local
from blkmq.compiler.nouns import LOCKS, NONE, in_flight
from blkmq.compiler.places import Known, byte_access, fetch, resolve, store
from blkmq.compiler.program import (
    Absent, Bool, Break, Check, Continue, Do, Expr, Guard, If, Invoke, Kind, Local, Locked, Place, Return, Type,
)  # fmt: skip
from blkmq.compiler.scope import Scope, lowers_statement
from blkmq.mq.errors import Fault


# --- assignments ------------------------------------------------------------------------------------
@lowers_statement(ast.Assign)
def _assign(scope: Scope, node: ast.Assign) -> None:
    if len(node.targets) != 1 or isinstance(node.targets[0], ast.Tuple | ast.List | ast.Starred):
        scope.refuse("unpack", node)
    _assign_to(scope, node.targets[0], node.value, node)


def _assign_to(scope: Scope, target: ast.expr, value: ast.expr, node: ast.stmt) -> None:
    """Python evaluates the value first, then what the target needs."""
    if isinstance(target, ast.Name):
        assign_local(scope, target, scope.value(value), node)
        return
    expr = scope.value(value)
    if not isinstance(expr, Local) or expr.name in scope.names:
        before = len(scope.out)
        place = _target(scope, target)
        if len(scope.out) > before:  # loading the target's parts comes after the value
            loads = scope.out[before:]
            del scope.out[before:]
            expr = scope.held(expr)
            scope.out += loads
    else:
        place = _target(scope, target)
    _put(scope, place, expr, node)


@lowers_statement(ast.AnnAssign)
def _annotated_assign(scope: Scope, node: ast.AnnAssign) -> None:
    if not isinstance(node.target, ast.Name):
        scope.refuse("local-annotation", node)
    kind = _annotation(scope, node.annotation)
    if kind is None or kind.kind is Kind.NONE:
        scope.refuse("local-annotation", node)
    if node.value is None:
        if scope.types.get(node.target.id, kind) != kind:
            scope.refuse("type-changes", node)
        scope.types[node.target.id] = kind
        return
    assign_local(scope, node.target, scope.value(node.value), node, kind)


def _annotation(scope: Scope, annotation: ast.expr) -> Type | None:
    """A local's annotation, evaluated as one of the function's own would be."""

    def holder() -> None: ...

    holder.__annotations__ = {"local": ast.unparse(annotation)}
    names = {**scope.function.__globals__, **scope.closure}
    try:
        return in_flight(get_type_hints(holder, globalns=names, include_extras=True)["local"])
    except NameError:
        scope.refuse("annotation-name", annotation)


@lowers_statement(ast.AugAssign)
def _augmented_assign(scope: Scope, node: ast.AugAssign) -> None:
    if isinstance(node.target, ast.Name):
        if not is_local(scope, node.target.id):
            scope.refuse("name", node.target)
        assign_local(scope, node.target, augmented(scope, local(scope, node.target), node.op, node.value, node), node)
        return
    place = _target(scope, node.target)
    if isinstance(place, Place):
        old = fetch(scope, place, node.target)
    else:
        old = scope.temp("byte", Type(Kind.S64))
        scope.ranges[old.name] = (0, 255)
        scope.emit(byte_access(scope, place[0], "getitem", (place[1],), old.name))
    _put(scope, place, augmented(scope, old, node.op, node.value, node), node)


Target = Place | tuple[Expr, Expr]  #: a field, or a page or segment with an index


def _target(scope: Scope, node: ast.expr) -> Target:
    if isinstance(node, ast.Subscript):
        base = resolve(scope, node.value)
        if isinstance(base, Expr) and base.type.kind in (Kind.PAGE, Kind.SEGMENT) and not isinstance(node.slice, ast.Slice):
            held = base if base.type.kind is Kind.SEGMENT else scope.held(base, "page")
            return held, scope.held(number(scope, node.slice), "index")
    elif not isinstance(node, ast.Attribute):
        scope.refuse("unpack", node)
    elif isinstance(base := resolve(scope, node.value), Expr):
        scope.refuse("read-only", node)
    thing = resolve(scope, node)
    if isinstance(thing, Expr | Known):
        scope.refuse("read-only", node)
    return thing


def _put(scope: Scope, target: Target, expr: Expr, node: ast.stmt) -> None:
    if isinstance(target, Place):
        store(scope, target, expr, node)
        return
    base, index = target
    value = fitted(scope, expr, Type(Kind.S64), node, rule="field-type", where="a byte")
    scope.emit(byte_access(scope, base, "setitem", (index, value)))


# --- the rest ------------------------------------------------------------------------------------------
@lowers_statement(ast.Expr)
def _expression(scope: Scope, node: ast.Expr) -> None:
    if isinstance(node.value, ast.Constant) and (node.value.value is ... or isinstance(node.value.value, str)):
        return  # a docstring
    if not isinstance(node.value, ast.Call):
        scope.value(node.value)  # may have a rule of its own
        scope.refuse("no-effect", node)
    expr = scope.value(node.value)
    last = scope.out[-1] if scope.out else None
    if isinstance(last, Do | Invoke) and isinstance(expr, Local) and last.target == expr.name:
        scope.out[-1] = replace(last, target="")


@lowers_statement(ast.Pass)
def _pass(scope: Scope, node: ast.Pass) -> None:
    """Nothing to do."""


@lowers_statement(ast.Assert)
def _assert(scope: Scope, node: ast.Assert) -> None:
    condition = test(scope, node.test)
    if isinstance(condition, Bool) and condition.value:
        return
    text = node.msg.value if isinstance(node.msg, ast.Constant) and isinstance(node.msg.value, str) else ""
    if not isinstance(condition, Local | Bool):
        condition = scope.spill(condition, "holds")
    scope.emit(Guard(scope.line, Check.ASSERT, Fault.ASSERT, condition, text=text or ast.unparse(node.test)))


@lowers_statement(ast.Return)
def _return(scope: Scope, node: ast.Return) -> None:
    wanted = scope.signature.returns
    expr = scope.value(node.value) if node.value else None
    if wanted == NONE:
        if expr is not None and not (isinstance(expr, Absent) or expr.type == NONE):
            scope.refuse("return-type", node, "the function is annotated -> None")
        value = None
    elif expr is None:
        scope.refuse("return-type", node)
    else:
        value = fitted(scope, expr, wanted, node, rule="return-type", where="the result")
    scope.emit(Return(scope.line, value))
    scope.assigned = None


@lowers_statement(ast.Break)
def _break(scope: Scope, node: ast.Break) -> None:
    scope.emit(Break(scope.line))
    scope.loops[-1].breaks.append(scope.assigned or set())
    scope.assigned = None


@lowers_statement(ast.Continue)
def _continue(scope: Scope, node: ast.Continue) -> None:
    scope.emit(Continue(scope.line))
    scope.assigned = None


@lowers_statement(ast.If)
def _if(scope: Scope, node: ast.If) -> None:
    live = set(scope.live_temps)
    condition = decision(scope, node.test)
    scope.live_temps = live
    if isinstance(condition, Bool):
        for statement in node.body if condition.value else node.orelse:
            scope.statement(statement)
        return
    line = scope.line
    before = scope.assigned or set()
    scope.assigned = before | assigned_when(node.test, True)
    then = scope.statements(node.body)
    after_then = scope.assigned
    scope.assigned = before | assigned_when(node.test, False)
    otherwise = scope.statements(node.orelse)
    scope.assigned = _both(after_then, scope.assigned)
    scope.emit(If(line, condition, then, otherwise))


def _both(one: set[str] | None, other: set[str] | None) -> set[str] | None:
    """What is assigned where two ways meet; a way that ends does not count."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


@lowers_statement(ast.With)
def _with(scope: Scope, node: ast.With) -> None:
    if len(node.items) != 1:
        scope.refuse("with", node)
    (item,) = node.items
    if not isinstance(item.context_expr, ast.Name | ast.Attribute):
        scope.refuse("with", node)
    lock = resolve(scope, item.context_expr)
    if not isinstance(lock, Place) or lock.field.noun not in LOCKS or item.optional_vars is not None:
        scope.refuse("with", node)
    line = scope.line
    body = scope.statements(node.body)
    scope.emit(Locked(line, lock.field.noun, lock, body))
