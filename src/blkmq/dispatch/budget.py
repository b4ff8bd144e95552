# SPDX-License-Identifier: MIT
"""Leave to send a request, for drivers with ``get_budget``. C twin: ``blk_mq_prep_dispatch_rq``."""

from __future__ import annotations

from blkmq.dispatch.call import Call
from blkmq.dispatch.callback import (
    FUEL_DATA,
    GET_BUDGET,
    GET_RQ_BUDGET_TOKEN,
    PUT_BUDGET,
    call_back,
    enter_disk,
    has_callback,
)
from blkmq.dispatch.hw_queue import RESOURCE_DELAY_NSEC, HwQueueRecord
from blkmq.dispatch.ownership import IDLE, WAITING, mark_issued, transition
from blkmq.dispatch.request import request_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.native.hot import hot_apart


@hot_apart
def budget(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord, index: int) -> bool:
    """Asks the driver for leave to send a request; False: not now."""
    request = request_at(tag_set.requests, index)
    enter_disk(call, tag_set, request.disk)
    token = call_back(call, GET_BUDGET, 0, 0, 0, 0, FUEL_DATA)
    if call.error != 0 or token < 0:
        queue.rerun_nsec = queue.now_nsec + RESOURCE_DELAY_NSEC
        return False
    request.budget_token = token
    return True


@hot_apart
def return_budget(call: Call, tag_set: TagSetRecord, index: int) -> None:
    """Gives the budget of a request that was not taken back, unless the driver has done so (a negative token)."""
    if has_callback(tag_set, PUT_BUDGET):
        request = request_at(tag_set.requests, index)
        token = request.budget_token + 0
        enter_disk(call, tag_set, request.disk)
        if has_callback(tag_set, GET_RQ_BUDGET_TOKEN):
            rq = mark_issued(request) | index
            token = call_back(call, GET_RQ_BUDGET_TOKEN, rq, 0, 0, 0, FUEL_DATA)
            transition(request, rq, 1 << IDLE, WAITING, 0, 1)
        if token >= 0:
            call_back(call, PUT_BUDGET, token, 0, 0, 0, FUEL_DATA)
