# SPDX-License-Identifier: MIT
"""Decision 7 of the design: what several queues reach is touched under one lock; locks nest in one order.

Every callback is walked, through the functions that it calls, with the locks that are held on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from blkmq.compiler.frontend.driver import Driver
from blkmq.compiler.frontend.nouns import VERB_CLASSES, signature_of_verb
from blkmq.compiler.frontend.source import shown
from blkmq.compiler.program import (
    Do,
    Entry,
    Fetch,
    Function,
    Int,
    Invoke,
    Locked,
    Place,
    Root,
    Stmt,
    Store,
)
from blkmq.compiler.walk import blocks_of, expressions_in, statements_in

Key = tuple[Root, tuple[str, ...]]  #: a lock or a field, whichever request or queue it lies in
Held = tuple[tuple[Key, str], ...]  #: locks with their nouns, the outermost first
_SPELLED = {Root.SELF: "self", Root.SHARED: "self.shared", Root.PDU: "rq.pdu", Root.HW: "hctx.data",
            Root.TAG_SET: "tag_set", Root.LIMITS: "limits", Root.DISK: "self.disk",
            Root.GEOMETRY: "geo", Root.UNIQUE_ID: "unique_id"}  # fmt: skip
#: A lock guards what lies in its own noun, or in a smaller one.
GUARDS = {
    Root.SHARED: (Root.SHARED,),
    Root.SELF: (Root.SELF, Root.SHARED),
    Root.HW: (Root.HW, Root.SELF, Root.SHARED),
    Root.PDU: (Root.HW, Root.SELF, Root.SHARED),
}
SETS_LIMITS = ("configure", "map_queues")


@dataclass(frozen=True)
class Access:
    """One place where a data-path callback touches a field."""

    callback: Entry
    writes: bool
    held: frozenset[Key]
    file: str
    line: int
    text: str


@dataclass
class _Walk:
    driver: Driver
    functions: dict[str, Function]
    blocking: bool  #: configure can make callbacks that may sleep
    accesses: dict[Key, list[Access]] = field(default_factory=dict)
    lists: dict[Key, list[Access]] = field(default_factory=dict)
    orders: dict[tuple[Key, Key], str] = field(default_factory=dict)
    seen: set[tuple[object, ...]] = field(default_factory=set)

    def taken_within(self, outer: Key, inner: Key) -> str:
        """Where ``inner`` is taken while ``outer`` is held, directly or by way of other locks; "" if nowhere."""
        waiting, done = [outer], set[Key]()
        while waiting:
            lock = waiting.pop()
            done.add(lock)
            for (first, second), place in self.orders.items():
                if first == lock and second == inner:
                    return place
                if first == lock and second not in done:
                    waiting.append(second)
        return ""


def check_sharing(driver: Driver, entries: Sequence[Entry]) -> None:
    """Refuses unguarded sharing, locks taken twice or in two orders, and sleeping where it is not allowed."""
    functions = {function.name: function for function in driver.functions}
    walk = _Walk(driver, functions, _mentions_blocking(entries, functions))
    for entry in entries:
        _Callback(walk, entry).enter(functions[entry.function], ())
    for key, accesses in walk.accesses.items():
        if any(access.writes for access in accesses) and not _is_alone(accesses):
            _check_common_lock(driver, key, accesses, "shared-field")
    for key, accesses in walk.lists.items():
        _check_common_lock(driver, key, accesses, "list-lock")


def shown_place(key: Key) -> str:
    """A field or lock as the source spells it."""
    return ".".join((_SPELLED[key[0]], *key[1]))


def _is_alone(accesses: list[Access]) -> bool:
    """Whether only one timer or work of the disk touches the field: it never runs twice at once."""
    first = accesses[0].callback
    return first.slot is None and not first.serves_request and all(a.callback is first for a in accesses)


def _check_common_lock(driver: Driver, key: Key, accesses: list[Access], rule: str) -> None:
    common = frozenset.intersection(*(access.held for access in accesses))
    if any(root in GUARDS[key[0]] for root, _ in common):
        return
    bare = min(accesses, key=lambda access: (bool(access.held), not access.writes))
    other = next((a for a in accesses if a is not bare and (a.line, a.file) != (bare.line, bare.file)), None)
    detail = f"{shown_place(key)} is {_described(bare)} here"
    if other:
        detail += f", and {_described(other)} at {shown(other.file)}:{other.line}"
    driver.refuse(rule, bare.text, bare.file, bare.line, detail=detail)


def _described(access: Access) -> str:
    locks = ", ".join(sorted(map(shown_place, access.held)))
    return ("written " if access.writes else "read ") + (f"under {locks}" if locks else "without a lock")


def _mentions_blocking(entries: Iterable[Entry], functions: dict[str, Function]) -> bool:
    configure = [functions[e.function] for e in entries if e.slot and e.slot.name == "configure"]
    waiting, done = configure, set[str]()
    while waiting:
        function = waiting.pop()
        done.add(function.name)
        for statement in statements_in(function.body):
            if any("BLK_MQ_F_BLOCKING" in e.name for e in expressions_in(statement) if isinstance(e, Int)):
                return True
            if isinstance(statement, Invoke) and statement.function not in done:
                waiting.append(functions[statement.function])
    return False


class _Callback:
    """One callback with all that it calls."""

    def __init__(self, walk: _Walk, entry: Entry) -> None:
        self.walk = walk
        self.entry = entry
        self.name = entry.slot.name if entry.slot else entry.function
        self.is_control = entry.slot is not None and entry.slot.control
        work = any(f.slot == entry.number and f.noun == "Work" for r in walk.driver.own_records for f in r.fields)
        timer = entry.slot is None and not work
        self.may_sleep = work or ((entry.slot is not None and (entry.slot.sleeps or walk.blocking)) and not timer)

    def enter(self, function: Function, held: Held) -> None:
        """Walks a function that is called with these locks (and their nouns) held."""
        state = (function.name, held, self.entry.number)
        if state not in self.walk.seen:
            self.walk.seen.add(state)
            self.block(function, function.body, held)

    def block(self, function: Function, block: Iterable[Stmt], held: Held) -> None:
        for statement in block:
            match statement:
                case Invoke():
                    self.enter(self.walk.functions[statement.function], held)
                case Locked():
                    self.lock(function, statement, held)
                case Fetch(place=place):
                    self.touch(function, statement, place, held, writes=False)
                case Store(place=place):
                    self.touch(function, statement, place, held, writes=True)
                case Do():
                    self.verb(function, statement, held)
                case _:
                    for inner in blocks_of(statement):
                        self.block(function, inner, held)

    def lock(self, function: Function, statement: Locked, held: Held) -> None:
        key = (statement.place.root, statement.place.path)
        text = f"with {shown_place(key)}"
        if any(key == other for other, _ in held):
            self.refuse("lock-twice", function, statement, text)
        elif statement.noun == "Mutex":
            self.sleep(function, statement, held, text)
        for other, _ in held:
            elsewhere = self.walk.taken_within(key, other)
            if elsewhere:
                self.refuse("lock-order", function, statement, text, f"the other order: {elsewhere}")
            file = self.walk.driver.files[function.file]
            self.walk.orders.setdefault((other, key), f"{shown(file)}:{statement.line}")
        self.block(function, statement.body, (*held, (key, statement.noun)))

    def sleep(self, function: Function, statement: Stmt, held: tuple[tuple[Key, str], ...], text: str) -> None:
        if any(noun == "SpinLock" for _, noun in held):
            self.refuse("sleep-in-spinlock", function, statement, text)
        elif not self.may_sleep:
            self.refuse("may-sleep", function, statement, text, self.name)

    def verb(self, function: Function, statement: Do, held: Held) -> None:
        signature = signature_of_verb(statement.noun, statement.verb) if statement.noun in VERB_CLASSES else None
        if signature is not None and signature.sleeps:
            self.sleep(function, statement, held, f"{statement.noun}.{statement.verb}")
        if statement.noun == "RequestList" and statement.place is not None and not self.is_control:
            access = self.access(function, statement, statement.place, held, writes=True)
            self.walk.lists.setdefault((statement.place.root, statement.place.path), []).append(access)

    def touch(self, function: Function, statement: Stmt, place: Place, held: Held, *, writes: bool) -> None:
        if writes and place.root in (Root.TAG_SET, Root.LIMITS, Root.DISK) and self.name not in SETS_LIMITS:
            self.refuse("configure-only", function, statement, shown_place((place.root, place.path)))
        if self.is_control or place.root not in (Root.SELF, Root.SHARED) or place.path[0] == "config":
            return
        access = self.access(function, statement, place, held, writes=writes)
        self.walk.accesses.setdefault((place.root, place.path), []).append(access)

    def access(self, function: Function, statement: Stmt, place: Place, held: Held, *, writes: bool) -> Access:
        file = self.walk.driver.files[function.file]
        text = shown_place((place.root, place.path))
        return Access(self.entry, writes, frozenset(key for key, _ in held), file, statement.line, text)

    def refuse(self, rule: str, function: Function, statement: Stmt, text: str, detail: str = "") -> None:
        file = self.walk.driver.files[function.file]
        self.walk.driver.refuse(rule, text, file, statement.line, detail=detail)
