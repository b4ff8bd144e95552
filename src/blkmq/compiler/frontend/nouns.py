# SPDX-License-Identifier: MIT
"""What the front end knows of the API, read from ``blkmq.mq`` itself: verbs, handles and their fields."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from blkmq.compiler.program import Absent, Bool, Expr, Field, Int, Kind, Record, Root, Type
from blkmq.mq.at_rest import AtRest, at_rest
from blkmq.mq.atomic import Atomic
from blkmq.mq.backing_file import BackingFile
from blkmq.mq.bad_blocks import BadBlocks
from blkmq.mq.gen_disk import GenDisk
from blkmq.mq.hd_geometry import HdGeometry
from blkmq.mq.hr_timer import HrTimer
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.integer import sized
from blkmq.mq.io_completion_batch import IoCompletionBatch
from blkmq.mq.mutex import Mutex
from blkmq.mq.page import Page
from blkmq.mq.page_store import PageStore
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.request import Request
from blkmq.mq.request_list import RequestList
from blkmq.mq.segment import Segment
from blkmq.mq.spin_lock import SpinLock
from blkmq.mq.tag_set import TagSet
from blkmq.mq.unique_id import UniqueId
from blkmq.mq.verb import verb_of
from blkmq.mq.work import Work
from blkmq.mq.xarray import XArray

#: Values that a local can hold, by their class.
HANDLES: dict[type, Kind] = {
    Request: Kind.REQUEST,
    Page: Kind.PAGE,
    Segment: Kind.SEGMENT,
    HwCtx: Kind.HW_CTX,
    RequestList: Kind.REQUEST_LIST,
    IoCompletionBatch: Kind.BATCH,
}
CLASS_OF_KIND = {kind: cls for cls, kind in HANDLES.items()}

#: Of these there is one for the disk, so that they are reached from anywhere and passed nowhere.
SINGLES: dict[type, Root] = {
    TagSet: Root.TAG_SET,
    QueueLimits: Root.LIMITS,
    GenDisk: Root.DISK,
    HdGeometry: Root.GEOMETRY,
    UniqueId: Root.UNIQUE_ID,
}

#: What a field can be, besides integers.
FIELD_NOUNS: dict[str, type] = {
    noun.__name__: noun
    for noun in (
        PageStore, XArray, BadBlocks, Atomic, SpinLock, Mutex, HrTimer, Work, RequestList, Request, BackingFile,
    )
}  # fmt: skip
LOCKS = ("SpinLock", "Mutex")
CALLERS = ("HrTimer", "Work")  #: they call the driver's method that has their field's name

VERB_CLASSES: dict[str, type] = {
    cls.__name__: cls for cls in (*FIELD_NOUNS.values(), *HANDLES, *SINGLES)
}  # fmt: skip

S64, BOOL, NONE = Type(Kind.S64), Type(Kind.BOOL), Type(Kind.NONE)

#: What a name in an annotation of ``blkmq.mq`` may mean that its module imports only for type checkers.
_FORWARD = {**{cls.__name__: cls for cls in VERB_CLASSES.values()}, "Any": Any}


@dataclass(frozen=True)
class Formal:
    """A parameter of a verb, or of one of the driver's own functions."""

    name: str
    type: Type | None  #: None: the one TagSet, QueueLimits or GenDisk, which is passed nowhere
    root: Root | None = None  #: which of these
    default: Expr | None = None  #: None: it must be given
    by_position: bool = True
    by_name: bool = True


@dataclass(frozen=True)
class VerbSignature:
    """A verb as its Python signature and its mark tell it."""

    noun: str
    name: str
    parameters: tuple[Formal, ...]
    result: Type
    fallible: bool
    sleeps: bool


#: Enums met so far, by name: a type in flight carries no more than the name.
_enums: dict[str, type[IntEnum] | type[IntFlag]] = {}


def enum_type(enum: type[IntEnum] | type[IntFlag]) -> Type:
    """The type of an enum's members in flight."""
    _enums[enum.__name__] = enum
    return Type(Kind.S64, enum=enum.__name__)


def is_flag(name: str) -> bool:
    """Whether & | ^ of two such values is one again."""
    return name in _enums and issubclass(_enums[name], IntFlag)


