# SPDX-License-Identifier: MIT
"""Loop on a block device, which is one of the kernel's own loop driver: on every target, by io_uring and by threads."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from blkmq import ConfigError, ReqFlag, ReqOp
from blkmq.drivers.loop import Loop
from blkmq.testing.model import ByteArrayDisk
from tests.model.against_oracle import compare, compare_at_once
from tests.targets import served

pytestmark = pytest.mark.usefixtures("way")

MIB = 1 << 20
SIZE = 4 * MIB


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What is behind the device."""
    path = tmp_path / "device.img"
    path.write_bytes(bytes(SIZE))
    return path


def losetup(*words: str | Path) -> str:
    """What losetup answers; a skip if it may not."""
    program = shutil.which("losetup") or shutil.which("losetup", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("cannot be had: there is no losetup")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot be had: a loop device: {done.stderr.strip()}")
    return done.stdout.strip()


@pytest.fixture
def device(image: Path) -> Iterator[Path]:
    """A block device of the kernel's."""
    node = losetup("--find", "--show", image)
    try:
        yield Path(node)
    finally:
        subprocess.run([shutil.which("losetup") or "/usr/sbin/losetup", "--detach", node], check=True)


def flushed(device: Path) -> None:
    """What was written to a device is in the file behind it."""
    fd = os.open(device, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


@pytest.mark.parametrize("direct_io", [False, True])
def test_it_holds_what_the_oracle_holds(device: Path, image: Path, target: str, direct_io: bool) -> None:
    with served(Loop(backing_file=device, direct_io=direct_io), target) as disk:
        assert disk.size == SIZE
        oracle = ByteArrayDisk(disk.size)
        compare(disk, oracle, 150, ops="rrwwwudfz")
    flushed(device)
    assert image.read_bytes() == oracle.data


@pytest.mark.parametrize("direct_io", [False, True])
def test_many_requests_at_once(device: Path, target: str, direct_io: bool) -> None:
    driver = Loop(backing_file=device, direct_io=direct_io, offset=MIB, sizelimit=MIB)
    with served(driver, target) as disk:
        compare_at_once(disk, ByteArrayDisk(disk.size))


@pytest.mark.parametrize("op", [ReqOp.DISCARD, ReqOp.WRITE_ZEROES])
def test_holes_give_space_back(device: Path, image: Path, target: str, op: ReqOp) -> None:
    """Down through the kernel's loop driver, to the file behind it."""
    with served(Loop(backing_file=device), target) as disk:
        disk.write(0, b"x" * SIZE)
        disk.flush()
        full = image.stat().st_blocks
        disk.submit(op, MIB, 2 * MIB).result()
        disk.flush()
        assert image.stat().st_blocks <= full // 2 + full // 16
        assert disk.read(0, SIZE) == b"x" * MIB + bytes(2 * MIB) + b"x" * MIB


def test_zeroes_without_a_hole_keep_space(device: Path, image: Path, target: str) -> None:
    with served(Loop(backing_file=device), target) as disk:
        disk.write(0, b"x" * SIZE)
        disk.flush()
        full = image.stat().st_blocks
        disk.submit(ReqOp.WRITE_ZEROES, 0, MIB, flags=ReqFlag.NOUNMAP).result()
        disk.flush()
        assert image.stat().st_blocks >= full
        assert disk.read(0, 2 * MIB) == bytes(MIB) + b"x" * MIB


def test_a_flush_reaches_the_file_behind_it(device: Path, image: Path, target: str) -> None:
    with served(Loop(backing_file=device), target) as disk:
        disk.write(0, b"f" * 4096)
        disk.flush()
        assert image.read_bytes()[:4096] == b"f" * 4096
        disk.write(4096, b"u" * 4096, fua=True)
        assert image.read_bytes()[4096:8192] == b"u" * 4096


def test_a_device_that_cannot_be_written(image: Path, target: str) -> None:
    node = losetup("--find", "--show", "--read-only", image)
    try:
        with served(Loop(backing_file=Path(node)), target) as disk:
            with pytest.raises(OSError, match="is read-only"):
                disk.write(0, bytes(512))
            assert disk.read(0, 512) == bytes(512)
    finally:
        losetup("--detach", node)


def test_direct_io_wants_the_devices_blocks(image: Path, target: str) -> None:
    node = losetup("--find", "--show", "--sector-size", "4096", image)
    try:
        with pytest.raises(ConfigError, match="only multiples of 4096"):
            served(Loop(backing_file=Path(node), direct_io=True), target)
        with served(Loop(backing_file=Path(node), direct_io=True, blocksize=4096), target) as disk:
            compare(disk, ByteArrayDisk(disk.size), 50, ops="rwudfz")
    finally:
        losetup("--detach", node)
