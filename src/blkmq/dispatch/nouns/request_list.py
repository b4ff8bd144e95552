# SPDX-License-Identifier: MIT
"""The verbs of ``RequestList`` and ``IoCompletionBatch``: a ring of handles, as large as the tag set."""

from __future__ import annotations

from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.nouns.records import RequestListRecord
from blkmq.dispatch.request_verbs import request_end
from blkmq.dispatch.tag_set import tag_set_at
from blkmq.mq.errors import Fault
from blkmq.native.hot import hot
from blkmq.native.memory import alloc_zeroed, free_memory, word_at
from blkmq.native.record import accessor

FAULT_INDEX, FAULT_ABSENT = int(Fault.INDEX), int(Fault.ABSENT)
WORD_BYTES = 8

request_list_at = accessor(RequestListRecord)


@hot
def request_list_add_tail(call: Call, rqs: RequestListRecord, rq: int) -> None:
    if rq == 0:
        fail(call, FAULT_ABSENT, 0)
        return
    if rqs.ring == 0:
        rqs.capacity = tag_set_at(call.set_address, 0).nr_requests
        rqs.ring = alloc_zeroed(rqs.capacity * WORD_BYTES)
    if rqs.ring == 0 or rqs.tail - rqs.head >= rqs.capacity:
        fail(call, FAULT_INDEX, rqs.tail - rqs.head)
        return
    word_at(rqs.ring, rqs.tail % rqs.capacity).value = rq
    rqs.tail = rqs.tail + 1


@hot
def request_list_pop(call: Call, rqs: RequestListRecord) -> int:
    if rqs.head >= rqs.tail:
        return 0
    rq = word_at(rqs.ring, rqs.head % rqs.capacity).value + 0
    rqs.head = rqs.head + 1
    return rq


@hot
def request_list_empty(call: Call, rqs: RequestListRecord) -> bool:
    return rqs.head >= rqs.tail


@hot
def request_list_destroy(rqs: RequestListRecord) -> None:
    free_memory(rqs.ring)
    rqs.ring = 0


@hot
def io_completion_batch_add(call: Call, batch: int, rq: int, status: int) -> None:
    request_end(call, rq, status)
