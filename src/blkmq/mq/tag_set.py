# SPDX-License-Identifier: MIT
"""Tags and hardware queues that disks share. C: ``struct blk_mq_tag_set`` (``include/linux/blk-mq.h``)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from blkmq.abi.blk_mq import BLK_MQ_MAX_DEPTH, HCTX_MAX_TYPES
from blkmq.abi.blkdev import BLK_FEAT_IO_STAT, BLK_FEAT_NOWAIT, BLK_FEAT_POLL
from blkmq.abi.block_blk_mq import BLK_MQ_TAG_MIN
from blkmq.mq.hctx_type import HctxType
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.integer import s32, u32
from blkmq.mq.request import Request
from blkmq.mq.sized_record import SizedRecord
from blkmq.mq.verb import verb


@dataclass(slots=True)
class TagSet(SizedRecord):
    """One tag set: ``configure`` says how many queues and tags it has, ``validate`` fills in the rest.

    Every hardware queue has ``queue_depth`` tags of its own.  Queues are numbered map after map: first the
    default ones, then those for reads, then those for polling.
    """

    nr_hw_queues: u32 = 1  #: hardware queues; with a single map at most one for each CPU
    queue_depth: u32 = 64  #: tags of a hardware queue, reserved ones included, 1..10240
    nr_maps: u32 = 1  #: queue maps: 1 default only, 2 and read, 3 and poll
    nr_default_queues: u32 = 0  #: queues for the rest; 0: all that are left. C: ``map[0].nr_queues``
    nr_read_queues: u32 = 0  #: queues for reads; 0: reads use the default ones. C: ``map[1].nr_queues``
    nr_poll_queues: u32 = 0  #: queues for polled I/O; 0: it uses the default ones. C: ``map[2].nr_queues``
    reserved_tags: u32 = 0  #: tags set aside for BLK_MQ_REQ_RESERVED
    timeout_msec: u32 = 30_000  #: time until ``timeout`` is called; 0: 30 s. C: ``timeout``, in jiffies
    flags: u32 = 0  #: BLK_MQ_F_*; BLK_MQ_F_BLOCKING lets ``queue_rq`` sleep
    numa_node: s32 = -1  #: memory node of the device; -1: any

    def validate(self, *, nr_cpu_ids: int | None = None) -> None:
        """Fills in defaults, lowers what is too high, refuses the rest. C: ``blk_mq_alloc_tag_set``.

        What it lowers it logs, as a warning of the logger ``blkmq``.  ``nr_cpu_ids`` is the number of CPUs, by default
        this machine's.  A broken rule raises :class:`~blkmq.mq.errors.ConfigError` with the field's name.
        """
        self._validate_tags()
        self._validate_maps(nr_cpu_ids or os.cpu_count() or 1)
        self.timeout_msec = self.timeout_msec or 30_000

    @property
    def queue_features(self) -> int:
        """BLK_FEAT_* that every disk of the set gets on top of its own. C: ``blk_mq_alloc_queue``."""
        poll = BLK_FEAT_POLL if self.nr_maps > HctxType.POLL else 0
        return BLK_FEAT_IO_STAT | BLK_FEAT_NOWAIT | poll

    def queues(self, kind: HctxType) -> range:
        """Numbers of the hardware queues of one kind in a validated set; none: the default ones serve it."""
        sizes = (self.nr_default_queues, self.nr_read_queues, self.nr_poll_queues)
        first = sum(sizes[:kind])
        return range(first, first + sizes[kind])

    @verb()
    def tag_to_rq(self, hctx: HwCtx, tag: int) -> Request | None:
        """The request that now has this tag of this hardware queue, or None. C: ``blk_mq_tag_to_rq``."""
        raise NotImplementedError("outside a callback")

    def _validate_tags(self) -> None:
        if not self.queue_depth:
            raise self.refusal("queue_depth", "must be at least 1", hint="64 is usual")
        self._lower("queue_depth", BLK_MQ_MAX_DEPTH, "the most that a queue can have")
        if self.queue_depth < self.reserved_tags + BLK_MQ_TAG_MIN:
            raise self.refusal(
                "reserved_tags",
                f"must leave a tag for ordinary requests; queue_depth is {self.queue_depth}",
                hint="reserved tags count towards queue_depth",
            )

    def _lower(self, field: str, most: int, why: str) -> None:
        asked = getattr(self, field)
        if asked > most:
            import logging  # takes a while

            logging.getLogger("blkmq").warning("%s = %d is lowered to %d: %s", field, asked, most, why)
            setattr(self, field, most)

    def _validate_maps(self, nr_cpu_ids: int) -> None:
        if not self.nr_hw_queues:
            raise self.refusal("nr_hw_queues", "must be at least 1")
        self.nr_maps = self.nr_maps or 1
        if self.nr_maps > HCTX_MAX_TYPES:
            raise self.refusal("nr_maps", f"must be at most {HCTX_MAX_TYPES}: default, read, poll")
        if self.nr_read_queues and self.nr_maps <= HctxType.READ:
            raise self.refusal("nr_read_queues", "needs a read map", hint="set nr_maps to 2 or 3")
        if self.nr_poll_queues and self.nr_maps <= HctxType.POLL:
            raise self.refusal("nr_poll_queues", "needs a poll map", hint="set nr_maps to 3")
        if self.nr_maps == 1:
            self._lower("nr_hw_queues", nr_cpu_ids, "one for each CPU")
            self.nr_default_queues = self.nr_hw_queues
            return

        special = self.nr_read_queues + self.nr_poll_queues
        if special + max(self.nr_default_queues, 1) > self.nr_hw_queues:
            raise self.refusal(
                "nr_hw_queues",
                f"has no room for {self.nr_default_queues or 'any'} default, "
                f"{self.nr_read_queues} read and {self.nr_poll_queues} poll queues",
                hint="nr_hw_queues counts the queues of all maps",
            )
        self.nr_default_queues = self.nr_default_queues or self.nr_hw_queues - special
