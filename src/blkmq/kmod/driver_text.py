# SPDX-License-Identifier: MIT
"""The C file of a module: the driver's text, and behind it what the glue must know of that driver."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from enum import IntEnum
from itertools import product
from math import prod
from pathlib import PurePath

from blkmq.compiler.c.expression import c_name, snake
from blkmq.compiler.c.lines import function_name
from blkmq.compiler.c.printer import print_c, print_records, wrapped
from blkmq.compiler.program import Field, Program
from blkmq.kmod.names import Names
from blkmq.kmod.views import limits_text
from blkmq.mq.configuration import Attribute, attributes_of, config_class_of
from blkmq.mq.operations import SLOTS, Operations

INCLUDE = '#include "contract.h"\n'
NR_VARIANTS_MAX = 16  #: combinations of modes for which there is a queue_rq each; with more, one serves them all

ROLES = {"self": "", "pdu": "pdu", "hw": "hw", "shared": "shared"}
CALLERS = ("HrTimer", "Work")  #: nouns that call the driver
TRIVIAL = ("Atomic", "Request")  #: nouns that need nothing but zeroes
#: Nouns with nothing to give back.
LASTING = ("SpinLock", "Mutex")


def driver_text(cls: type[Operations], program: Program, names: Names, by_hand: str = "") -> str:
    """The whole text; it depends on nothing but the driver and its names, not on where its files lie.

    ``by_hand`` has the driver's functions in C, in place of the printed ones: for comparisons.
    """
    program = dataclasses.replace(program, files=tuple(PurePath(file).name for file in program.files))
    attributes = attributes_of(cls)
    parts = [
        (print_records(program) + by_hand if by_hand else print_c(program)).replace(
            INCLUDE, _lines(_modes(attributes)) + INCLUDE, 1
        ),
        '#line 1 "glue"\n',
        _lines(_definitions(program, names)),
        _lines(_variants(program, attributes)),
        _lines(_callbacks(program)),
        _lines(_names_of_places(program)),
        _lines(line for name, role in ROLES.items() for line in _nouns(program, name, role)),
        limits_text(),
        "".join(f"{line}\n" for line in _attributes(cls, attributes)),  # macros: no line of them may be broken
        '#include "module.h"\n',
    ]
    return "\n".join(parts)


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{part}\n" for line in lines for part in wrapped(line))


def _definitions(program: Program, names: Names) -> Iterator[str]:
    snake_name = program.snake_name
    yield f'#define BLKMQ_MODULE "{names.module}"'
    yield f'#define BLKMQ_TREE "{names.tree}"'
    yield f'#define BLKMQ_DISK "{names.disk}"'
    yield f'#define BLKMQ_SOURCE "{program.name}, {program.files[0]}"'
    yield f"#define BLKMQ_DRIVER struct {snake_name}"
    yield f"#define BLKMQ_CONFIG struct {snake_name}_config"
    for role in ("pdu", "hw", "shared"):
        record = program.record(role)
        bytes_ = f"sizeof(struct {record.name})" if record.fields else "0"
        if role == "pdu":
            bytes_ = f"ALIGN(sizeof(struct blkmq_slot) + {bytes_}, 8)"
        yield f"#define BLKMQ_{'SLOT' if role == 'pdu' else role.upper()}_BYTES {bytes_}"
    places = {f.name: f"BLKMQ_AT({f.file}, {f.line})" for f in program.functions}
    for name in ("queue_rq", "complete"):
        yield f"#define BLKMQ_AT_{name} {places.get(name, places['queue_rq'])}"
    yield ""


# --- modes ----------------------------------------------------------------------------------------------
def _modes_of(attributes: list[Attribute]) -> dict[str, list[int]]:
    """Attributes that stay as they are in service, with their values, as far as all combinations are few."""
    modes: dict[str, list[int]] = {}
    for attribute in attributes:
        if attribute.const and (attribute.enum or attribute.boolean):
            modes[attribute.name] = sorted(map(int, attribute.enum)) if attribute.enum else [0, 1]
    return modes if prod(map(len, modes.values())) <= NR_VARIANTS_MAX else {}


def _modes(attributes: list[Attribute]) -> Iterator[str]:
    """What each mode is in each variant; the others are read."""
    modes = _modes_of(attributes)
    variants = list(product(*modes.values()))
    for attribute in attributes:
        if attribute.name in modes:
            place = list(modes).index(attribute.name)
            values = ", ".join(str(variant[place]) for variant in variants)
            yield f"#define BLKMQ_MODE_{c_name(attribute.name)}(field) BLKMQ_KNOWN({values})"
        elif attribute.const:
            yield f"#define BLKMQ_MODE_{c_name(attribute.name)}(field) READ_ONCE(field)"


def _variants(program: Program, attributes: list[Attribute]) -> Iterator[str]:
    modes = _modes_of(attributes)
    nr_variants = prod(map(len, modes.values()))
    yield f"#define BLKMQ_NR_VARIANTS {nr_variants}"
    yield f"#define BLKMQ_VARIANTS(X) {' '.join(f'X({number})' for number in range(nr_variants))}"
    yield ""
    yield f"static u8 blkmq_variant_of(const struct {program.snake_name}_config *config)"
    yield "{"
    yield "\tu8 variant = 0;"
    yield ""
    for name, values in modes.items():
        yield f"\tvariant *= {len(values)};"
        yield f"\tswitch (config->{c_name(name)}) {{"
        for index, value in enumerate(values):
            yield f"\tcase {value}:"
            yield f"\t\tvariant += {index};"
            yield "\t\tbreak;"
        yield "\t}"
    yield "\treturn variant;"
    yield "}"
    yield ""


def _callbacks(program: Program) -> Iterator[str]:
    for entry in program.entries:
        if entry.slot is not None:
            yield f"#define blkmq_driver_{entry.slot.name} {function_name(program, entry.function)}"
    if not any(entry.slot is not None and entry.slot.name == "configure" for entry in program.entries):
        yield "#define blkmq_driver_configure(call, self) 0"
    for entry in program.entries:
        if entry.slot is not None and entry.slot.name in ("init_request", "exit_request"):
            yield from _for_slot(program, entry.slot.name, entry.function)
    yield ""
    parameters = "struct blkmq_call *call, void *self, struct blkmq_rq rq, s64 callback"
    yield f"static __always_inline void blkmq_driver_later({parameters})"
    yield "{"
    later = [entry for entry in program.entries if entry.slot is None]
    if later:
        yield "\tswitch (callback) {"
        for entry in later:
            yield f"\tcase {entry.number}:"
            rq = ", rq" if entry.serves_request else ""
            yield f"\t\t{function_name(program, entry.function)}(call, self{rq});"
            yield "\t\tbreak;"
        yield "\t}"
    yield "}"
    yield ""


def _for_slot(program: Program, slot: str, function: str) -> Iterator[str]:
    """A control callback with a request, in the form that the glue calls for each tag."""
    call = f"{function_name(program, function)}(call, self, rq);"
    yield ""
    yield f"static s64 blkmq_do_{slot}(struct blkmq_call *call, void *self, struct blkmq_rq rq)"
    yield "{"
    yield from ([f"\treturn {call}"] if slot == "init_request" else [f"\t{call}", "\treturn 0;"])
    yield "}"


def _names_of_places(program: Program) -> Iterator[str]:
    files = ", ".join(json.dumps(file) for file in program.files)
    yield "static const char *blkmq_file_name(u32 at)"
    yield "{"
    yield f"\tstatic const char *const names[] = {{ {files} }};"
    yield ""
    yield '\treturn at >> 20 < ARRAY_SIZE(names) ? names[at >> 20] : "?";'
    yield "}"
    yield ""
    yield "static const char *blkmq_callback_name(u8 slot)"
    yield "{"
    yield "\tswitch (slot) {"
    for number, name in {
        **{s.number: s.name for s in SLOTS},
        **{e.number: e.function for e in program.entries},
    }.items():
        yield f"\tcase {number}:"
        yield f'\t\treturn "{name}";'
    yield "\t}"
    yield '\treturn "?";'
    yield "}"
    yield ""


def _nouns(program: Program, name: str, role: str) -> Iterator[str]:
    """How a record of the driver's begins and ends: its nouns, and the fields that do not begin as 0."""
    record = program.record(role)
    fields = [field for field in record.fields if field.noun and field.noun not in TRIVIAL]
    head = (
        f"static void blkmq_{name}_init(struct {record.name} *record, struct blkmq_disk *disk, struct blkmq_slot *slot)"
    )
    yield head
    yield "{"
    for field in fields:
        call = f"blkmq_{snake(field.noun)}_init({{}}"
        call += f", disk, slot, {field.slot});" if field.noun in CALLERS else ");"
        yield from _each(field, call)
    for field in record.fields:
        if field.default:
            yield f"\trecord->{c_name(field.name)} = {field.default};"
    yield "}"
    yield ""
    yield f"static void blkmq_{name}_exit(struct {record.name} *record)"
    yield "{"
    for field in fields:
        if field.noun not in LASTING:
            yield from _each(field, f"blkmq_{snake(field.noun)}_exit({{}});")
    yield "}"
    yield ""


