# SPDX-License-Identifier: MIT
"""The verbs of time and of ``HwCtx``, for compiled drivers."""

from __future__ import annotations

from blkmq.dispatch.call import Call
from blkmq.dispatch.hw_queue import queue_at
from blkmq.dispatch.tag_set import tag_set_at
from blkmq.native.clock import monotonic_nsec
from blkmq.native.hot import hot


@hot
def ktime_get_ns(call: Call) -> int:
    return monotonic_nsec()


@hot
def hw_ctx_queue_num(call: Call, hctx: int) -> int:
    return hctx


@hot
def hw_ctx_type(call: Call, hctx: int) -> int:
    return queue_at(tag_set_at(call.set_address, 0).queues, hctx).type + 0
