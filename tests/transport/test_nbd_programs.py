# SPDX-License-Identifier: MIT
"""Programs that know NBD, against our door: libnbd's, QEMU's, fio, nbd-client."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import blkmq
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from blkmq.transport.nbd.disk import NbdDisk

MIB = 1 << 20
SIZE_MIB = 32
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin"  #: nbdsh wants the system's Python, which has its module


def run(*words: str | Path, code: int = 0) -> str:
    """stdout of a program that ends with ``code``."""
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"{words[0]} is not installed: apt install libnbd-bin qemu-utils fio nbd-client")
    result = subprocess.run(
        list(map(str, words)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PATH": SYSTEM_PATH},
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def disk() -> Iterator[NbdDisk]:
    with blkmq.serve(RamDisk(size=SIZE_MIB)) as disk:
        disk._door.build.ready.wait()
        yield disk


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file of half the disk's size whose content says where it belongs."""
    path = tmp_path / "image"
    path.write_bytes(b"".join(at.to_bytes(8, "big") for at in range(0, SIZE_MIB * MIB // 2, 8)))
    return path


def test_nbdinfo_sees_what_the_disk_is(disk: NbdDisk) -> None:
    (export,) = json.loads(run("nbdinfo", "--json", disk.uri))["exports"]
    assert export["export-size"] == SIZE_MIB * MIB
    assert export["contexts"] == ["base:allocation"]
    assert (export["block_minimum"] if "block_minimum" in export else export["block_size_minimum"]) == 512
    for word in (
        "can_trim",
        "can_zero",
        "can_fua",
        "can_flush",
        "can_multi_conn",
        "can_df",
        "can_fast_zero",
        "can_cache",
    ):
        assert export[word] is True, word
    assert export["is_read_only"] is False


def test_nbdinfo_maps_the_disk_as_allocated(disk: NbdDisk) -> None:
    extents = json.loads(run("nbdinfo", "--map", "--json", disk.uri))
    assert [(extent["offset"], extent["length"], extent["type"]) for extent in extents] == [(0, SIZE_MIB * MIB, 0)]


def test_nbdinfo_and_nbd_client_list_exports(tmp_path: Path) -> None:
    socket = tmp_path / "nbd.sock"
    with blkmq.serve([NullBlk(size=1), NullBlk(size=2)], socket=socket)[0]:
        listed = json.loads(run("nbdinfo", "--list", "--json", f"nbd+unix:///?socket={socket}"))["exports"]
        assert [(one["export-name"], one["export-size"]) for one in listed] == [
            ("null_blk0", MIB),
            ("null_blk1", 2 * MIB),
        ]
        assert run("nbd-client", "-l", "-u", socket).split()[-2:] == ["null_blk0", "null_blk1"]


@pytest.mark.parametrize("connections", [1, 4])
def test_nbdcopy_brings_back_what_it_took(disk: NbdDisk, image: Path, tmp_path: Path, connections: int) -> None:
    run("nbdcopy", f"--connections={connections}", "--flush", image, disk.uri)
    back = tmp_path / "back"
    run("nbdcopy", f"--connections={connections}", disk.uri, back)
    assert back.read_bytes()[: image.stat().st_size] == image.read_bytes()


SHELL = """
import nbd
assert h.get_size() == {size}
h.pwrite(b"durable" * 512, 0, nbd.CMD_FLAG_FUA)
assert h.pread(512, 0)[:7] == b"durable"
h.zero(512, 0, nbd.CMD_FLAG_NO_HOLE)
assert h.pread(512, 0) == bytes(512)
h.trim(1 << 20, 0)
h.cache(1 << 20, 0)
h.flush()
found = []
h.block_status(1 << 20, 0, lambda name, offset, entries, error: found.append((name, list(entries))))
assert found == [("base:allocation", [1 << 20, 0])], found
for wrong in (lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO), lambda: h.pread(512, {size})):
    try:
        wrong()
    except nbd.Error as error:
        print(error.errno)
h.set_strict_mode(0)
for wrong in (lambda: h.pread(512, {size}), lambda: h.pwrite(bytes(512), {size}), lambda: h.pread(100, 100)):
    try:
        wrong()
    except nbd.Error as error:
        print(error.errno)
"""


def test_nbdsh_gets_every_request_and_error(disk: NbdDisk) -> None:
    script = SHELL.format(size=SIZE_MIB * MIB)
    words = ["nbdsh", "-c", "h.add_meta_context('base:allocation')", "-c", f"h.connect_uri('{disk.uri}')", "-c", script]
    assert run(*words).split() == ["ENOTSUP", "EINVAL", "EINVAL", "ENOSPC", "EINVAL"]


def test_qemu_io_reads_what_it_wrote(disk: NbdDisk) -> None:
    commands = [
        "write -P 0x5a 1M 2M", "read -P 0x5a 1M 2M", "write -z 1M 64k", "read -P 0 1M 64k", "discard 2M 64k",
        "flush", "write -f -P 7 0 512", "read -P 7 0 512", "aio_write -P 9 8M 4M", "aio_flush", "read -P 9 8M 4M",
    ]  # fmt: skip
    answers = run("qemu-io", "-f", "raw", disk.uri, *[word for command in commands for word in ("-c", command)])
    assert "failed" not in answers.lower()
    assert "error" not in answers.lower()


def test_qemu_img_converts_and_compares(disk: NbdDisk, image: Path) -> None:
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, disk.uri)
    assert "identical" in run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, disk.uri, code=0)
    assert json.loads(run("qemu-img", "info", "--output=json", disk.uri))["virtual-size"] == SIZE_MIB * MIB


@pytest.mark.parametrize(
    ("block", "depth", "jobs"), [("512", 1, 1), ("4k", 32, 1), ("1m", 8, 1), ("bsrange=512-128k", 16, 2)]
)
def test_fio_verifies_every_block(disk: NbdDisk, block: str, depth: int, jobs: int) -> None:
    size = f"--{block}" if "=" in block else f"--bs={block}"
    extent = SIZE_MIB // jobs
    run("fio", "--name=verify", "--ioengine=nbd", f"--uri={disk.uri}", "--rw=randwrite", size, f"--iodepth={depth}",
        f"--numjobs={jobs}", f"--size={extent}M", f"--offset_increment={extent}M", "--verify=crc32c",
        "--verify_fatal=1", "--verify_state_save=0", "--io_size=16M")  # fmt: skip


def test_programs_come_over_loopback_tcp_too(image: Path) -> None:
    with blkmq.serve(RamDisk(size=SIZE_MIB), listen="127.0.0.1:0") as disk:
        assert disk.uri.startswith("nbd://127.0.0.1:")
        run("nbdcopy", image, disk.uri)
        assert run("nbdinfo", "--size", disk.uri).strip() == str(SIZE_MIB * MIB)
