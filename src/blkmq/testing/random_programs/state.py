# SPDX-License-Identifier: MIT
"""What a driver's fields and nouns hold, in the same words for interpreted and compiled drivers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any
from zlib import crc32

from blkmq.abi.page import PAGE_SIZE
from blkmq.compiler.frontend.nouns import CALLERS, LOCKS
from blkmq.compiler.frontend.records import records_of
from blkmq.compiler.numba.expression import snake
from blkmq.compiler.program import Field
from blkmq.dispatch import verbs
from blkmq.dispatch.executable import CompiledDriver, Executable
from blkmq.dispatch.interpreted import InterpretedDriver
from blkmq.dispatch.nouns import page_store, xarray
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.operations import Operations
from blkmq.mq.req_op import ReqFlag
from blkmq.testing.random_programs.names import EDGES
from blkmq.testing.random_programs.stage import ENUMS

FILLED_BY = {"PageStore": "get_or_alloc", "XArray": "store", "BadBlocks": "set"}
BLOCK_BYTES = 1024
ROLES = ("", "pdu", "hw", "shared")
Values = dict[str, Any]


class State:
    """The four records of a driver that has one disk, one hardware queue, and is at its first request."""

    def __init__(self, running: RunningSet, cls: type[Operations]) -> None:
        executable = running.executable
        self.compiled = isinstance(executable, CompiledDriver)
        self.objects: dict[str, Any] = dict(zip(ROLES, _objects(executable, running), strict=True))
        _, own, pdu, hw, shared = records_of(cls, None)
        self.fields = {
            role: [field for field in record.fields if not field.record]
            for role, record in zip(ROLES, (own, pdu, hw, shared), strict=True)
        }
        self.call = running.calls[0]

    def set(self, seed: str) -> None:
        """Gives every field and noun what the seed has for its name."""
        random = Random()
        for role, fields in self.fields.items():
            target = self.objects[role]
            for field in fields:
                random.seed(crc32(f"{seed}/{role}.{field.name}".encode()))
                if field.sized is None:
                    self.empty(target, field)
                    self.fill(random, field.noun, getattr(target, field.name))
                elif field.length:
                    array = getattr(target, field.name)
                    for index in range(field.length):
                        array[index] = _random_value(random, field)
                else:
                    setattr(target, field.name, _random_value(random, field))

    def fill(self, random: Random, noun: str, value: Any) -> None:
        """Puts a little into an empty noun."""
        if noun not in FILLED_BY:
            return
        put = self.verb(noun, FILLED_BY[noun], value)
        for _ in range(random.randrange(4)):
            index, content = random.randrange(70), random.randrange(1, 256)
            if noun == "PageStore":
                page = put(index)
                write = self.verb("Page", "setitem" if self.compiled else "__setitem__", page)
                for at in range(0, 600, 7):
                    write(at, content)
            else:
                put(index, content)

    def verb(self, noun: str, name: str, value: Any) -> Callable[..., Any]:
        """A noun's verb, to be called from here."""
        if self.compiled:
            return partial(getattr(verbs, f"{snake(noun)}_{name}"), self.call, value)
        verb: Callable[..., Any] = getattr(value, name)
        return verb

    def get(self) -> Values:
        """All that the fields hold."""
        values: Values = {}
        for role, fields in self.fields.items():
            target = self.objects[role]
            for field in fields:
                value = getattr(target, field.name)
                name = f"{role or 'self'}.{field.name}"
                if field.length:
                    values[name] = [int(one) for one in value]
                else:
                    values[name] = int(value) if field.sized else self.held(field.noun, value)
        return values

    def held(self, noun: str, value: Any) -> object:
        """What a noun holds."""
        return (_COMPILED if self.compiled else _INTERPRETED)[noun](value)

    def empty(self, target: Any, field: Field) -> None:
        """Makes a noun what it was at first."""
        value = getattr(target, field.name)
        if field.noun in LOCKS:
            return  # free again after each call
        if not self.compiled:
            if field.noun == "Request":
                setattr(target, field.name, None)
            elif field.noun == "RequestList":
                while not value.empty():
                    value.pop()
            elif field.noun in CALLERS:
                ctypes.memset(ctypes.addressof(value.record), 0, ctypes.sizeof(value.record))
            else:
                object.__setattr__(target, field.name, type(value)())
        elif field.noun == "PageStore":
            for index in _pages(value):
                verbs.page_store_erase(self.call, value, index)
        elif field.noun == "XArray":
            for index in _entries(value):
                verbs.xarray_erase(self.call, value, index)
        elif field.noun == "RequestList":
            value.tail = value.head = 0
        elif field.noun == "BadBlocks":
            value.nr_ranges = 0
        else:
            ctypes.memset(ctypes.addressof(value), 0, ctypes.sizeof(value))


