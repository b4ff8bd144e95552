# SPDX-License-Identifier: MIT
"""A field with a default has it before the first callback; a timer can be called off."""

from __future__ import annotations

from blkmq import BlkStatus, Errno, HrTimer, HwCtx, Operations, QueueLimits, Request, TagSet, u8, u16, u32
from tests.targets import served

NSEC_PER_SEC = 1_000_000_000


class FirstValues(Operations):
    """Reads give the defaults of its fields back."""

    weight: u8 = 7

    class Pdu:
        mark: u16 = 300

    class Hw:
        nr_seen: u32 = 70_000

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.queue_depth = 3
        self.disk.capacity_sectors = 64
        return Errno.OK if self.weight == 7 else Errno.EINVAL

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        for segment in rq.segments():
            segment[0] = self.weight
            segment[1] = rq.pdu.mark - 200
            segment[2] = hctx.data.nr_seen - 69_900
        rq.end()
        return BlkStatus.OK


class CalledOff(Operations):
    """Arms a timer for an hour, calls it off, and arms it for a moment."""

    class Pdu:
        timer: HrTimer

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        if rq.pdu.timer.cancel():
            return BlkStatus.IOERR
        rq.pdu.timer.start(3600 * NSEC_PER_SEC, rq)
        if not rq.pdu.timer.cancel():
            return BlkStatus.IOERR
        rq.pdu.timer.start(1, rq)
        return BlkStatus.OK

    def timer(self, rq: Request) -> None:
        rq.end()


def test_fields_have_their_defaults_in_every_record(target: str) -> None:
    with served(FirstValues(), target) as disk:
        futures = [disk.submit_read(0, 512) for _ in range(7)]
        assert {future.result()[:3] for future in futures} == {bytes([7, 100, 100])}


def test_a_timer_that_was_called_off_does_not_fire(target: str) -> None:
    with served(CalledOff(), target) as disk:
        disk.read(0, 512)
        assert disk.counters()["nr_stale_timers"] == 0
