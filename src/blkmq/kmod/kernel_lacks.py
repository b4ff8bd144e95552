# SPDX-License-Identifier: MIT
"""What the glue, or one kernel, cannot give a driver: told by name and place before anything is built."""

from __future__ import annotations

from collections.abc import Iterator

from blkmq.compiler.frontend.refused import Refusal, Refused
from blkmq.compiler.program import Int, Program, Root, Store
from blkmq.compiler.walk import expressions_in, statements_in
from blkmq.mq.configuration import attributes_of
from blkmq.mq.operations import Family, Operations

#: Slots that the glue has no function for yet: a report is of zones that no driver can describe so far.
SLOTS_TO_COME = frozenset({"report_zones"})
NOUNS_TO_COME = frozenset({"BackingFile"})
RULE = "kernel"


def refuse_what_the_glue_lacks(cls: type[Operations], program: Program) -> None:
    """A Refused with every place, if there is any."""
    if refusals := list(_refusals(cls, program)):
        raise Refused(refusals)


def _refusals(cls: type[Operations], program: Program) -> Iterator[Refusal]:
    hint = "the other targets have it"
    functions = {function.name: function for function in program.functions}
    for entry in program.entries:
        if entry.slot is not None and entry.slot.name in SLOTS_TO_COME:
            function = functions[entry.function]
            family = "blk_mq_ops" if entry.slot.family is Family.BLK_MQ_OPS else "block_device_operations"
            text = f"the kernel target has no {entry.slot.name} of struct {family} yet"
            yield Refusal(
                program.files[function.file], function.line, RULE, text, f"def {entry.function}", hint
            )  # fmt: skip
    for record in program.records:
        for field in record.fields:
            if field.noun in NOUNS_TO_COME:
                text = f"the kernel target has no {field.noun} yet"
                yield Refusal(record.file, record.line, RULE, text, f"{field.name}: {field.noun}", hint)
    for attribute in attributes_of(cls):
        if attribute.rest is None:
            record = program.record("config")
            text = "the kernel target has no attributes that are paths yet"
            yield Refusal(record.file, record.line, RULE, text, f"{attribute.name}: Path", hint)


def refuse_what_this_kernel_lacks(program: Program, lacking: frozenset[str], kernel: str) -> None:
    """A Refused with each callback, constant and limit that a driver has and a kernel has not, or otherwise."""
    hint = "leave it out, or build for another kernel"
    refusals = []
    functions = {function.name: function for function in program.functions}
    for entry in program.entries:
        if entry.slot is not None and entry.slot.name in lacking:
            function = functions[entry.function]
            text = f"{kernel} has no {entry.slot.name}, or another one"
            file = program.files[function.file]
            refusals.append(Refusal(file, function.line, RULE, text, f"def {entry.function}", hint))
    for function in program.functions:
        for statement in statements_in(function.body):
            names = {part.name for part in expressions_in(statement) if isinstance(part, Int)}
            if isinstance(statement, Store) and statement.place.root is Root.LIMITS:
                names.add(statement.place.path[-1])
            for name in sorted(names & lacking):
                text = f"{kernel} has no {name}, or another one"
                refusals.append(Refusal(program.files[function.file], statement.line, RULE, text, name, hint))
    if refusals:
        raise Refused(refusals)
