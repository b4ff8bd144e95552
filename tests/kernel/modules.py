# SPDX-License-Identifier: MIT
"""The modules that the tests here load: built on the host before the guest boots, for the guest's kernel."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from blkmq import Atomic, BlkStatus, Errno, HwCtx, Live, Operations, QueueLimits, Request, TagSet, u32, u64
from blkmq.cli.build import lab_kernel_headers
from blkmq.device.driver_source import load_driver
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from blkmq.kmod.kernel_api import kernel_api
from blkmq.kmod.module import module_text
from blkmq.lab.kernel import find_kernel
from blkmq.testing.misbehaviour import batches, callbacks, control, indexes, owners, silent, sleepers, values
from tests.kernel.drivers import Budgeted, Lister


@dataclass(frozen=True, kw_only=True)
class BornAndDeadConfig:
    nr_queues: Live[u32] = 1
    most: u32 = 1000  #: so many are born, and the next fails


class BornAndDead(Operations):
    """Counts the tags whose Pdus are born and have not died."""

    config: BornAndDeadConfig
    alive: Atomic

    class Pdu:
        mark: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = self.config.nr_queues
        self.disk.set_capacity(2048)
        return Errno.OK

    def init_request(self, rq: Request) -> Errno:
        rq.pdu.mark = 7
        return Errno.ENOMEM if self.alive.fetch_add(1) == self.config.most else Errno.OK

    def exit_request(self, rq: Request) -> None:
        assert rq.pdu.mark == 7
        self.alive.fetch_add(-1)

    def exit_hctx(self, hctx: HwCtx) -> None:
        assert self.alive.load() > 0

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        rq.end(BlkStatus.OK if rq.pdu.mark == 7 else BlkStatus.IOERR)
        return BlkStatus.OK


MODULES_VARIABLE = "BLKMQ_TEST_MODULES"  #: the directory that has them, in the guest too
MISBEHAVING = (
    indexes.Indexes, values.Values, owners.Owners, silent.Silent, callbacks.Callbacks, sleepers.Sleepers,
    batches.Lists, batches.Budgets, batches.Polls, control.Control,
)  # fmt: skip
DRIVERS: dict[str, type[Operations]] = {
    "null_blk": NullBlk,
    "pynull": NullBlk,
    "ramdisk": RamDisk,
    "born": BornAndDead,
    "lister": Lister,
    "budgeted": Budgeted,
    **{cls.__name__.lower(): cls for cls in MISBEHAVING},
}


def readmes_driver(directory: Path) -> type[Operations]:
    """The first Python in the README."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    path = directory / "slow_ram.py"
    path.write_text(re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0])
    return load_driver(str(path))


def build_all(kernel: str, directory: Path) -> None:
    """All of DRIVERS, for a kernel of the lab; what is there of the same text is built anew, as the glue may differ."""
    headers = lab_kernel_headers(find_kernel(kernel), lambda text: None)
    kernel_api(headers)  # asked once
    drivers = DRIVERS | {"slow_ram": readmes_driver(directory)}
    texts = {name: module_text(cls, name, None if name == "null_blk" else name) for name, cls in drivers.items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, module_bytes in zip(texts, pool.map(lambda text: text.build(headers), texts.values()), strict=True):
            (directory / f"{name}.ko").write_bytes(module_bytes)


def module(name: str) -> Path:
    """A built module, in the guest."""
    return Path(os.environ[MODULES_VARIABLE]) / f"{name}.ko"


def disks_of(tree: str) -> Iterator[Path]:
    """The items of a configfs tree."""
    return (path for path in (Path("/sys/kernel/config") / tree).iterdir() if path.is_dir())


def is_debug_kernel() -> bool:
    return platform.release().endswith("-blkmq-debug")
