# SPDX-License-Identifier: MIT
"""Requests in words, each with its Pdu: ``show_rq``, generated. C twin: ``blk_mq_debugfs_rq_show``."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from blkmq.dispatch.nouns.records import HrTimerRecord
from blkmq.dispatch.ownership import STATE_SHIFT, State
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.req_op import ReqFlag, ReqOp


def show_requests(running: RunningSet) -> Iterator[str]:
    """A line for each request in flight: tag, state, what it is, and the fields of its Pdu."""
    for index, request in enumerate(running.requests[: running.record.nr_requests]):
        state = State(request.ownership >> STATE_SHIFT & 0xFF)
        if state is not State.FREE:
            flags = "|".join(flag.name or "" for flag in ReqFlag(request.flags))
            fields = " ".join(f"{name}={value}" for name, value in pdu_fields(running, index))
            yield (
                f"hctx {request.hctx} tag {request.tag}: {state.name} op={ReqOp(request.op).name} flags={flags or 0} "
                f"sector={request.sector} nr_bytes={request.nr_bytes} pdu: {fields or '-'}"
            )


def pdu_fields(running: RunningSet, index: int) -> Iterator[tuple[str, Any]]:
    """Names and values of a request's Pdu; of a noun, its own fields."""
    pdu = running.executable.pdu(running, index)
    if isinstance(pdu, ctypes.Structure):
        for name, *_ in pdu._fields_:
            value = getattr(pdu, name)
            if isinstance(value, HrTimerRecord):
                value = "armed" if value.heap_index else "idle"
            elif isinstance(value, ctypes.Structure):
                value = {inner[0]: getattr(value, inner[0]) for inner in value._fields_}
            elif isinstance(value, ctypes.Array):
                value = list(value)
            if name != "nothing":
                yield name, value
    else:
        yield from vars(pdu).items()
