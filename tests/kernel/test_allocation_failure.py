# SPDX-License-Identifier: MIT
"""Memory that is refused at each step of making a disk and of loading a module: ENOMEM, and nothing is left behind.

Documentation/fault-injection: what is written to /proc/self/fail-nth fails that allocation of this thread.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blkmq.kmod.load import CONFIGFS, mount_configfs
from tests.kernel.modules import module

pytestmark = [pytest.mark.lab("modules", "fault_injection"), pytest.mark.usefixtures("unloaded", "failing")]

NTH = Path("/proc/thread-self/fail-nth")
FAILSLAB = Path("/sys/kernel/debug/failslab")
NR_ALLOCATIONS_MAX = 5_000
OURS, STRIDE = 60, 23
NR_finit_module, NR_delete_module = 313, 176
libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def failing() -> Iterator[None]:
    """Allocations that may wait fail as well; not a word of it in the log."""
    mount_configfs()
    for name, value in (("ignore-gfp-wait", "N"), ("verbose", "0")):
        (FAILSLAB / name).write_text(value)
    yield
    NTH.write_text("0")


def with_each_failure(attempt: Callable[[], int], undo: Callable[[], None]) -> int:
    """Lets the first allocation fail, the second, and so on until none is left to fail: about how many there were.

    Ours come first, and each fails; of those of the block layer, sysfs and debugfs behind them, one in STRIDE.
    ``attempt`` gives 0 or an errno.
    """
    numbers: list[int] = [*range(1, OURS), *range(OURS, NR_ALLOCATIONS_MAX, STRIDE)]
    for number in numbers:
        NTH.write_text(str(number))
        error = attempt()
        is_over = NTH.read_text().strip() != "0"
        NTH.write_text("0")
        if not error:
            undo()
        assert error in (0, errno.ENOMEM, errno.EINVAL, errno.ENOENT), (number, os.strerror(error))
        if is_over:
            assert not error
            return number - 1
    raise AssertionError("there is no end of allocations")


@pytest.mark.parametrize("name", ["pynull", "ramdisk", "born"])
def test_power_on(name: str) -> None:
    load(name)
    item = CONFIGFS / name / "disk"
    item.mkdir()
    power = os.open(item / "power", os.O_WRONLY)

    def attempt() -> int:
        try:
            os.write(power, b"1")
        except OSError as error:
            return error.errno or 0
        return 0

    def undo() -> None:
        (item / "power").write_text("0")

    try:
        assert with_each_failure(attempt, undo) > 10
    finally:
        os.close(power)
        item.rmdir()


@pytest.mark.parametrize("name", ["ramdisk"])
def test_loading(name: str) -> None:
    """What fails may be the loader's own; a module whose init fails halfway is not there."""

    def undo() -> None:
        assert libc.syscall(NR_delete_module, name.encode(), os.O_NONBLOCK) == 0

    assert with_each_failure(lambda: insert(name), undo) > 50
    assert not (Path("/sys/module") / name).exists()


def insert(name: str) -> int:
    """finit_module, in this thread: 0 or an errno."""
    file = os.open(module(name), os.O_RDONLY)
    try:
        failed = libc.syscall(NR_finit_module, file, b"nr_devices=1 size=4", 0) != 0
        return ctypes.get_errno() if failed else 0
    finally:
        os.close(file)


def load(name: str) -> None:
    from blkmq.kmod.load import load_module

    load_module(module(name), {"nr_devices": "0"})