def _objects(executable: Executable, running: RunningSet) -> tuple[Any, Any, Any, Any]:
    disk = running.disks[0].record
    if isinstance(executable, InterpretedDriver):
        driver = executable.drivers[ctypes.addressof(disk)]
        return driver, executable.pdus[0], executable.hctxs[ctypes.addressof(disk), 0].data, driver.shared
    assert isinstance(executable, CompiledDriver)
    addresses = (disk.driver, running.record.pdus, disk.hws, running.record.shared)
    own, pdu, hw, shared = (
        executable.records[role].from_address(address) for role, address in zip(ROLES, addresses, strict=True)
    )
    return own, pdu, hw, shared


def _random_value(random: Random, field: Field) -> int:
    if field.enum == "bool":
        return random.getrandbits(1)
    if field.enum == "ReqFlag":
        return random.choice([int(flag) for flag in ReqFlag]) | random.choice((0, int(ReqFlag.FUA)))
    if field.enum:
        return random.choice(list(ENUMS[field.enum].values()))
    assert field.sized is not None
    value = random.choice(EDGES) if random.random() < 0.5 else random.randrange(20)
    if field.sized.signed and random.random() < 0.3:
        value = ~value
    return value if field.sized.holds(value) else random.choice((field.sized.minimum, field.sized.maximum, 1))


def _entries(array: Any) -> dict[int, int]:
    """What a compiled XArray holds."""
    found: dict[int, int] = {}

    def walk(node: int, prefix: int) -> None:
        shift, *slots = (ctypes.c_int64 * (1 + xarray.NODE_SLOTS)).from_address(node)
        for place, value in enumerate(slots):
            if value and shift:
                walk(value, prefix | place << shift)
            elif value:
                found[prefix | place] = value

    if array.root:
        walk(array.root, 0)
    return found


def _words(address: int, nr_bytes: int) -> Iterator[tuple[int, int]]:
    """Words that are not 0, with their places."""
    for block in range(0, nr_bytes, BLOCK_BYTES):
        data = ctypes.string_at(address + block, BLOCK_BYTES)
        if data.count(0) < BLOCK_BYTES:
            words = (ctypes.c_uint64 * (BLOCK_BYTES // 8)).from_buffer_copy(data)
            yield from ((block // 8 + place, word) for place, word in enumerate(words) if word)


def _pages(store: Any) -> dict[int, bytes]:
    """What a compiled PageStore holds."""
    pages: dict[int, bytes] = {}
    for number, chunk in _words(store.chunks, page_store.NR_CHUNKS * 8) if store.nr_pages else ():
        for place, word in _words(chunk + page_store.CHUNK_BYTES, page_store.BITMAP_BYTES):
            for bit in range(64):
                if word >> bit & 1:
                    index = number << page_store.CHUNK_SHIFT | place << 6 | bit
                    pages[index] = _digest(ctypes.string_at(page_store.page_address(chunk, index), PAGE_SIZE))
            if len(pages) == store.nr_pages:
                return pages
    return pages


def _digest(page: bytes) -> bytes:
    return page.rstrip(b"\0")


def _bad_ranges(bad: Any) -> list[tuple[int, int]]:
    words = (ctypes.c_int64 * (2 * bad.nr_ranges)).from_address(bad.ranges) if bad.nr_ranges else []
    return [(words[i], words[i + 1]) for i in range(0, 2 * bad.nr_ranges, 2)]


def _listed(ring: Any) -> list[int]:
    words = (ctypes.c_int64 * ring.capacity).from_address(ring.ring) if ring.ring else []
    return [words[i % ring.capacity] for i in range(ring.head, ring.tail)]


Look = Callable[[Any], object]


def _timer(record: Any) -> object:
    """All but the time, which no two runs share."""
    return bool(record.heap_index) and (record.rq, record.slot)


def _work(record: Any) -> object:
    return bool(record.queued) and (record.rq, record.slot)


_COMPILED: dict[str, Look] = {
    "Atomic": lambda noun: noun.value,
    "SpinLock": lambda noun: bool(noun.owner),
    "Mutex": lambda noun: bool(noun.owner),
    "PageStore": lambda noun: dict(sorted(_pages(noun).items())),
    "XArray": lambda noun: dict(sorted(_entries(noun).items())),
    "BadBlocks": lambda noun: _bad_ranges(noun),
    "RequestList": lambda noun: _listed(noun),
    "Request": lambda noun: noun.handle,
    "HrTimer": lambda noun: _timer(noun),
    "Work": lambda noun: _work(noun),
}
_INTERPRETED: dict[str, Look] = {
    "Atomic": lambda noun: noun.load(),
    "SpinLock": lambda noun: bool(noun._owner),
    "Mutex": lambda noun: bool(noun._owner),
    "PageStore": lambda noun: {i: _digest(bytes(page.memory)) for i, page in sorted(noun._pages.items())},
    "XArray": lambda noun: dict(sorted(noun._values.items())),
    "BadBlocks": lambda noun: list(noun._ranges),
    "RequestList": lambda noun: [rq.handle for rq in noun._requests],
    "Request": lambda noun: noun.handle if noun else 0,
    "HrTimer": lambda noun: _timer(noun.record),
    "Work": lambda noun: _work(noun.record),
}
