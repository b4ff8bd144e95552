# SPDX-License-Identifier: MIT
"""A RAM disk with moods: flags of a request say what the driver puts it through before it is done.

So a test that submits requests decides which of them end in place, later, twice, too late or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from blkmq import (
    BLK_FEAT_WRITE_CACHE,
    PAGE_SHIFT,
    PAGE_SIZE,
    SECTOR_SHIFT,
    SZ_1M,
    BlkEhTimerReturn,
    BlkStatus,
    Errno,
    HrTimer,
    HwCtx,
    Live,
    Operations,
    PageStore,
    QueueLimits,
    ReqFlag,
    ReqOp,
    Request,
    TagSet,
    Work,
    u8,
    u32,
    u64,
)  # fmt: skip


class Mood(IntEnum):
    """What becomes of a request."""

    ENDED = 0  #: in ``queue_rq``
    COMPLETED = 1  #: by the ``complete`` callback
    TIMED = 2  #: by its timer
    WORKED = 3  #: by its work
    REQUEUED = 4  #: given back once, then ended
    REQUEUED_LATER = 5  #: given back once by its timer
    BUSY = 6  #: refused once with RESOURCE
    DEV_BUSY = 7  #: refused once with DEV_RESOURCE, after ``start``
    FORGIVEN = 8  #: withheld; its time is reset once, the second timeout ends it well
    IN_STEPS = 9  #: ``update`` for each sector, then ended
    WITHHELD = 10  #: until it times out
    ABANDONED = 11  #: until it times out, and ended by the next request of its queue, too late
    BAD_MEDIUM = 12  #: ended with MEDIUM
    REFUSED = 13  #: ``queue_rq`` returns TARGET
    FAULTY = 14  #: the callback fails
    FAULTY_LATER = 15  #: its timer's callback fails


#: How the requests end that do not end well.
STATUS_OF_MOOD = {
    Mood.WITHHELD: BlkStatus.TIMEOUT, Mood.ABANDONED: BlkStatus.TIMEOUT, Mood.BAD_MEDIUM: BlkStatus.MEDIUM,
    Mood.REFUSED: BlkStatus.TARGET, Mood.FAULTY: BlkStatus.IOERR, Mood.FAULTY_LATER: BlkStatus.IOERR,
}  # fmt: skip
MOOD_FLAGS = (ReqFlag.META, ReqFlag.PRIO, ReqFlag.IDLE, ReqFlag.BACKGROUND)


def flags_of(mood: Mood) -> ReqFlag:
    """The flags that put a request into a mood."""
    flags = ReqFlag(0)
    for bit, flag in enumerate(MOOD_FLAGS):
        if mood >> bit & 1:
            flags |= flag
    return flags


@dataclass(frozen=True, kw_only=True)
class MoodyConfig:
    size: u64 = 1  #: MiB
    submit_queues: Live[u32] = 3
    hw_queue_depth: u32 = 8
    timeout_msec: u32 = 10
    timer_nsec: u64 = 20_000


class Moody(Operations):
    config: MoodyConfig
    store: PageStore

    class Pdu:
        timer: HrTimer
        work: Work
        visits: u8  #: to ``queue_rq`` or ``timeout``; 0 again before the request ends

    class Hw:
        abandoned: Request

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = self.config.submit_queues
        tag_set.queue_depth = self.config.hw_queue_depth
        tag_set.timeout_msec = self.config.timeout_msec
        limits.features |= BLK_FEAT_WRITE_CACHE
        limits.max_hw_discard_sectors = 0xFFFFFFFF
        limits.discard_granularity = PAGE_SIZE
        limits.max_write_zeroes_sectors = 0xFFFFFFFF
        self.disk.capacity_sectors = self.config.size * SZ_1M >> SECTOR_SHIFT
        return Errno.OK

    # --- what becomes of a request ------------------------------------------------------------------------
    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        self.end_abandoned(hctx)
        mood = mood_of(rq)
        if mood == Mood.BUSY and self.is_first_visit(rq):
            return BlkStatus.RESOURCE
        if mood == Mood.REFUSED:
            return BlkStatus.TARGET
        rq.start()
        if mood == Mood.DEV_BUSY and self.is_first_visit(rq):
            return BlkStatus.DEV_RESOURCE
        if mood == Mood.REQUEUED and self.is_first_visit(rq):
            rq.requeue()
        elif mood == Mood.COMPLETED:
            rq.complete()
        elif mood in (Mood.TIMED, Mood.REQUEUED_LATER, Mood.FAULTY_LATER):
            rq.pdu.timer.start(self.config.timer_nsec, rq)
        elif mood == Mood.WORKED:
            rq.pdu.work.queue(rq)
        elif mood == Mood.BAD_MEDIUM:
            rq.end(BlkStatus.MEDIUM)
        elif mood not in (Mood.WITHHELD, Mood.ABANDONED, Mood.FORGIVEN):
            assert mood != Mood.FAULTY, "the request wants it so"
            self.finish(rq)
        return BlkStatus.OK

    def is_first_visit(self, rq: Request) -> bool:
        rq.pdu.visits += 1
        return int(rq.pdu.visits) == 1

    def end_abandoned(self, hctx: HwCtx) -> None:
        """Ends a request that has timed out: counted, reported, ignored."""
        late = hctx.data.abandoned
        if late is not None:
            hctx.data.abandoned = None
            late.end()

    def complete(self, rq: Request) -> None:
        self.finish(rq)

    def timer(self, rq: Request) -> None:
        mood = mood_of(rq)
        assert mood != Mood.FAULTY_LATER, "the request wants it so"
        if mood == Mood.REQUEUED_LATER and self.is_first_visit(rq):
            rq.requeue()
        else:
            self.finish(rq)

    def work(self, rq: Request) -> None:
        self.finish(rq)

    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        mood = mood_of(rq)
        if mood == Mood.ABANDONED:
            hctx = rq.hctx
            rq.end(BlkStatus.TIMEOUT)  # first: its queue goes on meanwhile
            hctx.data.abandoned = rq
        if mood == Mood.ABANDONED or mood == Mood.WITHHELD:
            return BlkEhTimerReturn.DONE
        if mood != Mood.FORGIVEN or self.is_first_visit(rq):
            return BlkEhTimerReturn.RESET_TIMER  # the machine may be slow
        self.finish(rq)
        return BlkEhTimerReturn.DONE

    def finish(self, rq: Request) -> None:
        """Does what the request asks for, and ends it."""
        rq.pdu.visits = 0
        if rq.op == ReqOp.READ or rq.op == ReqOp.WRITE:
            self.transfer(rq, rq.op == ReqOp.WRITE)
        elif rq.op == ReqOp.DISCARD:
            self.discard(rq)
        elif rq.op == ReqOp.WRITE_ZEROES:
            self.write_zeroes(rq)
        if mood_of(rq) == Mood.IN_STEPS and rq.nr_bytes > 0:
            while rq.update(BlkStatus.OK, 512):
                pass
        rq.end()

    # --- data -----------------------------------------------------------------------------------------------
    def transfer(self, rq: Request, is_write: bool) -> None:
        position = rq.sector << SECTOR_SHIFT
        for segment in rq.segments():
            while len(segment) > 0:
                page = self.store.get(position >> PAGE_SHIFT)
                if is_write:
                    page = self.store.get_or_alloc(position >> PAGE_SHIFT)
                    assert page is not None
                    position += segment.copy_to_page(page, position % PAGE_SIZE)
                elif page is None:
                    position += segment.zero(PAGE_SIZE - position % PAGE_SIZE)
                else:
                    position += segment.copy_from_page(page, position % PAGE_SIZE)

    def discard(self, rq: Request) -> None:
        first = (rq.sector << SECTOR_SHIFT) + PAGE_SIZE - 1 >> PAGE_SHIFT
        for index in range(first, (rq.sector + rq.nr_sectors) << SECTOR_SHIFT >> PAGE_SHIFT):
            self.store.erase(index)

    def write_zeroes(self, rq: Request) -> None:
        position = rq.sector << SECTOR_SHIFT
        end = position + rq.nr_bytes
        while position < end:
            offset = position % PAGE_SIZE
            nr_bytes = min(end - position, PAGE_SIZE - offset)
            page = self.store.get(position >> PAGE_SHIFT)
            if page is not None:
                page.zero(offset, nr_bytes)
            position += nr_bytes


def mood_of(rq: Request) -> Mood:
    """The mood that a request's flags put it into."""
    flags = rq.flags
    number = (flags & ReqFlag.META != 0) + (flags & ReqFlag.PRIO != 0) * 2
    return Mood(number + (flags & ReqFlag.IDLE != 0) * 4 + (flags & ReqFlag.BACKGROUND != 0) * 8)
