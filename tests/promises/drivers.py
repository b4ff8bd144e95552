# SPDX-License-Identifier: MIT
"""Small drivers that make visible what blk-mq does with them: they remember it, and their disks read as that log.

Experiments are made of writes; a read, whoever sends it, only shows the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from blkmq import (  # isort: skip
    SECTOR_SHIFT, SECTOR_SIZE, Atomic, BlkEhTimerReturn, BlkStatus, Errno, HwCtx, Operations, QueueLimits, ReqOp,
    Request, RequestList, TagSet, XArray, u32, u64,
)  # fmt: skip

NR_SECTORS = 2048
EVENT_BYTES = 8
ARGUMENT_SHIFT = 8


class Event(IntEnum):
    """What happened, with the argument that the log has for it."""

    QUEUE = 1  #: queue_rq, more to follow: sector
    QUEUE_LAST = 2  #: queue_rq with is_last: sector
    QUEUE_RQS = 3  #: taken off the list of queue_rqs: sector
    COMMIT = 4  #: commit_rqs: queue
    COMPLETE = 5  #: the complete callback: bytes left
    TIMEOUT = 6  #: the timeout callback: sector
    UPDATE = 7  #: update: bytes left
    REST = 8  #: first byte of the data that is left
    TAG = 9  #: tag of a request
    FOUND = 10  #: tag_to_rq found a request of this tag
    GET_BUDGET = 11  #: token
    PUT_BUDGET = 12  #: token
    TOKEN = 13  #: the request came with this token
    INIT_HCTX = 14  #: queue
    INIT_REQUEST = 15  #: queue * QUEUE_DEPTH + tag


class Recording(Operations):
    """What the others have in common.  A write's data is not kept."""

    events: XArray
    nr_events: Atomic

    def record(self, event: Event, argument: int) -> None:
        self.events.store(self.nr_events.fetch_add(1), event | argument << ARGUMENT_SHIFT)

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.op == ReqOp.READ:
            rq.start()
            self.show_events(rq)
            rq.end()
            return BlkStatus.OK
        self.record(Event.QUEUE_LAST if is_last else Event.QUEUE, rq.sector)
        return self.take(rq)

    def take(self, rq: Request) -> BlkStatus:
        """The experiment's own queue_rq."""
        rq.start()
        rq.end()
        return BlkStatus.OK

    def commit_rqs(self, hctx: HwCtx) -> None:
        self.record(Event.COMMIT, hctx.queue_num)

    def show_events(self, rq: Request) -> None:
        position = rq.sector << SECTOR_SHIFT
        for segment in rq.segments():
            for i in range(len(segment)):
                event = self.events.load(position // EVENT_BYTES)
                segment[i] = event >> position % EVENT_BYTES * 8 & 0xFF
                position += 1


class Way(IntEnum):
    """How a request is given back."""

    RESOURCE = 0
    DEV_RESOURCE = 1
    REQUEUE = 2
    REQUEUE_WITHOUT_KICK = 3
    ERROR = 4  #: for good


@dataclass(frozen=True, kw_only=True)
class ReluctantConfig:
    nr_queues: u32 = 1
    sector: u64 = NR_SECTORS  #: of the request that is given back
    times: u64 = 1  #: how often
    way: Way = Way.RESOURCE


class Reluctant(Recording):
    """Gives one request back a few times before it takes it; takes all others."""

    config: ReluctantConfig
    nr_refused: Atomic

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = self.config.nr_queues
        self.disk.set_capacity(NR_SECTORS)
        return Errno.OK

    def take(self, rq: Request) -> BlkStatus:
        if rq.sector != self.config.sector or self.nr_refused.fetch_add(1) >= self.config.times:
            return super().take(rq)
        if self.config.way == Way.RESOURCE:
            return BlkStatus.RESOURCE
        if self.config.way == Way.DEV_RESOURCE:
            return BlkStatus.DEV_RESOURCE
        if self.config.way == Way.ERROR:
            return BlkStatus.MEDIUM
        rq.start()
        rq.requeue(kick=self.config.way == Way.REQUEUE)
        return BlkStatus.OK


class LastWord(IntEnum):
    """What a timeout callback does with the request before it returns DONE."""

    NONE = 0
    END = 1
    COMPLETE = 2


@dataclass(frozen=True, kw_only=True)
class DoorbellConfig:
    nr_queues: u32 = 1
    queue_depth: u32 = 8
    timeout_msec: u32 = 30_000
    resets: u64 = 0  #: how often ``timeout`` asks for more time
    last_word: LastWord = LastWord.NONE


class Doorbell(Recording):
    """Keeps requests until a write to sector 0 rings: then all others of its queue end, found by their tags."""

    config: DoorbellConfig
    nr_resets: Atomic

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = self.config.nr_queues
        tag_set.queue_depth = self.config.queue_depth
        tag_set.timeout_msec = self.config.timeout_msec
        self.disk.set_capacity(NR_SECTORS)
        return Errno.OK

    def take(self, rq: Request) -> BlkStatus:
        self.record(Event.TAG, rq.tag)
        rq.start()
        if rq.sector == 0:
            for tag in range(self.config.queue_depth):
                found = self.tag_set.tag_to_rq(rq.hctx, tag)
                if found is not None:
                    self.record(Event.FOUND, found.tag)
                    if tag != rq.tag:
                        found.end()
            rq.end()
        return BlkStatus.OK

    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        self.record(Event.TIMEOUT, rq.sector)
        if self.nr_resets.fetch_add(1) < self.config.resets:
            return BlkEhTimerReturn.RESET_TIMER
        if self.config.last_word == LastWord.END:
            rq.end(BlkStatus.TRANSPORT)
        if self.config.last_word == LastWord.COMPLETE:
            rq.complete()
        return BlkEhTimerReturn.DONE

    def complete(self, rq: Request) -> None:
        rq.end(BlkStatus.TRANSPORT)


@dataclass(frozen=True, kw_only=True)
class InStepsConfig:
    bad_sector: u64 = NR_SECTORS


class InSteps(Recording):
    """Does a write sector by sector, and leaves its end to the complete callback."""

    config: InStepsConfig

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.set_capacity(NR_SECTORS)
        return Errno.OK

    def take(self, rq: Request) -> BlkStatus:
        rq.start()
        while rq.update(self.status_of(rq.sector), SECTOR_SIZE):
            self.record(Event.UPDATE, rq.nr_bytes)
            self.show_rest(rq)
        rq.complete()
        return BlkStatus.OK

    def status_of(self, sector: int) -> BlkStatus:
        return BlkStatus.MEDIUM if sector == self.config.bad_sector else BlkStatus.OK

    def show_rest(self, rq: Request) -> None:
        for segment in rq.segments():
            self.record(Event.REST, segment[0])
            return

    def complete(self, rq: Request) -> None:
        self.record(Event.COMPLETE, rq.nr_bytes)
        rq.end()


@dataclass(frozen=True, kw_only=True)
class BudgetedConfig:
    first: u64 = 0  #: number of the first question for leave that is answered with no
    denials: u64 = 0  #: how many from then on
    refusals: u64 = 0  #: how many writes are not taken at first


class Budgeted(Recording):
    """Gives leave for each request by a token, a number never used before; wants it back if it came for nothing."""

    config: BudgetedConfig
    nr_asked: Atomic
    nr_refused: Atomic

    class Pdu:
        token: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.set_capacity(NR_SECTORS)
        return Errno.OK

    def get_budget(self) -> int:
        token = self.nr_asked.fetch_add(1)
        if self.config.first <= token < self.config.first + self.config.denials:
            return -1
        self.record(Event.GET_BUDGET, token)
        return token

    def put_budget(self, token: int) -> None:
        self.record(Event.PUT_BUDGET, token)

    def set_rq_budget_token(self, rq: Request, token: int) -> None:
        rq.pdu.token = token

    def get_rq_budget_token(self, rq: Request) -> int:
        token: int = rq.pdu.token
        return token

    def take(self, rq: Request) -> BlkStatus:
        if self.nr_refused.fetch_add(1) < self.config.refusals:
            return BlkStatus.RESOURCE
        self.record(Event.TOKEN, rq.pdu.token)
        return super().take(rq)


class ByLists(Recording):
    """Takes the first two requests of each list at once and leaves the others."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.set_capacity(NR_SECTORS)
        return Errno.OK

    def queue_rqs(self, rqs: RequestList) -> None:
        for _ in range(2):
            rq = rqs.pop()
            if rq is not None:
                self.record(Event.QUEUE_RQS, rq.sector)
                self.take(rq)


NR_QUEUES, QUEUE_DEPTH = 2, 4


@dataclass(frozen=True, kw_only=True)
class LifecycleConfig:
    failing_queue: u32 = 99  #: whose init_hctx fails
    failing_tag: u32 = 99  #: whose init_request fails, on queue 1
    is_loud: bool = False  #: whether each exit callback fails, so that it is reported


class Lifecycle(Recording):
    """Sees that its queues and requests are born once, before the first I/O, and die once, after the last."""

    config: LifecycleConfig

    class Hw:
        is_alive: bool

    class Pdu:
        is_alive: bool

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = NR_QUEUES
        tag_set.queue_depth = QUEUE_DEPTH
        self.disk.set_capacity(NR_SECTORS)
        return Errno.OK

    def init_hctx(self, hctx: HwCtx) -> Errno:
        if hctx.queue_num == self.config.failing_queue:
            return Errno.EFAULT
        assert not hctx.data.is_alive
        hctx.data.is_alive = True
        self.record(Event.INIT_HCTX, hctx.queue_num)
        return Errno.OK

    def exit_hctx(self, hctx: HwCtx) -> None:
        assert hctx.data.is_alive
        hctx.data.is_alive = False
        assert not self.config.is_loud

    def init_request(self, rq: Request) -> Errno:
        if rq.hctx.queue_num == 1 and rq.tag == self.config.failing_tag:
            return Errno.ENOMEM
        assert not rq.pdu.is_alive
        rq.pdu.is_alive = True
        self.record(Event.INIT_REQUEST, rq.hctx.queue_num * QUEUE_DEPTH + rq.tag)
        return Errno.OK

    def exit_request(self, rq: Request) -> None:
        assert rq.pdu.is_alive
        rq.pdu.is_alive = False
        assert not self.config.is_loud

    def take(self, rq: Request) -> BlkStatus:
        assert rq.hctx.data.is_alive
        assert rq.pdu.is_alive
        return super().take(rq)


class Mistake(IntEnum):
    """What a driver does wrong."""

    NONE = 0
    END_BEFORE_START = 1
    COMPLETE_BEFORE_START = 2
    START_TWICE = 3
    COMPLETE_TWICE = 4
    END_TWICE = 5
    END_AND_ERROR = 6  #: ends it and returns an error too
    END_KEPT = 7  #: ends the request that had this tag before
    READ_KEPT = 8  #: looks at the request that had this tag before


@dataclass(frozen=True, kw_only=True)
class ClumsyConfig:
    queue_depth: u32 = 8
    mistake: Mistake = Mistake.NONE


class Clumsy(Recording):
    """Makes one mistake with each write."""

    config: ClumsyConfig

    class Hw:
        kept: Request

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.queue_depth = self.config.queue_depth
        self.disk.set_capacity(NR_SECTORS)
        return Errno.OK

    def take(self, rq: Request) -> BlkStatus:
        if self.config.mistake == Mistake.END_BEFORE_START:
            rq.end()
        if self.config.mistake == Mistake.COMPLETE_BEFORE_START:
            rq.complete()
        rq.start()
        if self.config.mistake == Mistake.START_TWICE:
            rq.start()
        if self.config.mistake == Mistake.COMPLETE_TWICE:
            rq.complete()
            rq.complete()
        kept = rq.hctx.data.kept
        if kept is not None:
            if self.config.mistake == Mistake.END_KEPT:
                kept.end(BlkStatus.IOERR)
            if self.config.mistake == Mistake.READ_KEPT:
                self.record(Event.UPDATE, kept.nr_bytes)
        rq.hctx.data.kept = rq
        rq.end()
        if self.config.mistake == Mistake.END_TWICE:
            rq.end(BlkStatus.IOERR)
        return BlkStatus.MEDIUM if self.config.mistake == Mistake.END_AND_ERROR else BlkStatus.OK
