# SPDX-License-Identifier: MIT
"""Calls: built-in functions, the driver's own methods and helpers, enums, and the verbs of the nouns."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from types import BuiltinFunctionType, ModuleType

from blkmq.abi.page import PAGE_SIZE
from blkmq.compiler.frontend.arguments import bound
from blkmq.compiler.frontend.arithmetic import absolute, extreme, in_order
from blkmq.compiler.frontend.convert import number, test
from blkmq.compiler.frontend.names import is_local
from blkmq.compiler.frontend.nouns import (
    BOOL,
    NONE,
    S64,
    VerbSignature,
    enum_type,
    signature_of_function,
)
from blkmq.compiler.frontend.places import Known, Thing, reach, resolve
from blkmq.compiler.frontend.scope import Rejected, Scope, lowers
from blkmq.compiler.frontend.signatures import Signature
from blkmq.compiler.frontend.source import is_helper, is_python_function, package_of
from blkmq.compiler.frontend.verbs import call_verb, do
from blkmq.compiler.program import (
    Binary,
    Check,
    Compare,
    Expr,
    Guard,
    Int,
    Invoke,
    Kind,
    Local,
    Place,
    Root,
    SegmentLength,
)
from blkmq.mq.at_rest import bits_of
from blkmq.mq.errors import Fault
from blkmq.mq.verb import verb_of


@lowers(ast.Call)
def _call(scope: Scope, node: ast.Call) -> Expr:
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            raise scope.refused("star-argument", node)
    if any(keyword.arg is None for keyword in node.keywords):
        raise scope.refused("star-argument", node)
    if isinstance(node.func, ast.Attribute):
        return _attribute_call(scope, node, node.func)
    if not isinstance(node.func, ast.Name) or is_local(scope, node.func.id):
        raise scope.refused("call", node)
    return _call_known(scope, node, scope.global_value(node.func))


def _attribute_call(scope: Scope, node: ast.Call, func: ast.Attribute) -> Expr:
    if _is_super(func.value):
        return _super_call(scope, node, func)
    base = resolve(scope, func.value)
    if isinstance(base, Known):
        if not isinstance(base.value, ModuleType | type) or not hasattr(base.value, func.attr):
            raise scope.refused("call", node)
        return _call_known(scope, node, getattr(base.value, func.attr))
    method = _method(scope, node, base, func.attr)
    if method:
        return _invoke(scope, node, method)
    return call_verb(scope, node, func, base)


def _method(scope: Scope, node: ast.Call, base: Thing, name: str) -> Signature | None:
    if not isinstance(base, Place) or base.path or base.root not in (Root.SELF, Root.SHARED):
        return None
    owner = scope.driver.cls if base.root is Root.SELF else scope.driver.cls.Shared
    function = inspect.getattr_static(owner, name, None)
    if isinstance(function, staticmethod | classmethod):
        raise scope.refused("decorator", node)
    if function is None or not scope.driver.is_own(function):
        return None
    return scope.driver.method(function, owner)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _super_call(scope: Scope, node: ast.Call, func: ast.Attribute) -> Expr:
    owner = scope.closure.get("__class__")
    order = scope.driver.cls.__mro__
    for cls in order[order.index(owner) + 1 :] if owner in order else ():
        function = vars(cls).get(func.attr)
        if is_python_function(function) and scope.driver.is_own(function):
            return _invoke(scope, node, scope.driver.method(function, cls))
    raise scope.refused("call", node, hint="no base class has this method")


def _call_known(scope: Scope, node: ast.Call, target: object) -> Expr:
    """Calls a Python object that is known while compiling."""
    if isinstance(target, type) and issubclass(target, IntEnum | IntFlag):
        return _enum_call(scope, node, target)
    of_python = target if isinstance(target, type | BuiltinFunctionType) else None
    if of_python in BUILTINS:
        builtin = BUILTINS[of_python]
        if node.keywords or not builtin.least <= len(node.args) <= builtin.most:
            raise scope.refused("argument", node, hint=builtin.hint)
        return builtin.lower(scope, node, node.args)
    if of_python in REFUSED_BUILTINS:
        raise scope.refused(REFUSED_BUILTINS[of_python], node)
    if is_python_function(target) and verb_of(target):
        return do(scope, node, _signature(target))
    if is_helper(target, package_of(scope.driver.cls)):
        return _invoke(scope, node, scope.driver.helper(target))
    raise scope.refused("call", node)


def _signature(function: Callable[..., object]) -> VerbSignature:
    signature = signature_of_function(function, "", function.__name__)
    assert signature is not None
    return signature


# --- built-in functions ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Builtin:
    lower: Callable[[Scope, ast.Call, list[ast.expr]], Expr]
    least: int
    most: int
    hint: str


def _extreme(op: str) -> Callable[[Scope, ast.Call, list[ast.expr]], Expr]:
    return lambda scope, node, arguments: extreme(scope, op, in_order(scope, arguments, number))


def _length(scope: Scope, node: ast.Call, arguments: list[ast.expr]) -> Expr:
    thing = resolve(scope, arguments[0])
    if isinstance(thing, Place) and thing.field.length and thing.index is None:
        reach(scope, thing)
        return Int(S64, thing.field.length)
    if isinstance(thing, Local) and thing.type.kind is Kind.SEGMENT:
        return SegmentLength(S64, thing.name)
    if isinstance(thing, Expr) and thing.type.kind is Kind.PAGE:
        reach(scope, thing)
        return Int(S64, PAGE_SIZE, "PAGE_SIZE")
    raise scope.refused("length", node)


def _integer(scope: Scope, _: ast.Call, arguments: list[ast.expr]) -> Expr:
    value = number(scope, arguments[0])
    if isinstance(value, Int):
        return Int(S64, value.value, value.name)
    return replace(value, type=S64)


REFUSED_BUILTINS: dict[object, str] = {
    range: "range", print: "print", str: "string", repr: "string", format: "string", chr: "string", bytes: "string",
    bytearray: "string", float: "float", round: "float", list: "collection", dict: "collection", tuple: "collection",
    set: "collection", sum: "comprehension", all: "comprehension", any: "comprehension",
}  # fmt: skip

BUILTINS: dict[object, Builtin] = {
    min: Builtin(_extreme("min"), 2, 99, "min(a, b) of two or more integers"),
    max: Builtin(_extreme("max"), 2, 99, "max(a, b) of two or more integers"),
    abs: Builtin(lambda scope, node, args: absolute(scope, number(scope, args[0]), node), 1, 1, "abs(x)"),
    len: Builtin(_length, 1, 1, "len(segment)"),
    int: Builtin(_integer, 1, 1, "int(x)"),
    bool: Builtin(lambda scope, _, args: test(scope, args[0]), 1, 1, "bool(x)"),
}


def _enum_call(scope: Scope, node: ast.Call, enum: type[IntEnum] | type[IntFlag]) -> Expr:
    """``BlkStatus(x)``: the member with that number, checked."""
    if len(node.args) != 1 or node.keywords:
        raise scope.refused("argument", node, hint=f"{enum.__name__}(number)")
    kind = enum_type(enum)
    value = number(scope, node.args[0])
    if value.type == kind:
        return value
    if issubclass(enum, IntFlag):
        return _flags(scope, node, value, enum)
    members = tuple(sorted({int(member) for member in enum.__members__.values()}))
    if isinstance(value, Int):
        if value.value not in members:
            raise scope.refused("enum-member", node)
        return Int(kind, value.value, f"{enum.__name__}.{enum(value.value).name}")
    value = scope.held(value)
    fault = Fault.STATUS if enum.__name__ == "BlkStatus" else Fault.VALUE
    scope.emit(Guard(scope.line, Check.MEMBER, fault, value, members=members, text=enum.__name__))
    return replace(value, type=kind)


def _flags(scope: Scope, node: ast.Call, value: Expr, enum: type[IntFlag]) -> Expr:
    """``ReqFlag(x)``: a set of flags; bits that are none are an error."""
    kind, others = enum_type(enum), ~bits_of(enum)
    if isinstance(value, Int):
        if value.value & others:
            raise scope.refused("enum-member", node)
        return Int(kind, value.value)
    value = scope.held(value)
    known = scope.spill(Compare(BOOL, "==", Binary(S64, "&", value, Int(S64, others)), Int(S64, 0)), "known")
    scope.emit(Guard(scope.line, Check.HOLDS, Fault.VALUE, known, value, text=enum.__name__))
    return replace(value, type=kind)


# --- the driver's own functions ------------------------------------------------------------------------
def _invoke(scope: Scope, node: ast.Call, callee: Signature) -> Expr:
    if callee.broken:
        raise Rejected(None)
    scope.driver.lower(callee, scope, node)
    args = bound(scope, node, callee.parameters)
    if callee.returns == NONE:
        scope.emit(Invoke(scope.line, "", callee.name, args, NONE))
        return Expr(NONE)
    result = scope.temp(f"{callee.source.name}_result", callee.returns)
    scope.emit(Invoke(scope.line, result.name, callee.name, args, callee.returns))
    return result
