# SPDX-License-Identifier: MIT
"""Fields: ``self.config.size``, ``rq.pdu.status``, ``hctx.data.nr``, ``self.counts[i]``, ``rq.sector``."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from types import ModuleType
from typing import Any

from blkmq.compiler.frontend.convert import HANDLES_OR_NONE, fitted, number
from blkmq.compiler.frontend.intervals import fits
from blkmq.compiler.frontend.names import is_local, known, local
from blkmq.compiler.frontend.nouns import (
    BOOL,
    NONE,
    S64,
    SINGLES,
    VERB_CLASSES,
    constant,
    handle_fields,
    verbs_of,
)
from blkmq.compiler.frontend.scope import Rejected, Scope, harmless, lowers
from blkmq.compiler.program import (
    Assign,
    Bool,
    Check,
    Do,
    Expr,
    Fetch,
    Field,
    Guard,
    Int,
    Kind,
    Local,
    Place,
    Root,
    Store,
    Truth,
    Type,
)
from blkmq.mq.errors import Fault


@dataclass(frozen=True)
class Known:
    """A Python object that is known while compiling: a module, a class, a constant."""

    value: Any


Thing = Expr | Place | Known

ROOT_RECORDS = {root: cls.__name__ for cls, root in SINGLES.items()}


def single(root: Root) -> Place:
    """The disk's tag set, limits or gendisk."""
    return Place(root, (), Field(root.value, record=ROOT_RECORDS[root]))


def resolve(scope: Scope, node: ast.expr) -> Thing:
    """What a chain of names, attributes and indexes leads to, without loading it."""
    if isinstance(node, ast.Name):
        if scope.self_place and node.id == scope.self_name:
            return scope.self_place
        if node.id in scope.singles:
            return single(scope.singles[node.id])
        return local(scope, node) if is_local(scope, node.id) else Known(scope.global_value(node))
    if isinstance(node, ast.Attribute):
        return attribute(scope, node, resolve(scope, node.value))
    if isinstance(node, ast.Subscript):
        return element(scope, node, resolve(scope, node.value))
    return scope.value(node)


@lowers(ast.Name, ast.Attribute, ast.Subscript)
def _load(scope: Scope, node: ast.expr) -> Expr:
    thing = resolve(scope, node)
    if isinstance(thing, Place):
        return fetch(scope, thing, node)
    return known(scope, thing.value, node) if isinstance(thing, Known) else thing


# --- attributes ---------------------------------------------------------------------------------------
def attribute(scope: Scope, node: ast.Attribute, base: Thing) -> Thing:
    """``base.name``."""
    if isinstance(base, Known):
        return _known_attribute(scope, node, base.value)
    if isinstance(base, Place):
        return _field(scope, node, base)
    return _handle_attribute(scope, node, base)


def _known_attribute(scope: Scope, node: ast.Attribute, value: Any) -> Known:
    if isinstance(value, IntEnum | IntFlag) and node.attr == "value":
        return Known(int(value))
    if not isinstance(value, ModuleType | type) or node.attr.startswith("__"):
        raise scope.refused("attribute", node)
    try:
        return Known(getattr(value, node.attr))
    except AttributeError:
        raise scope.refused("attribute", node, hint=scope.driver.near(node.attr, dir(value))) from None


def _field(scope: Scope, node: ast.Attribute, base: Place) -> Thing:
    name = node.attr
    if name == "value" and base.field.sized and base.field.enum not in ("", "bool"):
        return replace(fetch(scope, base, node), type=S64)
    if base.field.noun == "Request":
        return _handle_attribute(scope, node, fetch(scope, base, node))
    if not base.field.record:
        raise scope.refused("attribute", node, hint=_verbs_hint(base))
    record = scope.driver.records[base.field.record]
    for field in record.fields:
        if field.name == name:
            return Place(base.root, (*base.path, name), field, base.handle)
    if base.root is Root.SELF and not base.path:
        if name in ("disk", "tag_set"):
            return single(Root.DISK if name == "disk" else Root.TAG_SET)
        if name == "shared":
            return Place(Root.SHARED, (), Field("shared", record=scope.driver.record_name("shared")))
        value = inspect.getattr_static(scope.driver.cls, name, None)
        if isinstance(value, int) and constant(value) is not None:
            return Known(value)
        if callable(value):
            raise scope.refused("method-value", node)
    if scope.driver.is_refused_field(record.name, name):
        raise Rejected(None)
    names = [field.name for field in record.fields]
    raise scope.refused("field", node, f"{record.name} has none of that name", hint=scope.driver.near(name, names))


