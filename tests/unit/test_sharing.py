# SPDX-License-Identifier: MIT
"""Decision 7: fields that several queues reach, and the order and kind of locks."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from blkmq.compiler.frontend.refused import Refusal, Refused
from blkmq.compiler.frontend.translate import translate

HEAD = """
from __future__ import annotations

from typing import Annotated

from blkmq import (
    BLK_MQ_F_BLOCKING, Array, Atomic, BlkStatus, Errno, HrTimer, HwCtx, Mutex, Operations, PageStore, QueueLimits,
    Request, RequestList, SpinLock, TagSet, Work, XArray, u64,
)


class Driver(Operations):
    lock: SpinLock
    other: SpinLock
    mutex: Mutex
    flag: u64
    counts: Annotated[Array[u64], 4]
    last: Request | None
    done: RequestList
    total: Atomic
    store: PageStore
    sparse: XArray
    tick: HrTimer
    flusher: Work

    class Pdu:
        timer: HrTimer

    class Hw:
        lock: SpinLock
        done: RequestList
        nr: u64

    class Shared:
        lock: SpinLock
        nr: u64

    shared: Shared
"""

#: What a driver fills in where its test says nothing else.
METHODS = {
    "on_tick": "def on_tick(self) -> None:\n    pass",
    "on_flusher": "def on_flusher(self) -> None:\n    pass",
    "timer": "def timer(self, rq: Request) -> None:\n    pass",
    "queue_rq": "def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:\n    return BlkStatus.OK",
}
BLOCKING = """
def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
    tag_set.flags |= BLK_MQ_F_BLOCKING
    return Errno.OK
