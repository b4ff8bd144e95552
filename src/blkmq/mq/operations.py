# SPDX-License-Identifier: MIT
"""What a driver is made of. C: ``struct blk_mq_ops``, ``struct block_device_operations``; Rust: ``Operations``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from blkmq.mq.blk_eh import BlkEhTimerReturn
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errno import Errno
from blkmq.mq.gen_disk import GenDisk
from blkmq.mq.hd_geometry import HdGeometry
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.io_completion_batch import IoCompletionBatch
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.request import Request
from blkmq.mq.request_list import RequestList
from blkmq.mq.tag_set import TagSet
from blkmq.mq.unique_id import UniqueId


class Operations:
    """A block device driver: subclass it, fill ``queue_rq``, and any other slot that the device needs.

    ``self`` is one disk (C: ``q->queuedata``).  A slot that the class does not define stays empty, as a NULL in
    ``struct blk_mq_ops`` does; ``blkmq ops DRIVER`` shows them all.  Fields are annotations: sized integers,
    nouns of ``blkmq`` (``PageStore``, ``SpinLock``, ``HrTimer`` …); ``config`` is a frozen dataclass of
    attributes.  The nested classes ``Pdu``, ``Hw`` and ``Shared`` give each request, each hardware queue
    of the disk and the tag set their own data, zeroed.
    """

    config: Any
    disk: GenDisk  #: this disk: its name, capacity and read-only flag. C: ``struct gendisk``
    tag_set: TagSet  #: the tags and queues that it shares. C: ``struct blk_mq_tag_set``
    shared: Any  #: the tag set's ``Shared``. C: ``set->driver_data``

    if TYPE_CHECKING:
        Pdu: Any
        Hw: Any
        Shared: Any
    else:  # a driver's own need not be subclasses of these

        class Pdu:
            """The driver's own data for each request. C: ``blk_mq_tag_set.cmd_size``."""

        class Hw:
            """The driver's own data for each hardware queue. C: ``hctx->driver_data``."""

        class Shared:
            """The driver's own data for the tag set. C: ``set->driver_data``."""

    def __init__(self, **attributes: Any) -> None:
        """Attributes of ``config`` by name; an unknown name or a value out of range is a ConfigError."""
        from blkmq.mq.configuration import configuration_of

        object.__setattr__(self, "config", configuration_of(type(self), attributes))


class Family(IntEnum):
    """Which kernel structure a slot belongs to."""

    BLK_MQ_OPS = 0
    BLOCK_DEVICE_OPERATIONS = 1
    BLKMQ = 2  #: ours: what a C driver does in its add function


@dataclass(frozen=True)
class Slot:
    """One callback: its number is the same on every target."""

    number: int
    name: str
    family: Family
    parameters: tuple[tuple[str, Any], ...]  #: name and type of each, ``self`` left out
    returns: Any
    sleeps: bool  #: whether it may sleep whatever the tag set's flags say
    control: bool  #: control path: may only fail by its return value; 2^24 of fuel
    doc: str


_MQ, _BDO, _OURS = Family.BLK_MQ_OPS, Family.BLOCK_DEVICE_OPERATIONS, Family.BLKMQ
_HCTX, _RQ = ("hctx", HwCtx), ("rq", Request)

SLOTS: tuple[Slot, ...] = tuple(
    Slot(number, *row)
    for number, row in enumerate((
        # name, family, parameters, returns, may sleep, control path, what it is for
        ("configure", _OURS, (("tag_set", TagSet), ("limits", QueueLimits)), Errno, True, True,
         "before the disk is made: sets tag set, limits and capacity; 0 or a negative errno"),
        ("queue_rq", _MQ, (_HCTX, _RQ, ("is_last", bool)), BlkStatus, False, False,
         "takes one request: OK, RESOURCE or DEV_RESOURCE (not taken: again later), or the error that ends it"),
        ("commit_rqs", _MQ, (_HCTX,), None, False, False,
         "the batch broke off before a request with is_last: ring the doorbell"),
        ("queue_rqs", _MQ, (("rqs", RequestList),), None, False, False,
         "takes a whole list; what it leaves on the list comes one by one through queue_rq"),
        ("get_budget", _MQ, (), int, False, False, "asks for leave to send one request: a token, or negative: not now"),
        ("put_budget", _MQ, (("token", int),), None, False, False,
         "gives back the token of a request that was not taken"),
        ("set_rq_budget_token", _MQ, (_RQ, ("token", int)), None, False, False, "keeps the token in the request"),
        ("get_rq_budget_token", _MQ, (_RQ,), int, False, False,
         "the token that the request keeps; negative: the driver gave it back itself"),
        ("timeout", _MQ, (_RQ,), BlkEhTimerReturn, False, False,
         "a late request, beside its queue's callbacks: RESET_TIMER waits on; DONE: it ended, or TIMEOUT ends it"),
        ("poll", _MQ, (_HCTX, ("batch", IoCompletionBatch)), int, False, False,
         "looks for completions of a poll queue: how many it found"),
        ("complete", _MQ, (_RQ,), None, False, False, "ends a request for which rq.complete() was called"),
        ("init_hctx", _MQ, (_HCTX,), Errno, True, True, "a hardware queue is born"),
        ("exit_hctx", _MQ, (_HCTX,), None, True, True, "a hardware queue dies"),
        ("init_request", _MQ, (_RQ,), Errno, True, True, "a tag's request is born; its Pdu is zeroed"),
        ("exit_request", _MQ, (_RQ,), None, True, True, "a tag's request dies"),
        ("cleanup_rq", _MQ, (_RQ,), None, False, False,
         "a request that was not completed is freed: frees what the Pdu holds"),
        ("busy", _MQ, (), bool, False, False, "whether the device has no room at the moment"),
        ("map_queues", _MQ, (("tag_set", TagSet),), None, True, True,
         "spreads the queues over default, read and poll maps"),
        ("open", _BDO, (), Errno, True, True, "somebody opens the disk"),
        ("release", _BDO, (), None, True, True, "the last one closed it"),
        ("report_zones", _BDO, (("sector", int), ("nr_zones", int)), int, True, True,
         "describes zones from a sector on: how many, or a negative errno"),
        ("getgeo", _BDO, (("geo", HdGeometry),), Errno, True, True, "cylinders, heads and sectors, for who still asks"),
        ("get_unique_id", _BDO, (("unique_id", UniqueId), ("id_type", int)), int, True, True,
         "the disk's unique id of a type (1 T10, 2 EUI-64, 3 NAA): its length, or a negative errno"),
        ("ioctl", _BDO, (("cmd", int), ("arg", int)), int, True, True, "a driver's own ioctl: 0 or a negative errno"),
    ))
)  # fmt: skip

SLOT_BY_NAME: dict[str, Slot] = {slot.name: slot for slot in SLOTS}
NR_SLOTS_MAX = 64  #: own methods called by a timer or work come from here on, in field order
