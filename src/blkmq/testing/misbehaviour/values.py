# SPDX-License-Identifier: MIT
"""Wrong numbers: arithmetic, values that do not fit, callbacks that do not end, and locks around them."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Annotated

from blkmq import (
    Array,
    BlkStatus,
    HrTimer,
    HwCtx,
    Request,
    SpinLock,
    s8,
    u8,
    u32,
    u64,
)  # fmt: skip
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, MOST, Victim

LENGTH = 8


class Colour(IntEnum):
    RED = 1
    GREEN = 2


class Misdeed(IntEnum):
    """What Values does wrong, by the name of its row in the table."""

    ASSERTION_FAILS = auto()
    HELPER_FAILS = auto()
    OVERFLOW_IN_INDEX = auto()
    OVERFLOW_IN_FIELD = auto()
    OVERFLOW_IN_VERB = auto()
    OVERFLOW_OF_PRODUCT = auto()
    OVERFLOW_OF_SHIFT = auto()
    OVERFLOW_OF_NEGATION = auto()
    OVERFLOW_UNUSED = auto()
    DIVISION_BY_ZERO = auto()
    MODULO_BY_ZERO = auto()
    LEAST_BY_MINUS_ONE = auto()
    LEAST_MODULO_MINUS_ONE = auto()
    SHIFT_BY_64 = auto()
    SHIFT_BY_MINUS_ONE = auto()
    STATUS_THAT_IS_NONE = auto()
    RETURNS_STATUS_THAT_IS_NONE = auto()
    ENUM_THAT_IS_NONE = auto()
    U8_OF_256 = auto()
    S8_OF_MINUS_129 = auto()
    U32_OF_2_TO_32 = auto()
    U64_NEGATIVE = auto()
    ELEMENT_TOO_LARGE = auto()
    TIMER_IN_THE_PAST = auto()
    CAPACITY_NEGATIVE = auto()
    UPDATE_TOO_MUCH = auto()
    UPDATE_NEGATIVE = auto()
    UPDATE_PART_OF_SECTOR = auto()
    ENDLESS_WHILE = auto()
    ENDLESS_CONTINUE = auto()
    ENDLESS_FOR = auto()
    ENDLESS_SEGMENT = auto()
    ERROR_UNDER_LOCK = auto()
    ENDLESS_UNDER_LOCK = auto()
    NINE_LOCKS = auto()


def half_of(value: int) -> int:
    assert value % 2 == 0  # <- helper_fails
    return value // 2


class Values(Victim):
    lock_1: SpinLock
    lock_2: SpinLock
    lock_3: SpinLock
    lock_4: SpinLock
    lock_5: SpinLock
    lock_6: SpinLock
    lock_7: SpinLock
    lock_8: SpinLock
    lock_9: SpinLock

    class Pdu:
        timer: HrTimer
        before: u64
        small: u8
        tiny: s8
        word: u32
        long: u64
        colour: Colour
        status: BlkStatus
        behind: u64

    class Hw(Victim.Hw):
        before: u64
        table: Annotated[Array[u8], LENGTH]
        behind: u64

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        rq.start()
        # What the compiler cannot know.
        nothing = rq.sector - BAD_SECTOR
        if self.config.mode == Misdeed.RETURNS_STATUS_THAT_IS_NONE:
            return BlkStatus(nothing + 99)  # <- returns_status_that_is_none
        self.assure(nothing)
        self.overflow(hctx, rq, nothing)
        self.divide(rq, nothing)
        self.fill_fields(hctx, rq, nothing)
        self.call_verbs(rq, nothing)
        self.loop(rq, nothing)
        self.take_locks(nothing)
        # Nothing beside the fields has been touched.
        if hctx.data.before != 0 or hctx.data.behind != 0 or rq.pdu.before != 0 or rq.pdu.behind != 0:
            rq.end(BlkStatus.TARGET)
        else:
            rq.end()
        return BlkStatus.OK

    def timer(self, rq: Request) -> None:
        rq.end()

    def assure(self, nothing: int) -> None:
        mode = self.config.mode
        if mode == Misdeed.ASSERTION_FAILS:
            assert nothing > 0  # <- assertion_fails
        elif mode == Misdeed.HELPER_FAILS:
            half_of(nothing + 1)

    def overflow(self, hctx: HwCtx, rq: Request, nothing: int) -> None:
        mode = self.config.mode
        most = MOST - nothing
        if mode == Misdeed.OVERFLOW_IN_INDEX:
            hctx.data.table[most + 1] = 1  # <- overflow_in_index
        elif mode == Misdeed.OVERFLOW_IN_FIELD:
            rq.pdu.long = most + most  # <- overflow_in_field
        elif mode == Misdeed.OVERFLOW_IN_VERB:
            rq.update(BlkStatus.OK, most + 513)  # <- overflow_in_verb
        elif mode == Misdeed.OVERFLOW_OF_PRODUCT:
            rq.pdu.small = most * 2 + 258  # <- overflow_of_product
        elif mode == Misdeed.OVERFLOW_OF_SHIFT:
            rq.pdu.long = most << 1  # <- overflow_of_shift
        elif mode == Misdeed.OVERFLOW_OF_NEGATION:
            rq.pdu.long = -(nothing - most - 1)  # <- overflow_of_negation
        elif mode == Misdeed.OVERFLOW_UNUSED:
            most += 1  # <- overflow_unused

    def divide(self, rq: Request, nothing: int) -> None:
        mode = self.config.mode
        least = nothing - MOST - 1
        if mode == Misdeed.DIVISION_BY_ZERO:
            rq.pdu.long = MOST // nothing  # <- division_by_zero
        elif mode == Misdeed.MODULO_BY_ZERO:
            rq.pdu.long = MOST % nothing  # <- modulo_by_zero
        elif mode == Misdeed.LEAST_BY_MINUS_ONE:
            rq.pdu.long = least // (nothing - 1)  # <- least_by_minus_one
        elif mode == Misdeed.LEAST_MODULO_MINUS_ONE:
            rq.pdu.long = least % (nothing - 1)  # <- least_modulo_minus_one
        elif mode == Misdeed.SHIFT_BY_64:
            rq.pdu.long = 1 << (nothing + 64)  # <- shift_by_64
        elif mode == Misdeed.SHIFT_BY_MINUS_ONE:
            rq.pdu.long = 1 >> (nothing - 1)  # <- shift_by_minus_one

    def fill_fields(self, hctx: HwCtx, rq: Request, nothing: int) -> None:
        mode = self.config.mode
        if mode == Misdeed.STATUS_THAT_IS_NONE:
            rq.end(BlkStatus(nothing + 99))  # <- status_that_is_none
        elif mode == Misdeed.ENUM_THAT_IS_NONE:
            rq.pdu.colour = Colour(nothing + 3)  # <- enum_that_is_none
        elif mode == Misdeed.U8_OF_256:
            rq.pdu.small = nothing + 256  # <- u8_of_256
        elif mode == Misdeed.S8_OF_MINUS_129:
            rq.pdu.tiny = nothing - 129  # <- s8_of_minus_129
        elif mode == Misdeed.U32_OF_2_TO_32:
            rq.pdu.word = nothing + (1 << 32)  # <- u32_of_2_to_32
        elif mode == Misdeed.U64_NEGATIVE:
            rq.pdu.long = nothing - 1  # <- u64_negative
        elif mode == Misdeed.ELEMENT_TOO_LARGE:
            hctx.data.table[7] = nothing + 256  # <- element_too_large

    def call_verbs(self, rq: Request, nothing: int) -> None:
        mode = self.config.mode
        if mode == Misdeed.TIMER_IN_THE_PAST:
            rq.pdu.timer.start(nothing - 1, rq)  # <- timer_in_the_past
        elif mode == Misdeed.CAPACITY_NEGATIVE:
            self.disk.set_capacity(nothing - 1)  # <- capacity_negative
        elif mode == Misdeed.UPDATE_TOO_MUCH:
            rq.update(BlkStatus.OK, rq.nr_bytes + 512)  # <- update_too_much
        elif mode == Misdeed.UPDATE_NEGATIVE:
            rq.update(BlkStatus.OK, nothing - 512)  # <- update_negative
        elif mode == Misdeed.UPDATE_PART_OF_SECTOR:
            rq.update(BlkStatus.OK, nothing + 100)  # <- update_part_of_sector

    def loop(self, rq: Request, nothing: int) -> None:
        mode = self.config.mode
        if mode == Misdeed.ENDLESS_WHILE:
            while nothing == 0:  # <- endless_while
                pass
        elif mode == Misdeed.ENDLESS_CONTINUE:
            while True:  # <- endless_continue
                if nothing == 0:
                    continue
                break
        elif mode == Misdeed.ENDLESS_FOR:
            for _ in range(MOST):  # <- endless_for
                pass
        elif mode == Misdeed.ENDLESS_SEGMENT:
            for segment in rq.segments():
                while segment:  # <- endless_segment
                    pass

    def take_locks(self, nothing: int) -> None:
        mode = self.config.mode
        if mode == Misdeed.ERROR_UNDER_LOCK:
            with self.lock:
                self.nr_transfers = nothing - 1  # <- error_under_lock
        elif mode == Misdeed.ENDLESS_UNDER_LOCK:
            with self.lock:
                while nothing == 0:  # <- endless_under_lock
                    pass
        elif mode == Misdeed.NINE_LOCKS:
            with self.lock_1:  # noqa: SIM117
                with self.lock_2:
                    with self.lock_3:
                        with self.lock_4:
                            with self.lock_5:
                                with self.lock_6:
                                    with self.lock_7:
                                        with self.lock_8:
                                            with self.lock_9:  # <- nine_locks
                                                pass
