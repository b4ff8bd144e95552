# SPDX-License-Identifier: MIT
"""What the typed program of a driver looks like: flat, complete, and the same every time."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from blkmq.compiler import program as p
from blkmq.compiler.frontend.translate import spelled_slot, translate
from blkmq.compiler.walk import expressions_in, statements_in
from blkmq.mq.operations import SLOT_BY_NAME, SLOTS

ACCEPTED = sorted((Path(__file__).parents[1] / "corpus" / "accepted").glob("*.py"))


@pytest.mark.parametrize("fold", [False, True], ids=["", "folded"])
@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_accepted_drivers_translate_to_sound_programs(path: Path, fold: bool, load_driver: Any) -> None:
    driver = load_driver(path)
    program = translate(driver, fold=fold)
    check_program(program)
    assert translate(driver, fold=fold) == program


def check_program(program: p.Program) -> None:
    """Asserts what the printers count on."""
    functions = {function.name: function for function in program.functions}
    assert len(functions) == len(program.functions)
    assert len({entry.number for entry in program.entries}) == len(program.entries)
    assert all(entry.function in functions for entry in program.entries)
    roles = [record.name.removeprefix(program.snake_name) for record in program.records]
    assert roles == ["_config", "", "_pdu", "_hw", "_shared"]
    done: set[str] = set()
    for function in program.functions:
        names = {parameter.name for parameter in function.parameters}
        assert names.isdisjoint(function.locals)
        length = len(Path(program.files[function.file]).read_text().splitlines())
        for statement in statements_in(function.body):
            assert function.line <= statement.line <= length
            check_statement(statement, function, done)
        known = names | set(function.locals)
        read = {e.name for s in statements_in(function.body) for e in expressions_in(s) if isinstance(e, p.Local)}
        assert read <= known
        assigned(function.body, names)
        done.add(function.name)


def check_statement(statement: p.Stmt, function: p.Function, done: set[str]) -> None:
    target = getattr(statement, "target", "")
    if target:
        assert target in function.locals or target in {q.name for q in function.parameters}
    place = getattr(statement, "place", None)
    if isinstance(place, p.Place):
        assert isinstance(place.index, p.Local | p.Int | None)
        assert isinstance(place.handle, p.Local | None)
        assert (place.handle is not None) == (place.root in (p.Root.PDU, p.Root.HW))
    match statement:
        case p.Invoke():
            assert statement.function in done
        case p.Guard():
            assert isinstance(statement.left, p.Local | p.Int | p.Bool)
            assert isinstance(statement.right, p.Local | p.Int | None)
        case p.Store():
            assert statement.raises or statement.checked
        case p.Do():
            assert isinstance(statement.subject, p.Local | p.Absent | None)


def assigned(block: Sequence[p.Stmt], before: set[str]) -> set[str] | None:
    """Asserts that no local is read before it is assigned; what is assigned behind a block, None if it never ends."""
    known: set[str] | None = set(before)
    for s in block:
        if known is None:
            raise AssertionError(f"line {s.line} is not reachable")
        reads = {e.name for e in expressions_in(without_blocks(s)) if isinstance(e, p.Local)}
        match s:
            case p.Loop():
                head = assigned(s.head, known)
                assert head is not None
                assert reads <= head
                body = assigned(s.body, head)
                if body is not None:
                    assigned(s.step, body)
                known = head if s.test != p.Bool(p.Type(p.Kind.BOOL), True) or has_break(s.body) else None
            case p.If():
                assert reads <= known, (s.line, reads - known)
                ways = [w for w in (assigned(s.then, known), assigned(s.otherwise, known)) if w is not None]
                known = set.intersection(*ways) if ways else None
            case p.EachSegment():
                assert reads <= known
                assigned(s.body, known | {s.target})
            case p.Locked():
                assert reads <= known
                known = assigned(s.body, known)
            case p.Break() | p.Continue() | p.Return():
                assert reads <= known
                known = None
            case _:
                assert reads <= known, (s.line, reads - known)
                known |= {getattr(s, "target", "")}
    return known


def without_blocks(statement: p.Stmt) -> tuple[Any, ...]:
    return tuple(v for v in vars(statement).values() if isinstance(v, p.Expr | p.Place | tuple))


def has_break(block: Sequence[p.Stmt]) -> bool:
    return any(isinstance(s, p.Break) for s in statements_in(block))


# --- single drivers ------------------------------------------------------------------------------------
HEAD = """
from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from blkmq import (
    Array, Atomic, BlkStatus, Const, Errno, HrTimer, HwCtx, Operations, PageStore, QueueLimits, Request, SpinLock,
    TagSet, u8, u32, u64,
)
"""


@pytest.fixture
def make(load_driver: Any) -> Callable[[str], Any]:
    """Makes the class Driver of a module's text."""
    return lambda text: load_driver(HEAD + textwrap.dedent(text))


