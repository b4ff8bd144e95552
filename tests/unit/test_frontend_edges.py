# SPDX-License-Identifier: MIT
"""The edges of the subset: statements just inside, which translate, and just outside, which name their rule."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from blkmq.compiler.frontend.refused import Refused
from blkmq.compiler.frontend.translate import translate

MODULE = """
from __future__ import annotations

import os.path
import math
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import wraps
from typing import Annotated

import blkmq
from blkmq import (
    Array, Atomic, BlkStatus, Errno, GenDisk, HrTimer, HwCtx, Operations, Page, PageStore, QueueLimits, ReqFlag, ReqOp,
    Request, RequestList, Segment, SpinLock, TagSet, u8, u64,
)

HALF = 0.5
HUGE = 1 << 70


class Flag(IntFlag):
    A = 1
    B = 2


class Level(IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Config:
    size: u64 = 1
    fast: bool = False


def helper(n: int, *, twice: bool = False, level: Level = Level.LOW) -> int:
    return 2 * n if twice else n + level


def nothing() -> None:
    pass


def with_default(status: BlkStatus = BlkStatus.OK, rq: Request | None = None) -> BlkStatus:
    return status


def odd_default(n: int = HALF) -> int:
    return n


def takes_segment(segment: Segment) -> None:
    pass


def unknown(n: Missing) -> int:
    return n


def page_or_none(page: Page) -> Page | None:
    return page if page else None


@wraps(helper)
def wrapped(n: int) -> int:
    return n


class Driver(Operations):
    config: Config
    store: PageStore
    lock: SpinLock
    counts: Annotated[Array[u64], 4]
    kept: Request | None
    flag: bool
    small: u8
    flags: Flag
    LIMIT = 5

    class Pdu:
        timer: HrTimer
        n: u64

    class Hw:
        lock: SpinLock
        waiting: RequestList
        first: Request

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        return self.prepare(tag_set, limits, self.disk)

    def prepare(self, tags: TagSet, limits: QueueLimits, disk: GenDisk) -> Errno:
        disk.capacity_sectors = limits.io_min
        return Errno.OK

    def timer(self, rq: Request) -> None:
        return None

    def unannotated(self, n):
        return n

    @staticmethod
    def static(n: int) -> int:
        return n

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
{body}
        return BlkStatus.OK
"""

INSIDE = [
    "n = helper(3, twice=is_last) + helper(n=4, level=Level.LOW)",
    "nothing()",
    "status = with_default()\nwith_default(rq=rq)\nrq.end(status)",
    "page = page_or_none(self.store.get(0)) if is_last else None\nif not page:\n    return BlkStatus.IOERR",
    "page = None if is_last else self.store.get(1)\nif page is not None and page[0]:\n    page.zero(0, 8)",
    "page = self.store.get(0)\npage = None",
    "first = rq.hctx if is_last else hctx\nn = first.queue_num",
    "with self.lock:\n    self.kept = None\n    self.kept = rq\n    if self.kept:\n        self.kept.end()",
    "n = rq.hctx.data.first.sector",
    "with hctx.data.lock:\n    hctx.data.waiting.add_tail(rq)\n    found = hctx.data.waiting.pop() or rq",
    "with self.lock:\n    self.flags = Flag.A | self.flags\n    self.flag = self.flags & Flag.B == Flag.B",
    "with self.lock:\n    self.small = 0 if self.flag else self.small >> 1\n    self.small = min(self.small, 9)",
    "n = self.LIMIT + Driver.LIMIT + blkmq.PAGE_SIZE",
    "a: int\na = 3\nb: BlkStatus = BlkStatus.OK\nc = b.value + rq.op.value",
    "ok = self.config.fast == is_last\nok = True == ok\nok = ok != False",
    "n = bool(rq.sector) + int(is_last) + len(self.counts) + abs(-3) + (5 if True else 7)",
    "n = 0\nwhile False:\n    n = undefined_name",
    "if rq.op not in (ReqOp.READ,):\n    pass\nelse:\n    return BlkStatus.OK",
    "for segment in rq.segments():\n    pass\nfor segment in rq.segments():\n    segment.advance(len(segment))",
    "for i in range(rq.tag):\n    pass\nfor i in range(3, 0, -1):\n    assert i",
    "if is_last and (half := rq.sector // 2) > 3 and half < 9:\n    n = half",
    "if (a := rq.tag) < (b := rq.nr_bytes) < 9:\n    n = a + b",
    "if not (is_last and (n := rq.tag) > 3):\n    return BlkStatus.OK\nm = n",
    "x = rq.sector\nx = is_last\ny = x",
    "while True:\n    if is_last:\n        n = 1\n        break\nm = n",
    "flags = rq.flags & ~ReqFlag.FUA\nn = -True + (is_last | False)",
    "...\n'text that stands alone'\npass",
]

OUTSIDE = [
    ("n = rq.tag\nn = math.gcd(n, 4)", "call"),
    ("n = os.path.join(rq, rq)", "call"),
    ("n = wrapped(3)", "call"),
    ("n = rq.tag.bit_length()", "verb"),
    ("n = (lambda: 3)()", "call"),
    ("n = self.static(3)", "decorator"),
    ("self.unannotated(3)", ["parameter-annotation", "return-annotation"]),
    ("n = unknown(3)", "annotation-name"),
    ("n = odd_default()", "constant"),
    ("for segment in rq.segments():\n    takes_segment(segment)", "segment"),
    ("for segment in rq.segments():\n    rq.pdu.n = segment", "segment"),
    ("for segment in rq.segments():\n    rq.update(BlkStatus.OK, segment)", "segment"),
    ("for segment in rq.segments():\n    for segment in rq.segments():\n        pass", "segment"),
    ("for segment in rq.segments():\n    segment = rq", "alias"),
    ("segment = 3\nfor segment in rq.segments():\n    pass", "type-changes"),
    ("for i in range(3):\n    pass\ni = is_last\ni = rq", "type-changes"),
    ("i = rq\nfor i in range(3):\n    pass", "type-changes"),
    ("for i, j in range(3):\n    pass", "for"),
    ("for i in range(1, 2, 3, 4):\n    pass", "for"),
    ("for i in range(stop=3):\n    pass", "for"),
    ("for segment in hctx.segments():\n    pass", "for"),
    ("while is_last:\n    break\nelse:\n    pass", "loop-else"),
    ("if is_last:\n    n = 1\nm = n", "unassigned"),
    ("while rq.tag:\n    n = 1\nm = n", "unassigned"),
    ("for i in range(3):\n    pass\nn = i", "unassigned"),
    ("n += 1", "unassigned"),
    ("SIZE += 1", "unassigned"),
    ("if is_last or (n := rq.tag) > 3:\n    m = n", "unassigned"),
    ("if (is_last and (n := is_last)) == True:\n    m = n", "unassigned"),
    ("if 1 < rq.tag < (n := rq.nr_bytes):\n    pass\nelse:\n    m = n", "unassigned"),
    ("n: Missing = 3", "annotation-name"),
    ("n: list[int] = 3", "local-annotation"),
    ("self.small: int = 3", "local-annotation"),
    ("n = 3\nn: bool = True", "type-changes"),
    ("n: int\nn: bool", "type-changes"),
    ("n = True\nn = 3", "type-changes"),
    ("status = BlkStatus.OK\nstatus = ReqOp.READ", "type-changes"),
    ("n = rq if is_last else 3", "type-changes"),
    ("n = rq if is_last else hctx", "type-changes"),
    ("n = None", "none"),
    ("n = HALF", "constant"),
    ("n = HUGE", "int-range"),
    ("n = Level", "constant"),
    ("n = Level.HIGH", "attribute"),
    ("n = Level.LOW.name", "attribute"),
    ("n = math.tau", "constant"),
    ("n = BlkStatus.__name__", "attribute"),
    ("n = math.taw", "attribute"),
    ("n = 1 + (2, 3)", "collection"),
    ("n = f'{rq}' + 1", "string"),
    ("n = 3j", "float"),
    ("n = float(3)", "float"),
    ("n = str(3)", "string"),
    ("n = list(3)", "collection"),
    ("n = sum(x for x in rq)", "comprehension"),
    ("n = -(-9223372036854775807 - 1)", "overflow"),
    ("n = abs(-9223372036854775807 - 1)", "overflow"),
    ("n = 2 ** -1", "power"),
    ("n = rq.sector / 2", "true-division"),
    ("n = rq.sector\nn /= 2", "true-division"),
    ("n = rq.sector @ 2", "construct"),
    ("n = min(3)", "argument"),
    ("n = min(3, key=4)", "argument"),
    ("n = len(rq)", "length"),
    ("n = Level(3, 4)", "argument"),
    ("n = helper()", "argument"),
    ("n = helper(1, True)", "argument"),
    ("n = helper(1, n=1)", "argument"),
    ("n = helper(**{})", "star-argument"),
    ("n = helper(1, twice=3)", "argument-type"),
    ("rq.end(status=None)", "argument-type"),
    ("rq.requeue(1)", "argument-type"),
    ("self.prepare(self.tag_set, self.tag_set, self.disk)", "argument-type"),
    ("n = self.prepare()", "argument"),
    ("rq.pdu.timer.start(3, None)", "caller-request"),
    ("n = rq.pdu", "alias"),
    ("n = self.counts", "alias"),
    ("self.counts = 3", "alias"),
    ("n = self", "alias"),
    ("self = 3", "alias"),
    ("n = self.store.pages", "attribute"),
    ("n = self.queue_rqs", "field"),
    ("n = self.timer", "method-value"),
    ("n = self.config.sizes", "field"),
    ("self.config.size = 3", "read-only"),
    ("self.LIMIT = 3", "read-only"),
    ("hctx.queue_num = 3", "read-only"),
    ("Level.LOW = 3", "read-only"),
    ("rq.pdu = 3", "alias"),
    ("self.counts[4] = 3", "index"),
    ("n = self.counts[-1]", "index"),
    ("n = self.counts[1:2]", "slice"),
    ("n = self.config[0]", "subscript"),
    ("page = self.store.get(0)\nn = page[0:3]", "slice"),
    ("a = b = 3", "unpack"),
    ("[a, b] = 3, 4", "unpack"),
    ("(a := 3)", "walrus"),
    ("if rq == rq:\n    pass", "comparison"),
    ("if 1 < rq < 3:\n    pass", "number"),
    ("if 1 < rq.tag is None:\n    pass", "comparison"),
    ("if hctx is None:\n    pass", "identity"),
    ("if hctx:\n    pass", "condition"),
    ("if self.lock:\n    pass", "alias"),
    ("if 3 in self.counts:\n    pass", "membership"),
    ("assert rq.hctx", "condition"),
    ("with self.lock as lock:\n    pass", "with"),
    ("with self.lock, hctx.data.lock:\n    pass", "with"),
    ("with self.store:\n    pass", "with"),
    ("return", "return-type"),
    ("return None", "return-type"),
    ("nothing", "constant"),
    ("n = nothing()", "none"),
    ("n = super().missing()", "call"),
    ("rq.segments", "attribute"),
    ("rq.end", "attribute"),
]  # fmt: skip


@pytest.fixture
def rules_broken(load_driver: Any) -> Any:
    def rules_broken(body: str) -> list[str]:
        driver = load_driver(MODULE.replace("{body}", textwrap.indent(body, " " * 8)))
        try:
            translate(driver)
        except Refused as refused:
            print(refused)
            return [refusal.rule for refusal in refused.refusals]
        return []

    return rules_broken


@pytest.mark.parametrize("body", INSIDE)
def test_inside(rules_broken: Any, body: str) -> None:
    assert rules_broken(body) == []


@pytest.mark.parametrize(("body", "rule"), OUTSIDE, ids=[body for body, _ in OUTSIDE])
def test_outside(rules_broken: Any, body: str, rule: str | list[str]) -> None:
    assert rules_broken(body) == ([rule] if isinstance(rule, str) else rule)
