# SPDX-License-Identifier: MIT
"""One I/O on its way. C twin: ``struct request``; Rust twin: ``kernel::block::mq::Request``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.integer import u32, u64
from blkmq.mq.req_op import ReqFlag, ReqOp
from blkmq.mq.segment import Segment
from blkmq.mq.verb import verb

if TYPE_CHECKING:
    from blkmq.mq.hw_ctx import HwCtx


class Request:
    """A handle on one request, safe to keep: once the request has ended, using it is an error, never a crash.

    A request is idle when ``queue_rq`` gets it; ``start`` makes it started, ``complete`` completed, ``end``
    ended.  Verbs that its state does not allow are request-state errors; reading a field or the data of an
    ended request is a stale-request error; a second ``end`` is counted, reported and ignored.  Any thread
    may end a request.
    """

    op: ReqOp  #: what to do. C: ``req_op(rq)``
    flags: ReqFlag  #: REQ_FUA, REQ_PREFLUSH … C: ``rq->cmd_flags & ~REQ_OP_MASK``
    sector: u64  #: first sector, in units of 512 bytes. C: ``blk_rq_pos(rq)``
    nr_sectors: u32  #: length in units of 512 bytes. C: ``blk_rq_sectors(rq)``
    nr_bytes: u32  #: length in bytes; what ``update`` left of it. C: ``blk_rq_bytes(rq)``
    tag: u32  #: 0..queue_depth-1, unique within its hardware queue. C: ``rq->tag``
    hctx: HwCtx  #: the hardware queue that it is on. C: ``rq->mq_hctx``
    pdu: Any  #: the driver's own data for this request, a ``Pdu``. C: ``blk_mq_rq_to_pdu(rq)``

    def segments(self) -> Iterator[Segment]:
        """The data, piece by piece, each within a page. C: ``rq_for_each_segment``."""
        raise NotImplementedError

    @verb()
    def start(self) -> None:
        """Idle to started: the driver has it, and its time runs. C: ``blk_mq_start_request``."""
        raise NotImplementedError

    @verb()
    def complete(self) -> None:
        """Started to completed: the driver's ``complete`` callback will end it. C: ``blk_mq_complete_request``."""
        raise NotImplementedError

    @verb()
    def end(self, status: BlkStatus = BlkStatus.OK) -> None:
        """Ends the request with ``status``; it is not the driver's any more. C: ``blk_mq_end_request``.

        Needs a started or completed request.  Ending it again is counted, reported and ignored.
        """
        raise NotImplementedError

    @verb()
    def requeue(self, kick: bool = True) -> None:
        """Gives a started request back; ``queue_rq`` gets it again, as a new handle.

        Without ``kick`` it waits for the next one that kicks, or for the queue's next run.
        C: ``blk_mq_requeue_request``.
        """
        raise NotImplementedError

    @verb()
    def update(self, status: BlkStatus, nr_bytes: int) -> bool:
        """Completes the first ``nr_bytes`` with ``status``; whether anything is left of the request.

        ``sector``, ``nr_bytes`` and ``segments`` describe the rest afterwards; ``end`` is still needed.  A count
        outside 0..nr_bytes or that is no multiple of 512 is a value error.  C: ``blk_update_request``.
        """
        raise NotImplementedError