def in_flight(annotation: Any) -> Type | None:
    """The type that a value with this annotation has in flight; None if compiled drivers have no such value."""
    if annotation is None or annotation is NoneType:
        return NONE
    if get_origin(annotation) in (Union, UnionType):
        present = [arm for arm in get_args(annotation) if arm is not NoneType]
        inner = in_flight(present[0]) if len(present) == 1 else None
        if inner is None or inner.kind not in (Kind.REQUEST, Kind.PAGE):
            return None
        return Type(inner.kind, optional=True)
    if sized(annotation) is not None:
        return S64
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if annotation is int:
        return S64
    if annotation is bool:
        return BOOL
    if isinstance(annotation, type) and issubclass(annotation, IntEnum | IntFlag):
        return enum_type(annotation)
    if isinstance(annotation, type) and annotation in HANDLES:
        return Type(HANDLES[annotation])
    return None


def constant(value: object, name: str = "") -> Expr | None:
    """A Python constant as an expression; None if it is no integer, bool, enum member or None."""
    if value is None:
        return Absent(Type(Kind.NONE, optional=True))
    if isinstance(value, bool):
        return Bool(BOOL, value)
    if isinstance(value, IntEnum | IntFlag):
        kind = type(value)
        return Int(enum_type(kind), int(value), name or f"{kind.__name__}.{value.name}")
    if isinstance(value, int):
        return Int(S64, value, name)
    return None


def hints(thing: Any) -> dict[str, Any]:
    """Annotations of a class or function of ``blkmq.mq``, evaluated."""
    return get_type_hints(thing, localns=_FORWARD, include_extras=True)


@cache
def signature_of_verb(noun: str, name: str) -> VerbSignature | None:
    """The verb of a noun; None if it has no verb of that name."""
    function = inspect.getattr_static(VERB_CLASSES[noun], name, None)
    return signature_of_function(function, noun, name)


def signature_of_function(function: Any, noun: str, name: str) -> VerbSignature | None:
    """The signature of a function that is marked as a verb; None if it is not."""
    mark = verb_of(function)
    if mark is None:
        return None
    types = hints(function)
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        kind = in_flight(types[parameter.name])
        if kind is None:
            raise TypeError(f"{noun}.{name}: {parameter.name} has a type that no compiled verb takes")
        default = None if parameter.default is inspect.Parameter.empty else constant(parameter.default)
        parameters.append(Formal(parameter.name, kind, default=default))
    result = in_flight(types["return"])
    if result is None:
        raise TypeError(f"{noun}.{name} returns a type that no compiled verb returns")
    return VerbSignature(noun, name, tuple(parameters), result, mark.fallible, mark.sleeps)


def verbs_of(noun: str) -> list[str]:
    """Names of a noun's verbs, for hints."""
    return [n for n, f in vars(VERB_CLASSES[noun]).items() if verb_of(f) and not n.startswith("__")]


@cache
def handle_fields(kind: Kind) -> dict[str, tuple[Type, AtRest | None]]:
    """Fields of a handle that read as integers or handles: ``rq.sector``, ``rq.hctx``, ``hctx.queue_num``."""
    fields = {}
    cls = CLASS_OF_KIND[kind]
    for name, annotation in hints(cls).items() if kind in (Kind.REQUEST, Kind.HW_CTX) else ():
        type_ = in_flight(annotation)
        if type_ is not None:
            fields[name] = (type_, at_rest(annotation))
    return fields


def integer_field(name: str, rest: AtRest, *, default: int = 0, unit: str = "", length: int = 0) -> Field:
    """A record's field that holds integers."""
    enum = "bool" if rest.boolean else enum_type(rest.enum).enum if rest.enum else ""
    return Field(name, rest.sized, const=rest.const, default=default, enum=enum, unit=unit, length=length)


def noun_records() -> dict[str, Record]:
    """The records of TagSet, QueueLimits and GenDisk, and those nested in them, by class name."""
    records: dict[str, Record] = {}
    for cls in SINGLES:
        _noun_record(cls, records)
    return records


def _noun_record(cls: type, records: dict[str, Record]) -> None:
    fields = []
    for name, annotation in hints(cls).items():
        rest = at_rest(annotation)
        if name.startswith("_"):
            continue
        if rest is not None:
            fields.append(integer_field(name, rest))
        elif isinstance(annotation, type) and annotation.__module__.startswith("blkmq.mq."):
            _noun_record(annotation, records)
            fields.append(Field(name, record=annotation.__name__))
    records[cls.__name__] = Record(cls.__name__, tuple(fields))
