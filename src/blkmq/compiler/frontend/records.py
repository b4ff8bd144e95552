# SPDX-License-Identifier: MIT
"""Annotations of the driver, its config, Pdu, Hw and Shared, as the program's records."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, get_args, get_origin, get_type_hints

from blkmq.compiler.frontend.nouns import CALLERS, FIELD_NOUNS, integer_field
from blkmq.compiler.frontend.refused import Refusal
from blkmq.compiler.frontend.rules import refusal
from blkmq.compiler.frontend.source import class_node, field_sources
from blkmq.compiler.program import Field, Record
from blkmq.mq.array import array_of
from blkmq.mq.at_rest import at_rest
from blkmq.mq.configuration import config_class_of, doc_comments
from blkmq.mq.errors import ConfigError
from blkmq.mq.operations import NR_SLOTS_MAX, SLOTS, Operations

#: Which nouns may lie where; integers, bools, enums and arrays may lie in all but config, which has no arrays.
NOUNS_IN: dict[str, frozenset[str]] = {
    "config": frozenset(),
    "pdu": frozenset({"HrTimer", "Work", "Atomic", "Request"}),
    "hw": frozenset({"Atomic", "Request", "SpinLock", "Mutex", "RequestList", "XArray"}),
    "shared": frozenset(FIELD_NOUNS) - {*CALLERS, "BackingFile"},
    "": frozenset(FIELD_NOUNS),
}
DRIVER = 1  #: index of the driver's own record among the five
#: Annotations of Operations itself, which are no fields of the record.
INHERITED = frozenset(get_type_hints(Operations))


def snake_case(name: str) -> str:
    """``NullBlk`` as ``null_blk``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def record_name(driver: type, role: str) -> str:
    """The name of the driver's record of this role; "" is the driver itself."""
    base = snake_case(driver.__name__)
    return f"{base}_{role}" if role else base


def records_of(driver: type, refusals: list[Refusal] | None) -> tuple[Record, ...]:
    """Config, driver, Pdu, Hw and Shared of a driver class, in this order.

    What no compiled driver can have as a field is left out, and goes to ``refusals`` unless that is None.
    """
    notes: list[Refusal] = [] if refusals is None else refusals
    own = _record(driver, record_name(driver, ""), "", notes)
    nested = Field("config", record=record_name(driver, "config"))
    records = (
        _record(_config(driver, notes), record_name(driver, "config"), "config", notes),
        dataclasses.replace(own, fields=(nested, *own.fields)),
        *(
            _record(getattr(driver, title), record_name(driver, title.lower()), title.lower(), notes)
            for title in ("Pdu", "Hw", "Shared")
        ),
    )
    return tuple(_with_slots(records, notes))


def _config(driver: type, refusals: list[Refusal]) -> type | None:
    try:
        return config_class_of(driver)
    except ConfigError as error:
        if not refusals:  # else the driver's annotations were not understood at all
            refusals.append(refusal("annotation", *_place(driver), error.text, hint=error.hint))
        return None


def _place(cls: type) -> tuple[str, int]:
    found = class_node(cls)
    return (found[1], found[0].lineno) if found else (cls.__module__, 0)


def _with_slots(records: Iterable[Record], refusals: list[Refusal]) -> Iterator[Record]:
    """Numbers the fields whose methods are called back, after the slots that every driver has."""
    number = len(SLOTS)
    for index, record in enumerate(records):
        fields = []
        for field in record.fields:
            if field.noun in CALLERS:
                # In the driver's own class the field has the plain name already.
                method = f"on_{field.name}" if index == DRIVER else field.name
                field, number = dataclasses.replace(field, slot=number, method=method), number + 1
            fields.append(field)
        yield dataclasses.replace(record, fields=tuple(fields))
        if number > NR_SLOTS_MAX:
            text = f"more than {NR_SLOTS_MAX - len(SLOTS)} of them"
            refusals.append(refusal("caller-method", record.file, record.line, text, hint="let some share a method"))


def spelled_caller(field: Field, in_pdu: bool) -> str:
    """How the method that a timer or work calls is defined."""
    return f"def {field.method}({'self, rq: Request' if in_pdu else 'self'}) -> None"


def _record(cls: type | None, name: str, role: str, refusals: list[Refusal]) -> Record:
    if cls is None:
        return Record(name, ())
    file, line = _place(cls)
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        source = f"class {cls.__name__}"
        refusals.append(refusal("annotation-name", file, line, source, detail=f"no {error.name} there"))
        return Record(name, (), file, line)
    sources, docs = field_sources(cls), doc_comments(cls)
    fields = []
    for field_name, annotation in hints.items():
        is_constant = annotation in (ClassVar, Final) or get_origin(annotation) in (ClassVar, Final)
        if is_constant or (not role and field_name in INHERITED) or (role == "config" and annotation is Path):
            continue
        field = _field(cls, field_name, annotation, NOUNS_IN[role], docs.get(field_name, ""), arrays=role != "config")
        if isinstance(field, Field):
            fields.append(field)
        else:
            refusals.append(refusal(field, *sources.get(field_name, (file, line, field_name))))
    return Record(name, tuple(fields), file, line)


def _field(cls: type, name: str, annotation: Any, nouns: Collection[str], doc: str, *, arrays: bool) -> Field | str:
    """The field, or the name of the rule that it breaks."""
    default = _default(cls, name)
    rest = at_rest(annotation)
    if rest is not None:
        if not rest.sized.holds(default):
            return "field-default"
        return integer_field(name, rest, default=default, unit=doc)
    array = array_of(annotation)
    if array is not None and arrays:
        return integer_field(name, array[0], length=array[1], unit=doc)
    noun = _noun(annotation)
    if noun in FIELD_NOUNS:
        return Field(name, noun=noun, unit=doc) if noun in nouns else "noun-place"
    return "plain-int" if annotation is int else "annotation"


def _default(cls: type, name: str) -> int:
    if dataclasses.is_dataclass(cls):
        value: object = next(field.default for field in dataclasses.fields(cls) if field.name == name)
    else:
        value = inspect.getattr_static(cls, name, 0)
    return int(value) if isinstance(value, int) else 0


def _noun(annotation: Any) -> str:
    arms = [arm for arm in get_args(annotation) if arm is not type(None)]
    if len(arms) == 1 and get_origin(annotation) is not None:
        annotation = arms[0] if FIELD_NOUNS["Request"] is arms[0] else annotation
    return annotation.__name__ if isinstance(annotation, type) else ""
