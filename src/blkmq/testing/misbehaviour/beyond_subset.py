# SPDX-License-Identifier: MIT
"""What only Python can do wrong: the compiled targets refuse these drivers, the interpreted one ends the request."""

from __future__ import annotations

import sys
from enum import IntEnum, auto
from typing import TYPE_CHECKING, Any, cast

from blkmq import Atomic, BlkEhTimerReturn, BlkStatus, HrTimer, HwCtx, Mutex, Page, Request, SpinLock, u64
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, Victim

#: What no type checker would let pass.
NOTHING: BlkStatus = cast(Any, None)
NUMBER: BlkStatus = cast(Any, 77)
FRACTION: Any = 0.5
WORD: BlkStatus = cast(Any, "OK")
TEXT: Any = "anything"
NAMES: dict[str, BlkStatus] = {}
if TYPE_CHECKING:
    CYLINDER: BlkStatus


class SilentError(Exception):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise self


class Misdeed(IntEnum):
    """What BeyondSubset does wrong, by the name of its row in the table."""

    RAISES = auto()
    KEY_ERROR = auto()
    UNKNOWN_NAME = auto()
    UNKNOWN_FIELD = auto()
    ASSIGNS_REQUEST = auto()
    RECURSES = auto()
    EXITS_PYTHON = auto()
    ERROR_WITHOUT_TEXT = auto()
    RETURNS_NOTHING = auto()
    RETURNS_TEXT = auto()
    RETURNS_NUMBER = auto()
    ENDS_WITH_NUMBER = auto()
    ENDS_WITH_TEXT = auto()
    INDEXES_BY_TEXT = auto()
    COPIES_TO_NO_PAGE = auto()
    COPIES_AT_FRACTION = auto()
    SETS_BYTE_TO_FRACTION = auto()
    ZEROES_FRACTION = auto()
    TIMER_OF_FRACTION = auto()
    CAPACITY_OF_FRACTION = auto()
    FIELD_OF_TEXT = auto()
    KEEPS_LOCK = auto()


class BeyondSubset(Victim):
    guard: SpinLock
    tick: HrTimer

    class Pdu:
        word: u64

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        mode = self.config.mode
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        rq.start()
        if mode == Misdeed.RAISES:
            raise ValueError("no such cylinder")  # <- raises
        if mode == Misdeed.KEY_ERROR:
            return NAMES["cylinder"]  # <- key_error
        if mode == Misdeed.UNKNOWN_NAME:
            return CYLINDER  # <- unknown_name
        if mode == Misdeed.UNKNOWN_FIELD:
            rq.pdu.cylinder = 1  # <- unknown_field
        if mode == Misdeed.ASSIGNS_REQUEST:
            rq.sector = 0  # <- assigns_request
        if mode == Misdeed.RECURSES:
            rq.end(BlkStatus(self.again(0)))
        if mode == Misdeed.EXITS_PYTHON:
            sys.exit("enough")  # <- exits_python
        if mode == Misdeed.ERROR_WITHOUT_TEXT:
            raise SilentError  # <- error_without_text
        if mode == Misdeed.RETURNS_NOTHING:
            return NOTHING  # <- returns_nothing
        if mode == Misdeed.RETURNS_TEXT:
            return WORD  # <- returns_text
        if mode == Misdeed.RETURNS_NUMBER:
            return NUMBER  # <- returns_number
        self.pass_wrong_types(rq)
        if mode == Misdeed.KEEPS_LOCK:
            self.guard.__enter__()
            self.guard.__enter__()  # <- keeps_lock
        with self.guard:
            rq.end()
        return BlkStatus.OK

    def again(self, depth: int) -> int:
        return self.again(depth + 1) + 1  # <- recurses

    def pass_wrong_types(self, rq: Request) -> None:
        mode = self.config.mode
        if mode == Misdeed.ENDS_WITH_NUMBER:
            rq.end(NUMBER)  # <- ends_with_number
        if mode == Misdeed.ENDS_WITH_TEXT:
            rq.end(TEXT)  # <- ends_with_text
        if mode == Misdeed.FIELD_OF_TEXT:
            rq.pdu.word = TEXT  # <- field_of_text
        for segment in rq.segments():
            if mode == Misdeed.INDEXES_BY_TEXT:
                segment[TEXT] = 1  # <- indexes_by_text
            if mode == Misdeed.COPIES_TO_NO_PAGE:
                segment.copy_to_page(TEXT, 0)  # <- copies_to_no_page
            if mode == Misdeed.COPIES_AT_FRACTION:
                segment.copy_to_page(Page(), FRACTION)  # <- copies_at_fraction
            if mode == Misdeed.SETS_BYTE_TO_FRACTION:
                segment[0] = FRACTION  # <- sets_byte_to_fraction
            if mode == Misdeed.ZEROES_FRACTION:
                segment.zero(FRACTION)  # <- zeroes_fraction
        if mode == Misdeed.TIMER_OF_FRACTION:
            self.tick.start(FRACTION)  # <- timer_of_fraction
        if mode == Misdeed.CAPACITY_OF_FRACTION:
            self.disk.set_capacity(FRACTION)  # <- capacity_of_fraction

    def on_tick(self) -> None:
        pass


class Locks(Victim):
    """What the compiled targets find out by looking at all callbacks together."""

    one: SpinLock
    two: SpinLock
    red: SpinLock
    green: SpinLock
    blue: SpinLock
    mutex: Mutex
    nr_bad: Atomic

    class Misdeed(IntEnum):
        SAME_LOCK_TWICE = auto()
        LOCKS_IN_TWO_ORDERS = auto()
        LOCKS_IN_A_CIRCLE = auto()
        SLEEPS_IN_ATOMIC_CONTEXT = auto()
        SLEEPS_UNDER_SPIN_LOCK = auto()

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        mode = self.config.mode
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        rq.start()
        if mode == Locks.Misdeed.SAME_LOCK_TWICE:
            with self.one:
                self.count()
        elif mode == Locks.Misdeed.LOCKS_IN_TWO_ORDERS:
            with self.one:
                self.nr_bad.fetch_add(1)
                with self.two:
                    self.nr_bad.fetch_add(1)
            self.count_in_other_order()
        elif mode == Locks.Misdeed.LOCKS_IN_A_CIRCLE:
            with self.red:
                self.count_in_green()
            with self.green:
                self.count_in_blue()
            with self.blue:
                self.count_in_red()
        elif mode == Locks.Misdeed.SLEEPS_IN_ATOMIC_CONTEXT:
            with self.mutex:  # <- sleeps_in_atomic_context
                self.nr_bad.fetch_add(1)
        elif mode == Locks.Misdeed.SLEEPS_UNDER_SPIN_LOCK:
            with self.one:
                self.nr_bad.fetch_add(1)
                with self.mutex:  # <- sleeps_under_spin_lock
                    self.nr_bad.fetch_add(1)
        rq.end()
        return BlkStatus.OK

    def count(self) -> None:
        with self.one:  # <- same_lock_twice
            self.nr_bad.fetch_add(1)

    def count_in_other_order(self) -> None:
        with self.two:
            self.nr_bad.fetch_add(1)
            with self.one:  # <- locks_in_two_orders
                self.nr_bad.fetch_add(1)

    def count_in_red(self) -> None:
        with self.red:  # <- locks_in_a_circle
            self.nr_bad.fetch_add(1)

    def count_in_green(self) -> None:
        with self.green:
            self.nr_bad.fetch_add(1)

    def count_in_blue(self) -> None:
        with self.blue:
            self.nr_bad.fetch_add(1)

    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        return BlkEhTimerReturn.DONE
