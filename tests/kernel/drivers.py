# SPDX-License-Identifier: MIT
"""Drivers of the tests here that tell by ``ioctl`` what blk-mq has called them for."""

from __future__ import annotations

from blkmq import (
    Atomic,
    BlkStatus,
    Errno,
    HctxType,
    HdGeometry,
    HrTimer,
    HwCtx,
    IoCompletionBatch,
    Operations,
    QueueLimits,
    Request,
    RequestList,
    SpinLock,
    TagSet,
    UniqueId,
    u32,
)

NR_LISTED, NR_QUEUED, NR_POLLED, RESIZE = range(0x500, 0x504)  #: ioctls of Lister
NR_OUT, NR_WRONG, NR_RETURNED = range(0x500, 0x503)  #: of Budgeted
NR_TOKENS = 3


class Lister(Operations):
    """Takes lists as far as it likes; what is polled it ends in ``poll`` only."""

    nr_listed: Atomic
    nr_queued: Atomic
    nr_polled: Atomic

    class Hw:
        lock: SpinLock
        waiting: RequestList

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_maps = 3
        tag_set.nr_hw_queues = 3
        self.disk.set_capacity(1 << 15)
        return Errno.OK

    def map_queues(self, tag_set: TagSet) -> None:
        tag_set.nr_default_queues = 2
        tag_set.nr_poll_queues = 1

    def queue_rqs(self, rqs: RequestList) -> None:
        nr_taken = 0
        while nr_taken < 5:
            rq = rqs.pop()
            if rq is None:
                break
            nr_taken += 1
            self.nr_listed.fetch_add(1)
            self.take(rq.hctx, rq)

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        self.nr_queued.fetch_add(1)
        self.take(hctx, rq)
        return BlkStatus.OK

    def take(self, hctx: HwCtx, rq: Request) -> None:
        rq.start()
        if hctx.type == HctxType.POLL:
            with hctx.data.lock:
                hctx.data.waiting.add_tail(rq)
        else:
            rq.end()

    def poll(self, hctx: HwCtx, batch: IoCompletionBatch) -> int:
        nr_found = 0
        while True:
            with hctx.data.lock:
                rq = hctx.data.waiting.pop()
            if rq is None:
                break
            batch.add(rq, BlkStatus.OK)
            nr_found += 1
        self.nr_polled.fetch_add(nr_found)
        return nr_found

    def getgeo(self, geo: HdGeometry) -> Errno:
        geo.heads = 4
        geo.sectors = 16
        geo.cylinders = self.disk.capacity_sectors // 64
        return Errno.OK

    def get_unique_id(self, unique_id: UniqueId, id_type: int) -> int:
        unique_id.word0 = 0x50001234
        return 8

    def ioctl(self, cmd: int, arg: int) -> int:
        if cmd == NR_LISTED:
            return self.nr_listed.load()
        if cmd == NR_QUEUED:
            return self.nr_queued.load()
        if cmd == NR_POLLED:
            return self.nr_polled.load()
        if cmd == RESIZE:
            self.disk.set_capacity(arg)
            return 0
        return Errno.ENOTTY


class Budgeted(Operations):
    """Has leave for NR_TOKENS requests at once, and does not take every fourth: all of its tokens must come back."""

    out: Atomic
    nr_wrong: Atomic
    nr_returned: Atomic
    turn: Atomic

    class Pdu:
        token: u32
        finish: HrTimer

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = 2
        self.disk.set_capacity(1 << 15)
        return Errno.OK

    def get_budget(self) -> int:
        if self.out.fetch_add(1) >= NR_TOKENS:
            self.out.fetch_add(-1)
            return -1
        return 42

    def put_budget(self, token: int) -> None:
        self.give_back(token)

    def give_back(self, token: int) -> None:
        if token != 42 or self.out.fetch_add(-1) < 1:
            self.nr_wrong.fetch_add(1)

    def set_rq_budget_token(self, rq: Request, token: int) -> None:
        rq.pdu.token = token

    def get_rq_budget_token(self, rq: Request) -> int:
        self.nr_returned.fetch_add(1)
        token: int = rq.pdu.token
        return token

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if self.turn.fetch_add(1) % 4 == 0:
            return BlkStatus.RESOURCE
        rq.start()
        rq.pdu.finish.start(20_000, rq)
        return BlkStatus.OK

    def finish(self, rq: Request) -> None:
        self.give_back(rq.pdu.token)
        rq.end()

    def ioctl(self, cmd: int, arg: int) -> int:
        if cmd == NR_OUT:
            return self.out.load()
        if cmd == NR_WRONG:
            return self.nr_wrong.load()
        if cmd == NR_RETURNED:
            return self.nr_returned.load()
        return Errno.ENOTTY
