# SPDX-License-Identifier: MIT
"""The thread of one hardware queue: takes a tag for each operation, runs the queue, hands results back."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections import deque

from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch.hctx import append
from blkmq.dispatch.ownership import ENDED, PINS_MASK, STATUS_SHIFT, state_of
from blkmq.dispatch.request import GENERATION_SHIFT, RequestRecord, segment_at
from blkmq.dispatch.running_set import RunningSet
from blkmq.dispatch.tags import get_tag, put_tag
from blkmq.mq.blk_status import BlkStatus
from blkmq.transport.in_process.operation import Operation

WAIT_NSEC = 100_000_000  #: how long the compiled loop may sleep before it looks at Python again


class QueueThread(threading.Thread):
    """Runs a hardware queue until :meth:`stop`, and then until nothing is in flight."""

    def __init__(self, running: RunningSet, index: int) -> None:
        super().__init__(name=f"{running.executable.name}-hctx{index}", daemon=True)
        self.running = running
        self.queue = running.queues[index]
        self.call_address = running.call_address(index)
        self.pending: deque[Operation] = deque()
        self.in_flight: dict[int, Operation] = {}
        self.stopping = False
        self.failure: BaseException | None = None
        self._gate = threading.Lock()  #: of ``pending`` and of what follows
        self._is_over = False  #: nobody takes operations any more, and what wakes the thread may be gone
        self._ended: dict[int, Operation] = {}  #: by tag: what :meth:`answer_ended` saw
        self._turned = threading.Event()  #: set on each turn of the loop
        self._frozen = False
        self._still = threading.Event()  #: set when frozen, and nothing is in flight
        self._heir: QueueThread | None = None  #: gets what comes late, when this queue is gone

    def submit(self, operation: Operation) -> None:
        """Any thread."""
        with self._gate:
            heir = self._heir
            if not self._is_over and heir is None:
                self.pending.append(operation)
                self.wake()
                return
        if heir is not None:
            heir.submit(operation)
        else:
            operation.finish(BlkStatus.OFFLINE)

    def wake(self) -> None:
        os.eventfd_write(self.queue.wake_fd, 1)

    def stop(self) -> None:
        """No more operations come; those under way still end."""
        self.stopping = True
        self.unquiesce()

    def quiesce(self) -> None:
        """Stops issuing, and waits until the thread has seen it."""
        with self._gate:
            if self._is_over:
                return
            self.queue.stopped = 1
            self._turned.clear()
            self.wake()
        self._turned.wait()
        self.running.executable.settle()

    def unquiesce(self) -> None:
        with self._gate:
            if not self._is_over:
                self.queue.stopped = 0
                self.wake()

    # --- C: blk_mq_freeze_queue --------------------------------------------------------------------------------
    def freeze(self) -> None:
        """Gives no more tags."""
        self._still.clear()
        self._frozen = True
        self.wake()

    def is_still(self, until: float) -> bool:
        """Whether what was in flight has ended, by that time of the monotonic clock at the latest."""
        return self._still.wait(max(until - time.monotonic(), 0))

    def unfreeze(self) -> None:
        self._frozen = False
        self.wake()

    def leave_to(self, heir: QueueThread) -> None:
        """Its hardware queue goes: gives what waits, and what will come, to another; the thread ends.  It is still."""
        with self._gate:
            self._heir = heir
            waiting, self.pending = self.pending, deque()
            self.stopping = True
            self.wake()
        for operation in waiting:
            heir.submit(operation)
        self.join()

    def run(self) -> None:
        serve = self.running.executable.engine.serve
        try:
            while not self._has_ended():
                self._turned.set()
                if not self._frozen:
                    self._fill()
                elif not self.in_flight:
                    self._still.set()
                link = serve(self.call_address, time.monotonic_ns() + WAIT_NSEC)
                if link:
                    self._reap(link)
        except BaseException as error:  # a bug of ours: clients must not wait for ever
            self.failure = error
            with self._gate:
                self._is_over = True
            for operation in [*self.in_flight.values(), *self.pending]:
                operation.finish(BlkStatus.IOERR)
            raise
        finally:
            self._turned.set()
            self._still.set()

    def _has_ended(self) -> bool:
        with self._gate:
            self._is_over = self.stopping and not self.pending and not self.in_flight
            return self._is_over

    def _fill(self) -> None:
        """Gives waiting operations a tag each, as long as there are any."""
        record = self.running.record
        while self.pending and self.queue.nr_free:
            operation = self.pending.popleft()
            if not operation.begin():
                continue
            index = get_tag(record, self.queue)
            request = self.running.requests[index]
            request.op = int(operation.op)
            request.flags = int(operation.flags)
            request.sector = operation.sector
            request.nr_bytes = operation.nr_bytes
            request.disk = operation.disk
            self._cut(request, operation)
            self.in_flight[index] = operation
            append(record, self.queue, index)

    @staticmethod
    def _cut(request: RequestRecord, operation: Operation) -> None:
        """The buffer in pieces of a page."""
        if operation.buffer is None:
            return
        address = ctypes.addressof(operation.buffer)
        for start in range(0, operation.nr_bytes, PAGE_SIZE):
            piece = segment_at(request.segments, request.nr_segments)
            piece.address = address + start
            piece.nr_bytes = min(PAGE_SIZE, operation.nr_bytes - start)
            request.nr_segments += 1

    def _reap(self, link: int) -> None:
        """Hands ended requests back, oldest first, and frees their tags."""
        while link:
            index = link - 1
            request = self.running.requests[index]
            link = request.next
            result = self._result(index, request.ownership)
            put_tag(self.running.record, self.queue, index)
            self.in_flight.pop(index).finish(*result)

    def answer_ended(self) -> bool:
        """Hands back what had ended when this was last called: this thread is in a callback; the tags wait for it.

        An operation that is in flight at first, and whose tag's request has ended after that, has ended itself or was
        answered before the tag became another's.  Whether there is more to hand back.  For one other thread.
        """
        before, self._ended = self._ended, {}
        for index, operation in list(self.in_flight.items()):
            word = self.running.requests[index].ownership
            if state_of(word) == ENDED and word & PINS_MASK == 0:
                self._ended[index] = operation
                if before.get(index) is operation:
                    operation.finish(*self._result(index, word))
        return not all(operation.future.done() for operation in self._ended.values())

    def _result(self, index: int, word: int) -> tuple[BlkStatus, str]:
        """How a request ended; and what the driver did wrong with it, with file and line, if that was reported."""
        status = BlkStatus(self.running.requests[index].status or word >> STATUS_SHIFT & 0xFF)
        if status is BlkStatus.OK:
            return status, ""
        rq = word >> GENERATION_SHIFT << GENERATION_SHIFT | index
        return status, next((str(one) for one in reversed(list(self.running.reports())) if one.rq == rq), "")


__all__ = ["QueueThread"]
