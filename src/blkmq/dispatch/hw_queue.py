# SPDX-License-Identifier: MIT
"""A hardware queue at rest. C twin: ``struct blk_mq_hw_ctx`` with its ``struct blk_mq_tags``."""

from __future__ import annotations

from blkmq.mq.integer import s32, s64
from blkmq.native.record import Record, accessor

RESOURCE_DELAY_NSEC = 3_000_000  #: C: BLK_MQ_RESOURCE_DELAY


class HwQueueRecord(Record):
    """One hardware queue of the set. Owner: the thread that runs it; the lists marked * are anybody's."""

    incoming: s64  #: * stack of new requests (index + 1), newest first
    requeued: s64  #: * stack of requests that came back
    ended: s64  #: * stack of requests that other threads ended
    ended_head: s64  #: list of requests that its own thread ended, index + 1
    ended_tail: s64
    completed: s64  #: * stack of requests for the ``complete`` callback
    file_ios: s64  #: * stack of requests that verbs of a BackingFile got, linked by their FileIoRecords
    file_ring: s64  #: address of the FileRingRecord that does what they may wait for; 0: threads do
    dispatch_head: s64  #: list of requests to issue, index + 1
    dispatch_tail: s64
    free_tags: s64  #: address of queue_depth words, a stack of free tags
    nr_free: s64
    timers: s64  #: heap of armed HrTimers, addresses
    nr_timers: s64
    timer_capacity: s64
    timer_lock: s64
    next_timer_nsec: s64  #: * expiry of the heap's first; S64_MAX when empty
    rerun_nsec: s64  #: when to issue again after RESOURCE
    sleeping: s64  #: * 1 while its thread waits on ``wake_fd``
    wake_fd: s64  #: eventfd
    nr_queued: s64  #: counters: requests given to the driver
    nr_ended: s64
    nr_requeues: s64
    nr_timeouts: s64  #: *
    nr_busy: s64  #: RESOURCE and DEV_RESOURCE
    now_nsec: s64  #: time of the current run
    stopped: s32  #: quiesced: issues nothing
    type: s32  #: HCTX_TYPE_*
    index: s32
    call_index: s32
    kicked: s64  #: * a requeued request asked to be issued now
    poll_list: s64


queue_at = accessor(HwQueueRecord)
