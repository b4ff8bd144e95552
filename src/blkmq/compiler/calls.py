# SPDX-License-Identifier: MIT
"""Calls: built-in functions, the driver's own methods and helpers, enums, and the verbs of the nouns."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from types import ModuleType

from blkmq.abi.page import PAGE_SIZE
from blkmq.compiler.arithmetic import absolute, extreme, in_order
from blkmq.compiler.convert import fitted, number, test
from blkmq.compiler.names import is_local
from blkmq.compiler.nouns import (
    CALLERS,
    NONE,
    S64,
    VERB_CLASSES,
    VerbSignature,
    signature_of_function,
    signature_of_verb,
    verbs_of,
)
from blkmq.compiler.places import Known, Thing, reaching_raises, resolve
from blkmq.compiler.program import (
    Check,
    Do,
    Expr,
    Guard,
    Int,
    Invoke,
    Kind,
    Local,
    Place,
    Root,
    SegmentLength,
    Type,
)
from blkmq.compiler.scope import Rejected, Scope, lowers
from blkmq.compiler.signatures import Signature
from blkmq.compiler.source import is_python_function
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
    method = _method(scope, base, func.attr)
    if method:
        return _invoke(scope, node, method)
    return _call_verb(scope, node, func, base)


def _method(scope: Scope, base: Thing, name: str) -> Signature | None:
    if not isinstance(base, Place) or base.path or base.root not in (Root.SELF, Root.SHARED):
        return None
    owner = scope.driver.cls if base.root is Root.SELF else scope.driver.cls.Shared
    function = inspect.getattr_static(owner, name, None)
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
    if isinstance(target, Callable) and target in BUILTINS:  # type: ignore[arg-type]
        (kind, arguments) = BUILTINS[target], node.args  # type: ignore[index]
        if node.keywords or not kind.least <= len(arguments) <= kind.most:
            raise scope.refused("argument", node, hint=kind.hint)
        return kind.lower(scope, node, arguments)
    if target is builtins.range:
        raise scope.refused("range", node)
    if target is builtins.print:
        raise scope.refused("print", node)
    if target in (builtins.str, builtins.repr, builtins.format, builtins.chr, builtins.bytes, builtins.bytearray):
        raise scope.refused("string", node)
    if target is builtins.float or target is builtins.round:
        raise scope.refused("float", node)
    if target in (builtins.list, builtins.dict, builtins.tuple, builtins.set):
        raise scope.refused("collection", node)
    if is_python_function(target):
        if verb_of(target):
            return _do(scope, node, _signature(target), None)
        if not target.__module__.startswith("blkmq.mq.") and target.__qualname__ == target.__name__:
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
        return Int(S64, thing.field.length)
    if isinstance(thing, Local) and thing.type.kind is Kind.SEGMENT:
        return SegmentLength(S64, thing.name)
    if isinstance(thing, Expr) and thing.type.kind is Kind.PAGE:
        return Int(S64, PAGE_SIZE, "PAGE_SIZE")
    raise scope.refused("length", node)


def _integer(scope: Scope, _: ast.Call, arguments: list[ast.expr]) -> Expr:
    value = number(scope, arguments[0])
    if isinstance(value, Int):
        return Int(S64, value.value, value.name)
    return replace(value, type=S64)


BUILTINS: dict[Callable[..., object], Builtin] = {
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
    scope.driver.note_enum(enum)
    kind = Type(Kind.S64, enum=enum.__name__)
    value = number(scope, node.args[0])
    if value.type == kind:
        return value
    if issubclass(enum, IntFlag):
        return Int(kind, value.value) if isinstance(value, Int) else replace(value, type=kind)
    members = tuple(sorted({int(member) for member in enum.__members__.values()}))
    if isinstance(value, Int):
        if value.value not in members:
            raise scope.refused("enum-member", node)
        return Int(kind, value.value, f"{enum.__name__}.{enum(value.value).name}")
    value = scope.held(value)
    fault = Fault.STATUS if enum.__name__ == "BlkStatus" else Fault.VALUE
    scope.emit(Guard(scope.line, Check.MEMBER, fault, value, members=members, text=enum.__name__))
    return replace(value, type=kind)


# --- arguments -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Wanted:
    """A parameter, whichever kind of function it is of."""

    name: str
    type: Type | None  #: None: the one TagSet, QueueLimits or GenDisk
    default: Expr | None
    root: Root | None = None


def _arguments(scope: Scope, node: ast.Call, wanted: Sequence[Wanted]) -> tuple[Expr, ...]:
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


# --- the driver's own functions ------------------------------------------------------------------------
def _invoke(scope: Scope, node: ast.Call, callee: Signature) -> Expr:
    if callee.broken:
        raise Rejected(None)
    wanted = [Wanted(p.name, p.type, p.default, p.root) for p in callee.parameters]
    args = _arguments(scope, node, wanted)
    scope.driver.lower(callee, scope, node)
    if callee.returns == NONE:
        scope.emit(Invoke(scope.line, "", callee.name, args, NONE))
        return Expr(NONE)
    result = scope.temp(f"{callee.source.name}_result", callee.returns)
    scope.emit(Invoke(scope.line, result.name, callee.name, args, callee.returns))
    return result


# --- verbs ------------------------------------------------------------------------------------------------
def _call_verb(scope: Scope, node: ast.Call, func: ast.Attribute, base: Thing) -> Expr:
    assert not isinstance(base, Known)
    if isinstance(base, Expr):
        noun = base.type.kind.value
        if noun == "Request" and func.attr == "segments":
            raise scope.refused("segments", node)
    else:
        noun = base.field.noun or base.field.record
    place = base if isinstance(base, Place) and base.field.noun != "Request" else None
    subject = base if isinstance(base, Expr) else None
    if isinstance(base, Place) and base.field.noun == "Request":
        subject = scope.value(func.value)
    signature = signature_of_verb(noun, func.attr) if noun in VERB_CLASSES else None
    if signature is None or func.attr.startswith("__"):
        known = verbs_of(noun) if noun in VERB_CLASSES else scope.driver.method_names()
        raise scope.refused("verb", node, hint=scope.driver.near(func.attr, known))
    return _do(scope, node, signature, subject, place)


def _do(scope: Scope, node: ast.Call, verb: VerbSignature, subject: Expr | None, place: Place | None = None) -> Expr:
    """A verb; its subject is evaluated before its arguments."""
    segment = ""
    if subject is not None and subject.type.kind is Kind.SEGMENT:
        assert isinstance(subject, Local)
        subject, segment = None, subject.name
    elif subject is not None:
        subject = scope.held(subject, verb.noun.lower())
    if place is not None and verb.noun in CALLERS:
        _check_caller(scope, node, verb, place)
    args = _arguments(scope, node, [Wanted(p.name, p.type, p.default) for p in verb.parameters])
    slot = place.field.slot if place is not None else -1
    fallible = verb.fallible or (place is not None and reaching_raises(scope, place))
    target = ""
    result = Expr(NONE)
    if verb.result.kind is not Kind.NONE:
        result = scope.temp(_result_name(verb), verb.result)
        target = result.name
    scope.emit(Do(scope.line, target, verb.noun, verb.name, subject, place, segment, args, verb.result, fallible, slot))
    return result


def _result_name(verb: VerbSignature) -> str:
    named = {Kind.PAGE: "page", Kind.REQUEST: "rq"}
    return named.get(verb.result.kind, f"{verb.name}_result")


def _check_caller(scope: Scope, node: ast.Call, verb: VerbSignature, place: Place) -> None:
    """A timer or work in the Pdu serves a request, one in the driver serves the disk."""
    if verb.name not in ("start", "queue"):
        return
    gives_request = len(node.args) == len(verb.parameters) or any(k.arg == "rq" for k in node.keywords)
    if gives_request is not (place.root is Root.PDU):
        raise scope.refused("caller-request", node)
