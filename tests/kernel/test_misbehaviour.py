# SPDX-License-Identifier: MIT
"""The table of misdeeds, played by modules in the guest's kernel."""

from __future__ import annotations

import errno
import itertools
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blkmq.mq.operations import Operations
from blkmq.testing.kernel_disk import KernelDisk, seen
from blkmq.testing.misbehaviour.outcome import Row
from blkmq.testing.misbehaviour.play import play
from blkmq.testing.misbehaviour.table import ROWS, STALE, STALE_END, after
from tests.kernel.modules import MISBEHAVING, is_debug_kernel, module

pytestmark = pytest.mark.lab("modules")

#: blk-mq calls ``complete`` within ``complete()``, so that the request has ended well when the mistake comes.
COMPLETED_BEFORE = {
    "completes_twice": after(STALE),
    "completes_and_ends": STALE_END,
    "completes_and_fails": after(STALE),
    "completes_and_requeues": after(STALE),
}
#: What they come to depends on the moment: a timer of 0 ns is over at once, a batch is the block layer's to make, and
#: others open and close the disk as well.
UNDECIDED = ("arms_timer_and_fails", "error_in_commit_rqs", "error_in_release")

numbers = itertools.count()


def rows() -> Iterator[Row]:
    for row in ROWS:
        if row.driver in MISBEHAVING and not row.compiled.rule and row.name not in UNDECIDED:
            compiled = COMPLETED_BEFORE.get(row.name, row.compiled)
            yield replace(row, compiled=replace(compiled, text=as_an_errno(compiled.text)))


def as_an_errno(text: str) -> str:
    """What a write to a file of configfs says of ``configure = 'EINVAL'``."""
    told = re.search(r"= '(E\w+)'", text)
    return os.strerror(getattr(errno, told[1])) if told else text


def serve(driver: Operations, target: str) -> Any:
    cls = type(driver)
    config = {"mode": driver.config.mode, "timeout_msec": driver.config.timeout_msec, "reads_apart": False}
    return KernelDisk(cls, module(cls.__name__.lower()), f"bad{next(numbers)}", config)


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.name)
def test_row(row: Row) -> None:
    play(row, "c", serve, seen)


@pytest.mark.parametrize("cls", MISBEHAVING, ids=lambda cls: cls.__name__)
def test_nothing_is_left(cls: type[Operations]) -> None:
    """The modules go when the rows are over; the debug kernel looks for lost memory."""
    name = cls.__name__.lower()
    if Path("/sys/module", name).is_dir():
        subprocess.run(["udevadm", "settle"], check=True)
        subprocess.run(["rmmod", name], check=True)
    if is_debug_kernel():
        leaks = Path("/sys/kernel/debug/kmemleak")
        for _ in range(2):
            leaks.write_text("scan")
        assert "blkmq" not in leaks.read_text()