def _verbs_hint(base: Place) -> str:
    verbs = verbs_of(base.field.noun) if base.field.noun in VERB_CLASSES else []
    return "its verbs: " + ", ".join(verbs) if verbs else ""


def _handle_attribute(scope: Scope, node: ast.Attribute, base: Expr) -> Thing:
    kind = base.type.kind
    if kind is Kind.S64 and node.attr == "value" and base.type.enum:
        return replace(base, type=S64)
    if kind is Kind.REQUEST and node.attr == "pdu":
        return _through(scope, Root.PDU, "pdu", base)
    if kind is Kind.HW_CTX and node.attr == "data":
        return _through(scope, Root.HW, "hw", base)
    fields = handle_fields(kind) if kind in (Kind.REQUEST, Kind.HW_CTX) else {}
    if node.attr not in fields:
        hint = scope.driver.near(node.attr, [*fields, "pdu", "data"]) if fields else ""
        raise scope.refused("attribute", node, hint=hint)
    field_type, rest = fields[node.attr]
    subject = scope.held(base, "rq")
    prefix = subject.name if isinstance(subject, Local) else kind.value.lower()
    result = scope.temp(f"{prefix}_{node.attr}", field_type)
    if rest:
        scope.ranges[result.name] = (rest.sized.minimum, rest.sized.maximum)
    scope.emit(
        Do(scope.line, result.name, kind.value, node.attr, subject, None, "", (), field_type,
           fallible=kind is Kind.REQUEST)
    )  # fmt: skip
    return result


def _through(scope: Scope, root: Root, role: str, handle: Expr) -> Place:
    held = scope.held(handle, "rq" if root is Root.PDU else "hctx")
    return Place(root, (), Field(role, record=scope.driver.record_name(role)), held)


# --- elements -------------------------------------------------------------------------------------------
def reach(scope: Scope, thing: Place | Expr) -> None:
    """Emits what the way to a place may raise, or the use of an absent handle, and nothing else."""
    if isinstance(thing, Place) and thing.root is Root.PDU:
        scope.emit(Do(scope.line, "", "Request", "tag", thing.handle, None, "", (), S64, fallible=True))
    elif isinstance(thing, Expr) and thing.type.kind in HANDLES_OR_NONE and thing.type.optional:
        there = scope.spill(Truth(BOOL, thing), "there")
        scope.emit(Guard(scope.line, Check.HOLDS, Fault.ABSENT, there))


def reach_before(scope: Scope, thing: Place | Expr, at: int) -> None:
    """Python goes to a place before it evaluates index or arguments, which stand in the block from ``at`` on."""
    later = scope.out[at:]
    if all(isinstance(s, Assign) or harmless([s]) for s in later):
        return
    del scope.out[at:]
    reach(scope, thing)
    scope.out.extend(later)


def element(scope: Scope, node: ast.Subscript, base: Thing) -> Thing:
    """``base[index]``."""
    if isinstance(node.slice, ast.Slice):
        raise scope.refused("slice", node)
    if isinstance(base, Place) and base.field.length and base.index is None:
        at = len(scope.out)
        index = scope.held(number(scope, node.slice), "index")
        reach_before(scope, base, at)
        low, high = scope.interval(index)
        if high < 0 or low >= base.field.length:
            raise scope.refused("index", node, f"{base.field.name} has 0..{base.field.length - 1}")
        return replace(base, index=index)
    if isinstance(base, Expr) and base.type.kind in (Kind.PAGE, Kind.SEGMENT):
        return fetch_byte(scope, byte_target(scope, node, base))
    raise scope.refused("subscript", node)


