# SPDX-License-Identifier: MIT
"""The running tag set: hardware queues, tags, disks and the driver's memory. C twin: ``struct blk_mq_tag_set``."""

from __future__ import annotations

from blkmq.mq.integer import s32, s64
from blkmq.native.record import Record, accessor


class TagSetRecord(Record):
    """A tag set in service. Owner: the device; all its memory lives until the device is removed."""

    entry: s64  #: address of the driver's entry point; negative: an interpreted driver
    callbacks: s64  #: bit per slot that the driver fills
    timeout_nsec: s64
    requests: s64  #: nr_requests RequestRecords
    queues: s64  #: nr_hw_queues HwQueueRecords
    disks: s64  #: nr_disks DiskRecords
    pdus: s64  #: nr_requests Pdus
    pdu_size: s64
    hw_size: s64  #: size of one Hw record
    shared: s64  #: the driver's Shared
    fields: s64  #: the driver's view: the record of mq.TagSet
    nr_requests: s32
    nr_hw_queues: s32
    queue_depth: s32
    nr_disks: s32
    flags: s32  #: BLK_MQ_F_*
    spare: s32
    works: s64  #: index + 1 … head of the list of queued Work, an address; a stack
    work_fd: s64  #: eventfd that wakes a worker
    file_queue: s64  #: its FileQueueRecord
    removal_nsec: s64  #: when what is still under way ends, whatever the driver says; 0: the disks stay
    nr_errors: s64  #: errors that escaped callbacks
    nr_stale_ends: s64  #: ends of requests that were ended already
    nr_stale_timers: s64  #: timers and works whose request was gone
    reports: s64  #: NR_REPORTS ReportRecords, a ring
    nr_reports: s64  #: ever written


class DiskRecord(Record):
    """One disk of the set. C twin: ``struct gendisk`` with its ``request_queue``."""

    capacity_sectors: s64
    read_only: s64
    driver: s64  #: the driver's own record
    hws: s64  #: nr_hw_queues Hw records
    index: s32
    frozen: s32


class ReportRecord(Record):
    """One error of a callback, or one request that was late, for the log."""

    fault: s32
    at: s32
    slot: s32
    state: s32  #: of the late request: where it was
    value: s64  #: of a late request: how long it took, in nanoseconds
    rq: s64
    op: s64  #: of the late request
    sector: s64


tag_set_at = accessor(TagSetRecord)
disk_at = accessor(DiskRecord)
report_at = accessor(ReportRecord)

NR_REPORTS = 64