"""
RQ = "def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:"


Refusals = Callable[[str], list[Refusal]]


@pytest.fixture
def refusals(load_driver: Any) -> Refusals:
    """The refusals of a driver with these members."""

    def refusals(members: str) -> list[Refusal]:
        members = textwrap.dedent(members)
        rest = [text for name, text in METHODS.items() if f"def {name}(" not in members]
        try:
            translate(load_driver(HEAD + textwrap.indent("\n".join([members, *rest]), "    ") + "\n"))
        except Refused as refused:
            return list(refused.refusals)
        return []

    return refusals


ALLOWED = {
    "under one lock everywhere": f"""
        {RQ}
            with self.lock:
                self.flag += 1
                self.keep(rq)
            return BlkStatus.OK

        def keep(self, rq: Request) -> None:
            self.counts[0] = 1
            self.last = rq

        def complete(self, rq: Request) -> None:
            with self.other:
                with self.lock:
                    self.flag = 0
        """,
    "the tag set's lock for the disk's field": f"""
        {RQ}
            with self.shared.lock:
                self.flag += 1
                self.shared.nr += 1
            return BlkStatus.OK
        """,
    "only read": f"""
        {RQ}
            return BlkStatus.OK if self.flag + self.counts[1] + self.shared.nr else BlkStatus.IOERR
        """,
    "written by the control path only": f"""
        {RQ}
            return BlkStatus.OK if self.flag else BlkStatus.IOERR

        def open(self) -> Errno:
            self.flag += 1
            return Errno.OK
        """,
    "nouns that guard themselves": f"""
        {RQ}
            self.total.fetch_add(1)
            self.sparse.store(1, 2)
            self.store.erase(3)
            hctx.data.nr += 1
            self.tick.start(5)
            return BlkStatus.OK
        """,
    "one timer alone": """
        def on_tick(self) -> None:
            self.flag += 1
            self.count()

        def count(self) -> None:
            self.flag += 1
        """,
    "a list under its queue's lock": f"""
        {RQ}
            with hctx.data.lock:
                hctx.data.done.add_tail(rq)
            with self.lock:
                self.done.add_tail(rq)
            return BlkStatus.OK
        """,
    "mutex of a blocking driver": BLOCKING
    + textwrap.dedent(f"""
        {RQ}
            with self.mutex:
                with self.lock:
                    self.flag += 1
            return BlkStatus.OK
        """),
    "mutex in a work and in the control path": """
        def on_flusher(self) -> None:
            with self.mutex:
                pass

        def init_hctx(self, hctx: HwCtx) -> Errno:
            with self.mutex:
                return Errno.OK
        """,
    "the same lock one after the other": f"""
        {RQ}
            with self.lock:
                pass
            with self.lock:
                pass
            return BlkStatus.OK
        """,
}


@pytest.mark.parametrize("members", ALLOWED.values(), ids=list(ALLOWED))
def test_what_is_guarded_is_allowed(refusals: Refusals, members: str) -> None:
    assert [str(refusal) for refusal in refusals(members)] == []


REFUSED = {
    "no lock": (f"""
        {RQ}
            self.flag = 1
            return BlkStatus.OK
        """, ["shared-field"]),
    "no lock for an element": (f"""
        {RQ}
            self.counts[1] = 1
            return BlkStatus.OK
        """, ["shared-field"]),
    "read without the lock": (f"""
        {RQ}
            with self.lock:
                self.last = rq
            return BlkStatus.OK

        def complete(self, rq: Request) -> None:
            last = self.last
        """, ["shared-field"]),
    "another lock": (f"""
        {RQ}
            with self.lock:
                self.flag += 1
            return BlkStatus.OK

        def complete(self, rq: Request) -> None:
            with self.other:
                self.flag += 1
        """, ["shared-field"]),
    "a helper that is also called without the lock": (f"""
        {RQ}
            with self.lock:
                self.count()
            self.count()
            return BlkStatus.OK

        def count(self) -> None:
            self.flag += 1
        """, ["shared-field"]),
    "the disk's lock for the tag set's field": (f"""
        {RQ}
            with self.lock:
                self.shared.nr += 1
            return BlkStatus.OK
        """, ["shared-field"]),
    "a queue's lock for the disk's field": (f"""
        {RQ}
            with hctx.data.lock:
                self.flag += 1
            return BlkStatus.OK
        """, ["shared-field"]),
    "a timer of each request": ("""
        def timer(self, rq: Request) -> None:
            self.flag += 1
        """, ["shared-field"]),
    "a timer and a request": (f"""
        {RQ}
            return BlkStatus.OK if self.flag else BlkStatus.IOERR

        def on_tick(self) -> None:
            self.flag += 1
        """, ["shared-field"]),
    "a bare list": (f"""
        {RQ}
            self.done.add_tail(rq)
            return BlkStatus.OK
        """, ["list-lock"]),
    "twice through a helper": (f"""
        {RQ}
            with self.lock:
                if is_last:
                    self.again()
            return BlkStatus.OK

        def again(self) -> None:
            for i in range(3):
                with self.lock:
                    pass
        """, ["lock-twice"]),
    "two orders through helpers": (f"""
        {RQ}
            with self.lock:
                self.take_other()
            return BlkStatus.OK

        def take_other(self) -> None:
            with self.other:
                pass

        def complete(self, rq: Request) -> None:
            with self.other:
                with self.lock:
                    pass
        """, ["lock-order"]),
    "mutex under a spin lock": (BLOCKING + textwrap.dedent(f"""
        {RQ}
            with self.lock:
                with self.mutex:
                    pass
            return BlkStatus.OK
        """), ["sleep-in-spinlock"]),
    "mutex in a timer of a blocking driver": (BLOCKING + textwrap.dedent("""
        def on_tick(self) -> None:
            with self.mutex:
                pass
        """), ["may-sleep"]),
    "limits in the data path": (f"""
        {RQ}
            self.tag_set.queue_depth = 3
            return BlkStatus.OK
        """, ["configure-only"]),
}  # fmt: skip


@pytest.mark.parametrize(("members", "rules"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_not_is_refused(refusals: Refusals, members: str, rules: list[str]) -> None:
    assert [refusal.rule for refusal in refusals(members)] == rules


def test_a_refusal_names_the_field_both_places_and_a_hint(refusals: Refusals) -> None:
    (refusal,) = refusals(f"""
        def complete(self, rq: Request) -> None:
            with self.lock:
                self.flag = 0

        {RQ}
            self.flag += 1
            return BlkStatus.OK
        """)
    first = 2 + len(HEAD.splitlines())
    assert refusal.line == first + 5
    assert refusal.source == "self.flag"
    told = f"self.flag is written without a lock here, and written under self.lock at driver.py:{first + 2}"
    assert told in refusal.text
    assert "with self.lock" in refusal.hint