def _each(field: Field, call: str) -> Iterator[str]:
    for index in range(field.length) if field.length else [None]:
        place = f"&record->{c_name(field.name)}" + ("" if index is None else f"[{index}]")
        yield "\t" + call.format(place)


# --- attributes -----------------------------------------------------------------------------------------
def _attributes(cls: type[Operations], attributes: list[Attribute]) -> Iterator[str]:
    enums = {attribute.enum for attribute in attributes if attribute.enum}
    yield '#include "attribute.h"'
    yield ""
    for enum in sorted(enums, key=lambda enum: enum.__name__):
        yield from _enum_kind(enum)
    yield "#define BLKMQ_ATTRIBUTES(X) \\"
    for attribute in attributes:
        yield f"\tX({attribute.name}, {_kind(attribute)}, {int(attribute.live)}, {json.dumps(_help(attribute))}) \\"
    yield ""
    yield "#define BLKMQ_SCALED_ATTRIBUTES(X) \\"
    for name, attribute_name, scale, most in getattr(config_class_of(cls), "of_module", ()):
        yield f"\tX({name}, {attribute_name}, {scale}, {most}ULL) \\"
    yield ""
    defaults = [f".{c_name(a.name)} = {int(a.default)}" for a in attributes if isinstance(a.default, int) and a.default]
    yield f"#define BLKMQ_DEFAULTS {{ {', '.join(defaults)} }}"
    yield ""


def _enum_kind(enum: type[IntEnum]) -> Iterator[str]:
    name = snake(enum.__name__)
    members = ", ".join(str(int(member)) for member in enum)
    yield f"static int blkmq_parse_{name}(const char *text, void *field)"
    yield "{"
    yield f"\tstatic const s32 members[] = {{ {members} }};"
    yield ""
    yield "\treturn blkmq_parse_member(text, field, members, ARRAY_SIZE(members));"
    yield "}"
    yield ""
    yield f"static const struct blkmq_kind blkmq_kind_{name} = {{"
    yield f"\t.parse = blkmq_parse_{name},"
    yield "\t.print = blkmq_print_s32,"
    yield "};"
    yield ""


def _kind(attribute: Attribute) -> str:
    if attribute.enum:
        return snake(attribute.enum.__name__)
    return "flag" if attribute.boolean else attribute.type_name


def _help(attribute: Attribute) -> str:
    extent = ", ".join(filter(None, (attribute.unit, attribute.range)))
    return f"{attribute.doc} [{extent}]" if extent else attribute.doc
