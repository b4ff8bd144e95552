# SPDX-License-Identifier: MIT
"""A driver in a form that dispatch can call: compiled code by its entry point, or Python."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from blkmq.compiler.program import Do, EachSegment, Field, Program
from blkmq.compiler.walk import statements_in
from blkmq.dispatch.engine import ENTRY_TYPE, Engine, compiled_engine
from blkmq.dispatch.nouns.bad_blocks import bad_blocks_destroy
from blkmq.dispatch.nouns.page_store import page_store_destroy
from blkmq.dispatch.nouns.records import NOUN_RECORDS
from blkmq.dispatch.nouns.request_list import request_list_at, request_list_destroy
from blkmq.dispatch.nouns.xarray import xarray_destroy
from blkmq.dispatch.report import LINE_BITS
from blkmq.mq.operations import SLOT_BY_NAME, SLOTS, Operations
from blkmq.native.record import CTYPE_OF_SIZED

if TYPE_CHECKING:
    from blkmq.dispatch.running_set import RunningSet

ROLES = ("config", "", "pdu", "hw", "shared")
DESTROY: dict[str, Callable[[Any], None]] = {
    "PageStore": page_store_destroy,
    "XArray": xarray_destroy,
    "BadBlocks": bad_blocks_destroy,
    "RequestList": request_list_destroy,
}


class Executable(Protocol):
    """What dispatch needs of a driver."""

    name: str  #: disks are named after it

    @property
    def files(self) -> Sequence[str]: ...
    @property
    def exceptions(self) -> Mapping[tuple[int, int], str]: ...

    entry: int
    callbacks: int  #: bit per slot
    nr_timers: tuple[int, int]  #: HrTimers in a Pdu, and in the driver's own record
    reads_files_alone: bool  #: its only way to fill a read is one BackingFile.read of the whole
    engine: Engine

    def has(self, name: str) -> bool: ...
    def slot_name(self, slot: int) -> str: ...
    def slot_at(self, slot: int) -> int: ...
    def size(self, role: str) -> int: ...
    def call(self, slot: int, call_address: int, a: int, b: int, c: int) -> int: ...
    def bind(self, running: RunningSet, drivers: Sequence[Operations]) -> None: ...
    def set_config(self, running: RunningSet, disk: int, config: object) -> None: ...
    def take_up(self, running: RunningSet) -> None: ...
    def add_queue(self, running: RunningSet, index: int) -> None: ...
    def drop_queue(self, running: RunningSet, index: int) -> None: ...
    def release(self, running: RunningSet) -> None: ...
    def pdu(self, running: RunningSet, index: int) -> object: ...
    def settle(self) -> None: ...


def field_type(field: Field, records: dict[str, type[ctypes.Structure]]) -> Any:
    """The ctypes type of a program's field."""
    kind: Any
    if field.record:
        kind = records[field.record]
    elif field.noun:
        kind = NOUN_RECORDS[field.noun]
    else:
        assert field.sized is not None
        kind = CTYPE_OF_SIZED[field.sized.name]
    return kind * field.length if field.length else kind


def layout(program: Program) -> dict[str, type[ctypes.Structure]]:
    """The driver's records by name, as both printers lay them out."""
    records: dict[str, type[ctypes.Structure]] = {}
    for record in program.records:
        fields = [(field.name, field_type(field, records)) for field in record.fields]
        kind = type(record.name, (ctypes.Structure,), {"_fields_": fields or [("nothing", ctypes.c_int64)]})
        records[record.name] = kind
    return records


def slots_of(program: Program) -> list[str]:
    """The slots that a driver fills."""
    numbers = {item.number for item in program.entries}
    return [slot.name for slot in SLOTS if slot.number in numbers]


def reads_files_alone(program: Program) -> bool:
    """Whether nothing but a file's read of all of it can fill a request: no segment is used, none done in part."""
    statements = [statement for function in program.functions for statement in statements_in(function.body)]
    verbs = {(statement.noun, statement.verb) for statement in statements if isinstance(statement, Do)}
    in_parts = ("Request", "update") in verbs or any(isinstance(each, EachSegment) for each in statements)
    return ("BackingFile", "read") in verbs and not in_parts