Bytes = tuple[Expr, Expr]  #: a page or segment, and an index


def byte_target(scope: Scope, node: ast.Subscript, base: Expr) -> Bytes:
    """``page[i]``, ``segment[i]``: both parts evaluated once."""
    if isinstance(node.slice, ast.Slice):
        raise scope.refused("slice", node)
    held = base if base.type.kind is Kind.SEGMENT else scope.held(base, "page")
    return held, scope.held(number(scope, node.slice), "index")


def fetch_byte(scope: Scope, target: Bytes) -> Local:
    """The byte there."""
    result = scope.temp("byte", S64)
    scope.ranges[result.name] = (0, 255)
    _byte_access(scope, target[0], "getitem", (target[1],), result.name)
    return result


def store_byte(scope: Scope, target: Bytes, value: Expr) -> None:
    """Changes the byte there."""
    _byte_access(scope, target[0], "setitem", (target[1], value))


def _byte_access(scope: Scope, base: Expr, verb: str, args: tuple[Expr, ...], target: str = "") -> None:
    segment = base.name if base.type.kind is Kind.SEGMENT and isinstance(base, Local) else ""
    subject = None if segment else base
    result = S64 if target else NONE
    noun = base.type.kind.value
    scope.emit(Do(scope.line, target, noun, verb, subject, None, segment, args, result, fallible=True))


def reaching_raises(scope: Scope, place: Place) -> bool:
    """Whether getting to a place may raise: through a request, or by an index that is not proven."""
    if place.root is Root.PDU:
        return True
    if place.index is None:
        return False
    low, high = scope.interval(place.index)
    return not (low >= 0 and high < place.field.length)


# --- loading and storing ----------------------------------------------------------------------------------
def type_at(field: Field) -> Type:
    """The type that a field's value has in flight."""
    if field.noun == "Request":
        return Type(Kind.REQUEST, optional=True)
    return BOOL if field.enum == "bool" else Type(Kind.S64, enum=field.enum)


def fetch(scope: Scope, place: Place, node: ast.AST) -> Expr:
    """Loads what rests at a place."""
    check_value_place(scope, place, node)
    field = place.field
    if place.path == ("config", field.name) and field.name in scope.driver.folded:
        value = scope.driver.folded[field.name]
        return Bool(BOOL, bool(value)) if field.enum == "bool" else Int(type_at(field), value, f"config.{field.name}")
    prefix = "" if place.path[0] == "config" else f"{place.root.value}_"
    result = scope.temp(prefix + "_".join(place.path), type_at(field))
    if field.sized:
        scope.ranges[result.name] = (0, 1) if field.enum == "bool" else (field.sized.minimum, field.sized.maximum)
    scope.emit(Fetch(scope.line, result.name, place, reaching_raises(scope, place)))
    return result


def store(scope: Scope, place: Place, expr: Expr, node: ast.AST) -> None:
    """Stores a value at a place, range-checked where it might not fit."""
    if place.path[:1] == ("config",):
        raise scope.refused("read-only", node)
    check_value_place(scope, place, node)
    wanted = type_at(place.field)
    value = fitted(scope, expr, wanted, node, rule="field-type", where=place.field.name)
    checked = place.field.sized is None or bool(place.field.enum) or fits(value, place.field.sized, scope.ranges)
    if not checked:
        value = scope.held(value, f"new_{place.field.name}")
    raises = not checked or reaching_raises(scope, place)
    scope.emit(Store(scope.line, place, value, checked, raises))


def check_value_place(scope: Scope, place: Place, node: ast.AST) -> None:
    """Refuses places that hold no value but a noun, a record or a whole array."""
    field = place.field
    if field.record or (field.noun and field.noun != "Request") or (field.length and place.index is None):
        what = field.noun or ("an array" if field.length else field.record)
        raise scope.refused("alias", node, f"this is {what}", hint=_verbs_hint(place))
