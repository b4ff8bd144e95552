# SPDX-License-Identifier: MIT
"""Simple statements, ``if`` and ``with``."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import get_type_hints

from blkmq.compiler.frontend.arithmetic import as_it_was, augmented
from blkmq.compiler.frontend.convert import fitted, test
from blkmq.compiler.frontend.logic import assigned_when, decision
from blkmq.compiler.frontend.names import assign_local, is_local, local
from blkmq.compiler.frontend.nouns import LOCKS, NONE, S64, in_flight
from blkmq.compiler.frontend.places import (
    Bytes,
    Known,
    attribute,
    byte_target,
    element,
    fetch,
    fetch_byte,
    resolve,
    store,
    store_byte,
)
from blkmq.compiler.frontend.scope import Scope, assignment_counts, lowers_statement
from blkmq.compiler.program import (
    Absent,
    Bool,
    Break,
    Check,
    Continue,
    Do,
    Expr,
    Guard,
    If,
    Invoke,
    Kind,
    Local,
    Locked,
    Place,
    Return,
    Type,
)
from blkmq.mq.errors import Fault


# --- assignments ------------------------------------------------------------------------------------
@lowers_statement(ast.Assign)
def _assign(scope: Scope, node: ast.Assign) -> None:
    if len(node.targets) != 1 or isinstance(node.targets[0], ast.Tuple | ast.List | ast.Starred):
        raise scope.refused("unpack", node)
    _assign_to(scope, node.targets[0], node.value, node)


def _assign_to(scope: Scope, target: ast.expr, value: ast.expr, node: ast.stmt) -> None:
    """Python evaluates the value first, then what the target needs."""
    if isinstance(target, ast.Name):
        assign_local(scope, target, scope.value(value), node)
        return
    expr = scope.value(value)
    at = len(scope.out)
    place = _target(scope, target)
    _put(scope, place, as_it_was(scope, expr, at), node)


@lowers_statement(ast.AnnAssign)
def _annotated_assign(scope: Scope, node: ast.AnnAssign) -> None:
    if not isinstance(node.target, ast.Name):
        raise scope.refused("local-annotation", node)
    kind = _annotation(scope, node.annotation)
    if kind is None or kind.kind is Kind.NONE:
        raise scope.refused("local-annotation", node)
    if node.value is None:
        if scope.types.get(node.target.id, kind) != kind:
            raise scope.refused("type-changes", node)
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
        raise scope.refused("annotation-name", annotation) from None


@lowers_statement(ast.AugAssign)
def _augmented_assign(scope: Scope, node: ast.AugAssign) -> None:
    if isinstance(node.target, ast.Name):
        if not is_local(scope, node.target.id):
            raise scope.refused("name", node.target)
        assign_local(scope, node.target, augmented(scope, local(scope, node.target), node.op, node.value, node), node)
        return
    place = _target(scope, node.target)
    if isinstance(place, Place):
        old = fetch(scope, place, node.target)
    else:
        old = fetch_byte(scope, place)
    _put(scope, place, augmented(scope, old, node.op, node.value, node), node)


Target = Place | Bytes


def _target(scope: Scope, node: ast.expr) -> Target:
    if isinstance(node, ast.Subscript):
        base = resolve(scope, node.value)
        if isinstance(base, Expr) and base.type.kind in (Kind.PAGE, Kind.SEGMENT):
            return byte_target(scope, node, base)
        thing = element(scope, node, base)
    elif isinstance(node, ast.Attribute):
        base = resolve(scope, node.value)
        through = isinstance(base, Expr) and node.attr not in ("pdu", "data")
        if through or isinstance(base, Known):
            raise scope.refused("read-only", node)
        thing = attribute(scope, node, base)
    else:
        raise scope.refused("unpack", node)
    if not isinstance(thing, Place):
        raise scope.refused("read-only", node)
    return thing


def _put(scope: Scope, target: Target, expr: Expr, node: ast.stmt) -> None:
    if isinstance(target, Place):
        store(scope, target, expr, node)
        return
    store_byte(scope, target, fitted(scope, expr, S64, node, rule="field-type", where="a byte"))


# --- the rest ------------------------------------------------------------------------------------------
@lowers_statement(ast.Expr)
def _expression(scope: Scope, node: ast.Expr) -> None:
    if isinstance(node.value, ast.Constant) and (node.value.value is ... or isinstance(node.value.value, str)):
        return  # a docstring
    if not isinstance(node.value, ast.Call):
        scope.value(node.value)  # may have a rule of its own
        raise scope.refused("no-effect", node)
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
            raise scope.refused("return-type", node, "the function is annotated -> None")
        value = None
    elif expr is None:
        raise scope.refused("return-type", node)
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
        raise scope.refused("with", node)
    (item,) = node.items
    if not isinstance(item.context_expr, ast.Name | ast.Attribute):
        raise scope.refused("with", node)
    lock = resolve(scope, item.context_expr)
    if not isinstance(lock, Place) or lock.field.noun not in LOCKS or item.optional_vars is not None:
        raise scope.refused("with", node)
    if isinstance(lock.handle, Local) and lock.handle.name in assignment_counts(ast.Module(node.body, [])):
        lock = replace(lock, handle=scope.spill(lock.handle, "hctx"))  # what is unlocked is what was locked
    line = scope.line
    body = scope.statements(node.body)
    scope.emit(Locked(line, lock.field.noun, lock, body))
