# SPDX-License-Identifier: MIT
"""One callback in progress: what it may still do, what it holds, and what went wrong.

Every thread that calls a driver has one; the driver's verbs get it as their first argument.
"""

from __future__ import annotations

from typing import Annotated, Any

from blkmq.mq.errors import Fault
from blkmq.mq.integer import s32, s64
from blkmq.native.hot import hot, hot_inline
from blkmq.native.record import Record, Times, accessor

NR_HELD_MAX = 8  #: locks that one callback may hold at once


class Call(Record):
    """A callback in progress. Owner: the thread that runs it."""

    fuel: s64  #: what is left; below 0 is an error
    error: s32  #: a Fault; NONE while all is well
    at: s32  #: where in the source: file index << 20 | line
    value: s64  #: the offending value of the error
    set_address: s64  #: the tag set's record
    disk_address: s64  #: the disk's record
    driver: s64  #: the driver's own record (``self``), of this disk
    shared: s64  #: the tag set's ``Shared`` record
    fields: s64  #: the view of the TagSet
    hw_size: s64  #: of one of the driver's Hw records
    limits: s64  #: during ``configure``: the record of QueueLimits
    geometry: s64  #: during ``getgeo``: the record of HdGeometry
    unique_id: s64  #: during ``get_unique_id``: the record of UniqueId
    rq: s64  #: handle of the request that the callback serves; 0 for none
    queue: s64  #: address of the HwQueueRecord that this thread runs; 0: another thread
    id: s64  #: of the thread, from 1 on: what a lock's owner field holds
    hctx: s32  #: the hardware queue that runs it
    slot: s32  #: the callback
    may_sleep: s32
    nr_spinning: s32  #: spin locks held
    nr_held: s32  #: locks held
    error_at: s32  #: ``at`` of the error
    held: Annotated[Any, s64, Times(NR_HELD_MAX)]  #: addresses of their records


call_at = accessor(Call)


@hot
def fail(call: Call, fault: int, value: int) -> int:
    """Notes the callback's first error; the printed text returns next.  Returns 0."""
    if call.error == 0:
        call.error = fault
        call.value = value
        call.error_at = call.at
    return 0


@hot_inline
def burn(call: Call, amount: int) -> bool:
    """Takes fuel; True when there is none left, which is the callback's error."""
    call.fuel = call.fuel - amount
    if call.fuel < 0:
        fail(call, Fault.FUEL, 0)
        return True
    return False
