# SPDX-License-Identifier: MIT
"""What random programs stand on: one driver with fields of every kind, and the text around its programs."""

from __future__ import annotations

from blkmq.mq.blk_status import BlkStatus

#: Integer fields of every width, which each record has.  C has taken some of the names.
SIZES = {
    "small": "u8", "short": "u16", "word": "u32", "long": "u64",
    "tiny": "s8", "half": "s16", "signed": "s32", "wide": "s64",
}  # fmt: skip
ENUMS = {
    "Level": {"LOW": -3, "NONE": 0, "MID": 1, "HIGH": 7, "FAR": 1 << 40},
    "Mode": {"OFF": 0, "ON": 1, "AUTO": 2},
    "BlkStatus": {status.name: int(status) for status in BlkStatus},
}
OTHERS = {"flag": "bool", "level": "Level", "mode": "Mode", "status": "BlkStatus", "marks": "ReqFlag"}
ARRAYS = {"bytes_": ("u8", 4), "words": ("s64", 3), "flags": ("bool", 2), "levels": ("Level", 2)}

#: Where fields lie, and the lock that guards them.
PLACES = {"rq.pdu": "", "hctx.data": "", "self": "self.lock", "self.shared": "self.shared.lock"}
#: In the order in which they nest.
LOCKS = ("self.mutex", "self.shared.lock", "self.lock", "hctx.data.lock")
ATOMICS = ("self.hits", "self.shared.hits", "rq.pdu.hits", "hctx.data.hits")
XARRAYS = ("self.map", "self.shared.map", "hctx.data.map")

CONSTANTS = {"LIMIT": 100, "MASK": 0xFFFF_FFFF, "EDGE": (1 << 63) - 1, "DEEP": -(1 << 63), "ODD": -7}
CONFIG = {"blocks": ("u32", 12), "bias": ("s16", -5), "most": ("u64", (1 << 63) - 1)}
MODES = {"scale": ("u8", 3), "strict": ("bool", 1)}  #: folded into constants

PARAMETERS = "hctx: HwCtx, rq: Request, a: int, b: int, flag: bool, level: Level"
ARGUMENTS = ("a", "b", "argument_flag", "argument_level")
NR_BYTES = (512, 512)  #: of the request's segments
QUEUE_DEPTH = 4
CAPACITY = 2048  #: sectors


def _fields(*more: str) -> str:
    lines = [f"{name}: {size}" for name, size in (SIZES | OTHERS).items()]
    lines += [f"{name}: Annotated[Array[{size}], {length}]" for name, (size, length) in ARRAYS.items()]
    return "".join(f"        {line}\n" for line in (*lines, "hits: Atomic", *more))


def _enum(name: str) -> str:
    return f"class {name}(IntEnum):\n" + "".join(f"    {n} = {value}\n" for n, value in ENUMS[name].items())


_IMPORTS = """\
from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from blkmq import (
    BLK_MQ_F_BLOCKING, PAGE_SIZE, SECTOR_SHIFT, Array, Atomic, BadBlocks, BlkStatus, Const, Errno, HctxType, HrTimer, HwCtx,
    Mutex, Operations, Page, PageStore, QueueLimits, ReqFlag, ReqOp, Request, RequestList, SpinLock, TagSet, Work, XArray,
    s8, s16, s32, s64, u8, u16, u32, u64,
)
"""


def aids_text(functions: list[str]) -> str:
    """The text of the module that the driver imports enums, constants and some functions from."""
    constants = "".join(f"{name} = {value}\n" for name, value in CONSTANTS.items())
    return "\n\n".join([_IMPORTS + constants, _enum("Level"), _enum("Mode"), *functions])


def driver_text(aids: str, functions: list[str], methods: list[str], programs: dict[int, str]) -> str:
    """The text of the driver's module; ``programs`` are methods by number, which ``queue_rq`` calls."""
    config = "".join(f"    {name}: {size} = {value}\n" for name, (size, value) in CONFIG.items())
    config += "".join(
        f"    {name}: Const[{size}] = {bool(value) if size == 'bool' else value}\n"
        for name, (size, value) in MODES.items()
    )
    own = _fields("lock: SpinLock", "mutex: Mutex", "store: PageStore", "map: XArray", "bad: BadBlocks")
    hw = _fields(
        "lock: SpinLock", "map: XArray", "waiting: RequestList", "program: u32", "result: s64",
        "a: s64", "b: s64", "argument_flag: bool", "argument_level: Level",
    )  # fmt: skip
    calls = "".join(
        f"        if which == {number}:\n            hctx.data.result = self.program_{number}(hctx, rq, a, b, flag, level)\n"
        for number in programs
    )
    head = f"""{_IMPORTS}
import {aids} as aids
from {aids} import *


@dataclass(frozen=True, kw_only=True)
class StageConfig:
{config}    blocking: bool = False
"""
    driver = f"""class Base(Operations):
    hits: Atomic

    def blend(self, one: int, other: int = 3) -> int:
        return one ^ self.hits.fetch_add(other)


class Stage(Base):
    STRIDE = 3
    config: StageConfig
{own.replace("        ", "    ")}
    class Pdu:
{_fields("kept: Request", "other: Request", "timer: HrTimer", "work: Work")}
    class Hw:
{hw}
    class Shared:
{_fields("lock: SpinLock", "map: XArray")}
        def weigh(self, value: int, twice: bool = False) -> int:
            return self.hits.fetch_add(value * 2 if twice else value) - value

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.queue_depth = {QUEUE_DEPTH}
        if self.config.blocking:
            tag_set.flags |= BLK_MQ_F_BLOCKING
        self.disk.capacity_sectors = {CAPACITY}
        return Errno.OK

    def blend(self, one: int, other: int = 3) -> int:
        return super().blend(one + 1, other=one) - other

    def timer(self, rq: Request) -> None:
        rq.end()

    def work(self, rq: Request) -> None:
        rq.end()

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        which = hctx.data.program
        a = hctx.data.a
        b = hctx.data.b
        flag = hctx.data.argument_flag
        level = hctx.data.argument_level
{calls}        return BlkStatus.OK
"""
    return "\n\n".join([head, *functions, driver]) + "".join(f"\n{text}" for text in (*methods, *programs.values()))