def test_records_keep_names_sizes_units_and_slots(make: Any) -> None:
    program = translate(
        make("""
        class Colour(IntEnum):
            RED = 0
            BLUE = 300

        @dataclass(frozen=True)
        class Config:
            size: u64 = 5  #: MiB
            #: what is
            #: painted
            colour: Const[Colour] = Colour.BLUE
            fast: bool = True

        class Driver(Operations):
            config: Config
            tick: HrTimer
            limit: u8 = 3

            class Pdu:
                timer: HrTimer
                marks: Annotated[Array[u8], 3]

            def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
                return BlkStatus.OK

            def on_tick(self) -> None:
                pass

            def timer(self, rq: Request) -> None:
                rq.end()
        """)
    )
    config, own, pdu, hw, shared = program.records
    assert [(f.name, f.sized and f.sized.name, f.enum, f.default, f.const, f.unit) for f in config.fields] == [
        ("size", "u64", "", 5, False, "MiB"),
        ("colour", "s32", "Colour", 300, True, "what is painted"),
        ("fast", "u8", "bool", 1, False, ""),
    ]
    assert [(f.name, f.record or f.noun, f.slot, f.method, f.default) for f in own.fields] == [
        ("config", "driver_config", -1, "", 0),
        ("tick", "HrTimer", len(SLOTS), "on_tick", 0),
        ("limit", "", -1, "", 3),
    ]
    assert [(f.name, f.slot, f.length) for f in pdu.fields] == [("timer", len(SLOTS) + 1, 0), ("marks", -1, 3)]
    assert (hw.fields, shared.fields, program.record("pdu")) == ((), (), pdu)
    assert [(e.number, e.function, e.serves_request) for e in program.entries] == [
        (SLOT_BY_NAME["queue_rq"].number, "queue_rq", False),
        (len(SLOTS), "on_tick", False),
        (len(SLOTS) + 1, "timer", True),
    ]


FOLDING = """
    @dataclass(frozen=True)
    class Config:
        mode: Const[u8] = 1
        backed: Const[bool] = False
        size: u64 = 10

    class Driver(Operations):
        config: Config
        store: PageStore

        def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
            rq.start()
            if self.config.mode == 2 or self.config.backed:
                self.completes(rq)
            elif self.config.mode == 1 and self.config.size > 3:
                rq.end()
            return BlkStatus.OK

        def completes(self, rq: Request) -> None:
            self.store.erase(0)
    """


def test_folding_keeps_only_what_the_modes_reach(make: Any) -> None:
    driver = make(FOLDING)
    assert [f.name for f in translate(driver).functions] == ["completes", "queue_rq"]
    program = translate(driver, fold=True)  # what only another mode calls is no misspelt slot
    assert program.folded == {"mode": 1, "backed": 0}
    (queue_rq,) = program.functions
    _, fetch, branch, _ = queue_rq.body
    assert isinstance(fetch, p.Fetch)  # sizes do not fold
    assert fetch.place.path == ("config", "size")
    assert isinstance(branch, p.If)
    slow = translate(driver, driver(mode=2).config, fold=True)
    assert [f.name for f in slow.functions] == ["completes", "queue_rq"]
    assert not any(isinstance(s, p.If) for f in slow.functions for s in statements_in(f.body))


def test_checks_that_cannot_fail_are_left_out(make: Any) -> None:
    program = translate(
        make("""
        class Driver(Operations):
            class Hw:
                small: u8
                big: u64
                counts: Annotated[Array[u32], 8]

            def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
                n = rq.nr_sectors
                hctx.data.small = n & 0xFF
                hctx.data.small = n
                hctx.data.big = n * 512 + 7
                hctx.data.big = n - 1
                hctx.data.counts[rq.tag % 8] = n
                hctx.data.counts[n] = 1
                for i in range(8):
                    hctx.data.counts[i] = min(n, i)
                return BlkStatus.OK
        """)
    )
    stores = [s for s in statements_in(program.functions[0].body) if isinstance(s, p.Store)]
    assert [(s.checked, s.raises) for s in stores] == [
        (True, False), (False, True), (True, False), (False, True), (True, False), (True, True), (True, False),
    ]  # fmt: skip


def test_what_a_target_needs_is_evaluated_once(make: Any) -> None:
    program = translate(
        make("""
        class Driver(Operations):
            class Pdu:
                n: u64

            def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
                self.tag_set.tag_to_rq(hctx, 0).pdu.n += rq.sector
                return BlkStatus.OK
        """)
    )
    verbs = [s.verb for s in statements_in(program.functions[0].body) if isinstance(s, p.Do)]
    assert verbs == ["tag_to_rq", "sector"]


def test_a_lock_is_given_back_through_the_handle_that_took_it(make: Any) -> None:
    program = translate(
        make("""
        class Driver(Operations):
            class Hw:
                lock: SpinLock

            def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
                with hctx.data.lock:
                    hctx = rq.hctx
                return BlkStatus.OK
        """)
    )
    kept, locked, _ = program.functions[0].body
    assert isinstance(kept, p.Assign)
    assert isinstance(locked, p.Locked)
    assert locked.place.handle == p.Local(p.Type(p.Kind.HW_CTX), kept.target)
    assert kept.target != "hctx"


def test_slots_are_spelled_as_they_are_defined() -> None:
    spelled = spelled_slot(SLOT_BY_NAME["queue_rq"])
    assert spelled == "def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus"
    assert spelled_slot(SLOT_BY_NAME["busy"]) == "def busy(self) -> bool"