class CompiledDriver:
    """A typed program behind the address of its entry point, made by Numba or by a C compiler."""

    def __init__(self, program: Program, entry: int, keep: object = None) -> None:
        self.program = program
        self.entry = entry
        self.keep = keep  #: what owns the code
        self.name = program.snake_name
        self.files = program.files
        self.exceptions: dict[tuple[int, int], str] = {}  # compiled drivers have none
        self.callbacks = sum(1 << item.number for item in program.entries)
        self.call = ENTRY_TYPE(entry)
        records = layout(program)
        self.records = {role: records[program.record(role).name] for role in ROLES}
        self.nr_timers = (self._count("pdu", "HrTimer"), self._count("", "HrTimer"))
        self.reads_files_alone = reads_files_alone(program)
        self.engine = compiled_engine(slots_of(program))

    def _count(self, role: str, noun: str) -> int:
        return sum(max(field.length, 1) for field in self.program.record(role).fields if field.noun == noun)

    def has(self, name: str) -> bool:
        return bool(self.callbacks >> SLOT_BY_NAME[name].number & 1)

    def slot_name(self, slot: int) -> str:
        if 0 <= slot < len(SLOTS):
            return SLOTS[slot].name
        return next((item.function for item in self.program.entries if item.number == slot), "?")

    def slot_at(self, slot: int) -> int:
        """Where in the source a callback begins, as ``call.at`` has it."""
        names = [item.function for item in self.program.entries if item.number == slot]
        return next((f.file << LINE_BITS | f.line for f in self.program.functions if f.name in names), 0)

    def size(self, role: str) -> int:
        return ctypes.sizeof(self.records[role])

    def bind(self, running: RunningSet, drivers: Sequence[Operations]) -> None:
        """Gives each driver's record its configuration, and its fields their first values."""
        self._set_defaults("shared", running.record.shared, 1)
        for disk, driver in zip(running.disks, drivers, strict=True):
            self._set_defaults("", disk.record.driver, 1)
            state = self.records[""].from_address(disk.record.driver)
            for field in self.program.record("").fields:
                if field.noun == "BackingFile":
                    running.files.prepare(getattr(state, field.name), field.name, driver.config)
            self.set_config(running, disk.index, driver.config)

    def set_config(self, running: RunningSet, disk: int, config: object) -> None:
        """Puts a disk's attributes where its driver reads them."""
        state = self.records[""].from_address(running.disks[disk].record.driver)
        if hasattr(state, "config"):
            for field in self.program.record("config").fields:
                setattr(state.config, field.name, int(getattr(config, field.name)))

    def take_up(self, running: RunningSet) -> None:
        """The set is configured: compiled drivers see it by views."""

    def add_queue(self, running: RunningSet, index: int) -> None:
        """Gives the fields of a queue's Hws and Pdus their first values; nouns begin as zeroed memory.

        A Pdu may have served before: its timers and works keep their places in the lists that they are on.
        """
        depth, size = running.record.queue_depth, running.record.pdu_size
        pdus = running.record.pdus + index * depth * size
        if index * depth < running.record.nr_requests:
            fields = self.program.record("pdu").fields
            places = [getattr(self.records["pdu"], field.name) for field in fields if not field.noun]
            for number in range(depth):
                for place in places:
                    ctypes.memset(pdus + number * size + place.offset, 0, place.size)
        self._set_defaults("pdu", pdus, depth)
        for disk in running.disks:
            self._set_defaults("hw", disk.record.hws + index * self.size("hw"), 1)

    def drop_queue(self, running: RunningSet, index: int) -> None:
        """Frees what the nouns in a queue's Hws hold, and clears them."""
        size = self.size("hw")
        for disk in running.disks:
            self._destroy("hw", disk.record.hws + index * size)
            ctypes.memset(disk.record.hws + index * size, 0, size)
        request_list_destroy(request_list_at(running.queues[index].poll_list, 0))

    def _set_defaults(self, role: str, address: int, count: int) -> None:
        defaults = [(field.name, field.default) for field in self.program.record(role).fields if field.default]
        for index in range(count if defaults else 0):
            item = self.records[role].from_address(address + index * self.size(role))
            for name, value in defaults:
                setattr(item, name, value)

    def _destroy(self, role: str, address: int) -> None:
        """Frees what the nouns in a record hold."""
        for field in self.program.record(role).fields:
            if address and field.noun in DESTROY:
                DESTROY[field.noun](getattr(self.records[role].from_address(address), field.name))

    def settle(self) -> None:
        """Waits for callbacks that run beside the queues' threads: compiled drivers have none."""

    def pdu(self, running: RunningSet, index: int) -> object:
        """The Pdu of a tag's request."""
        return self.records["pdu"].from_address(running.record.pdus + index * running.record.pdu_size)

    def release(self, running: RunningSet) -> None:
        """Frees what the nouns in the driver's records hold."""
        self._destroy("shared", running.record.shared)
        for queue in getattr(running, "queues", []):
            self.drop_queue(running, queue.index)
        for disk in getattr(running, "disks", []):
            self._destroy("", disk.record.driver)
