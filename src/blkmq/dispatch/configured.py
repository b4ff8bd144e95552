# SPDX-License-Identifier: MIT
"""What the drivers of a tag set asked for, by ``configure`` and ``map_queues``."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.tag_set import TagSet


@dataclass
class Configured:
    """A tag set and each disk's limits, with the kernel's rules and defaults applied."""

    tag_set: TagSet
    limits: list[QueueLimits]
    nr_hw_queues: int = 0  #: as it was asked for: the rules may have lowered it
