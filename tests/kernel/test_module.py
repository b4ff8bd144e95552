# SPDX-License-Identifier: MIT
"""Drivers as modules: loaded, configured, used by real programs, removed; beside C null_blk where that has the same."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import struct
import subprocess
from pathlib import Path

import pytest

from blkmq.abi.hdreg import HDIO_GETGEO
from blkmq.kmod.load import CONFIGFS, load_module, mount_configfs, unload_module
from blkmq.mq.errors import BlkmqError
from tests.kernel import drivers
from tests.kernel.modules import module

pytestmark = [pytest.mark.lab("modules"), pytest.mark.usefixtures("unloaded", "configfs")]

MIB = 1 << 20


@pytest.fixture
def configfs() -> None:
    mount_configfs()


def make(tree: str, name: str, **attributes: int) -> Path:
    """A disk of a configfs tree, in service; its node."""
    item = CONFIGFS / tree / name
    item.mkdir()
    for attribute, value in attributes.items():
        (item / attribute).write_text(str(value))
    (item / "power").write_text("1")
    subprocess.run(["udevadm", "settle"], check=True)
    return Path("/dev") / name


def run(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("irqmode", [0, 1, 2])
def test_a_null_disk_is_made_and_removed(irqmode: int) -> None:
    load_module(module("pynull"), {"gb": "1", "irqmode": str(irqmode), "nr_devices": "2", "submit_queues": "2"})
    for node in ("pynullb0", "pynullb1"):
        assert Path("/sys/block", node, "size").read_text() == f"{1 << 21}\n"
        assert sorted(os.listdir(f"/sys/block/{node}/mq")) == ["0", "1"]
        run("dd", f"if=/dev/{node}", "of=/dev/null", "bs=64k", "count=32", "iflag=direct")
        run("dd", f"of=/dev/{node}", "if=/dev/zero", "bs=64k", "count=32", "oflag=direct")
    run("udevadm", "settle")
    unload_module("pynull")
    assert not Path("/dev/pynullb0").exists()
    assert not (CONFIGFS / "pynull").exists()
    assert not Path("/sys/kernel/debug/pynull").exists()


@pytest.mark.parametrize(
    "attributes",
    [
        {"irqmode": 1, "discard": 1, "submit_queues": 2},
        {"irqmode": 2, "blocksize": 4096},
        {"irqmode": 1, "cache_size": 4},
        {"irqmode": 0, "max_sectors": 64, "virt_boundary": 1},
    ],
    ids=str,
)
def test_fio_finds_what_it_wrote(attributes: dict[str, int], tmp_path: Path) -> None:
    load_module(module("pynull"), {"nr_devices": "0"})
    node = make("pynull", "disk", size=64, memory_backed=1, **attributes)
    run(
        "fio", "--name=verify", f"--filename={node}", "--rw=randwrite", "--bsrange=4k-64k", "--size=24m",
        "--verify=crc32c", "--do_verify=1", "--ioengine=libaio", "--iodepth=16", "--direct=1", "--minimal",
    )  # fmt: skip


@pytest.mark.parametrize(("name", "node"), [("ramdisk", "ramdiskb0"), ("pynull", "pynullb0")])
def test_ext4_with_checksums(name: str, node: str, tmp_path: Path) -> None:
    more = {"memory_backed": "1", "discard": "1"} if name == "pynull" else {}
    load_module(module(name), {"size": "64", **more})
    run("mkfs.ext4", "-q", "-O", "metadata_csum", f"/dev/{node}")
    data = os.urandom(8 * MIB)
    run("mount", "-o", "discard", f"/dev/{node}", tmp_path)
    for number in range(4):
        (tmp_path / f"{number}").write_bytes(data)
    (tmp_path / "0").unlink()
    with pytest.raises(BlkmqError, match="it is in use"):
        unload_module(name)
    run("fstrim", tmp_path)
    run("umount", tmp_path)
    run("e2fsck", "-fn", f"/dev/{node}")
    run("mount", f"/dev/{node}", tmp_path)
    found = {hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.iterdir() if path.is_file()}
    run("umount", tmp_path)
    assert found == {hashlib.sha256(data).digest()}


def test_a_disk_goes_while_programs_use_it() -> None:
    load_module(module("pynull"), {"nr_devices": "0"})
    for attributes in ({"irqmode": 2, "completion_nsec": 2_000_000, "memory_backed": 1}, {"irqmode": 1}):
        node = make("pynull", "disk", size=64, submit_queues=2, **attributes)
        fio = subprocess.Popen(
            ["fio", "--name=busy", f"--filename={node}", "--rw=randrw", "--bs=4k", "--ioengine=libaio",
             "--iodepth=16", "--direct=1", "--time_based", "--runtime=60", "--size=60m", "--minimal"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until_busy("disk")
        (CONFIGFS / "pynull/disk/power").write_text("0")
        assert fio.wait(30) != 0
        (CONFIGFS / "pynull/disk").rmdir()


def test_the_readmes_driver(tmp_path: Path) -> None:
    load_module(module("slow_ram"), {"size": "16"})
    data = os.urandom(MIB)
    (tmp_path / "data").write_bytes(data)
    run("dd", f"if={tmp_path / 'data'}", "of=/dev/slow_ramb0", "bs=64k", "oflag=direct")
    run("dd", "if=/dev/slow_ramb0", f"of={tmp_path / 'back'}", "bs=64k", "count=16", "iflag=direct")
    assert (tmp_path / "back").read_bytes() == data


def test_pdus_are_born_and_die() -> None:
    """Also those of a queue that comes later, and those before one that fails."""
    load_module(module("born"), {"nr_devices": "0"})
    node = make("born", "disk")
    (CONFIGFS / "born/disk/nr_queues").write_text("2")
    run("dd", f"if={node}", "of=/dev/null", "bs=4k", "count=100", "iflag=direct")
    (CONFIGFS / "born/disk/power").write_text("0")
    (CONFIGFS / "born/disk").rmdir()
    with pytest.raises(OSError, match="Cannot allocate memory"):
        make("born", "few", most=10)
    (CONFIGFS / "born/few").rmdir()
    assert "nr_errors" not in run("dmesg").rpartition("disk: removed; nr_errors 0")[2]


def wait_until_busy(disk: str) -> None:
    """Until it has done some I/O."""
    stat = Path("/sys/block", disk, "stat")
    while int(stat.read_text().split()[0]) < 100:
        pass


def test_queues_change_in_service() -> None:
    load_module(module("pynull"), {"nr_devices": "0"})
    node = make("pynull", "disk", size=64, memory_backed=1, submit_queues=1)
    item = CONFIGFS / "pynull/disk"
    fio = subprocess.Popen(
        ["fio", "--name=busy", f"--filename={node}", "--rw=randwrite", "--bs=4k", "--size=16m", "--verify=crc32c",
         "--ioengine=libaio", "--iodepth=16", "--direct=1", "--numjobs=1", "--minimal"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    for nr_queues in (2, 1, 2, 1, 99):
        (item / "submit_queues").write_text(str(nr_queues))
        assert len(os.listdir("/sys/block/disk/mq")) == min(nr_queues, os.cpu_count() or 1)
    said = fio.communicate(timeout=600)[0]
    assert fio.returncode == 0, said
    with pytest.raises(OSError, match="Device or resource busy"):
        (item / "size").write_text("32")


@pytest.mark.lab("modules", "null_blk")
@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("size", "64"), ("size", "x"), ("size", ""), ("size", "-1"),
        ("blocksize", "4096"), ("blocksize", "4294967296"), ("blocksize", "0x200"),
        ("irqmode", "2"), ("irqmode", "-1"), ("memory_backed", "1"), ("memory_backed", "y"),
        ("memory_backed", "Nonsense"),
        ("submit_queues", "2"), ("hw_queue_depth", "128"), ("completion_nsec", "10"), ("max_sectors", "64"),
        ("rotational", "1"), ("virt_boundary", "1"), ("fua", "0"),
        ("blocking", "1"), ("power", "2"), ("power", ""),
    ],
)  # fmt: skip
def test_attributes_are_taken_and_refused_as_c_does(attribute: str, value: str) -> None:
    """Before power and after it: the same errno, and the same value afterwards."""
    run("modprobe", "null_blk", "nr_devices=0")
    if attribute not in (CONFIGFS / "nullb/features").read_text().strip().split(","):
        run("rmmod", "null_blk")
        pytest.skip(f"cannot be had: {attribute} of C's null_blk in this kernel")
    load_module(module("pynull"), {"nr_devices": "0"})
    answers = {}
    for tree in ("nullb", "pynull"):
        item = CONFIGFS / tree / f"{tree}7"
        item.mkdir()
        (item / "size").write_text("16")
        told = []
        for _ in range(2):
            told.append((errno_of(item / attribute, value), (item / attribute).read_text()))
            told.append((errno_of(item / "power", "1"), ""))
        answers[tree] = told
        item.rmdir()
    run("udevadm", "settle")
    run("rmmod", "null_blk")
    assert answers["pynull"] == answers["nullb"]


def test_what_c_drops_silently_stays_as_it_was_asked_for() -> None:
    """Without memory C's disk shows discard=0 and cache_size=0 once it is in service; ours ignores them as well."""
    load_module(module("pynull"), {"nr_devices": "0"})
    make("pynull", "disk", size=16, discard=1, cache_size=1)
    assert (CONFIGFS / "pynull/disk/discard").read_text() == "1\n"
    assert Path("/sys/block/disk/queue/discard_max_bytes").read_text() == "0\n"
    assert Path("/sys/block/disk/queue/write_cache").read_text() == "write through\n"


def errno_of(path: Path, value: str) -> int:
    """0, or why a write to a file of configfs was refused; an empty one is no write at all."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, value.encode() or b"\n")
    except OSError as error:
        return error.errno or 0
    finally:
        os.close(fd)
    return 0


def test_features_are_those_of_c_as_far_as_they_go() -> None:
    run("modprobe", "null_blk", "nr_devices=0")
    theirs = (CONFIGFS / "nullb/features").read_text().strip().split(",")
    run("rmmod", "null_blk")
    load_module(module("pynull"), {"nr_devices": "0"})
    ours = (CONFIGFS / "pynull/features").read_text().strip().split(",")
    newer = set(ours) - set(theirs)  # than C's of this kernel
    assert newer <= ({"rotational"} if platform.release().startswith("6.12") else set())


def test_a_drop_in_has_cs_names() -> None:
    load_module(module("null_blk"), {"gb": "1", "bs": "4096", "nr_devices": "1"})
    assert Path("/sys/block/nullb0/queue/logical_block_size").read_text() == "4096\n"
    assert (CONFIGFS / "nullb/features").exists()
    with pytest.raises(BlkmqError, match="File exists"):
        load_module(module("null_blk"), {})


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"irqmode": "7"}, "Invalid parameters"),
        ({"size": "18446744073709551615"}, "Numerical result out of range"),
        ({"blocksize": "777"}, "Invalid parameters"),
        ({"submit_queues": "x"}, "Invalid parameters"),
    ],
)
def test_wrong_parameters(parameters: dict[str, str], told: str) -> None:
    with pytest.raises(BlkmqError, match=told):
        load_module(module("pynull"), parameters)
    assert not Path("/sys/module/pynull").exists()


def ask(node: str, *ioctls: int) -> list[int]:
    """What a driver answers."""
    fd = os.open(node, os.O_RDWR)
    try:
        return [fcntl.ioctl(fd, number, 0) for number in ioctls]
    finally:
        os.close(fd)


def read_at_random(node: str, *words: str) -> None:
    """1024 reads, of which some are merged; sixteen are under way, sent and awaited all at once."""
    run(
        "fio", "--name=read", f"--filename={node}", "--rw=randread", "--bs=4k", "--size=4m", "--iodepth=16",
        "--iodepth_batch=16", "--iodepth_batch_complete_min=16", "--direct=1", "--minimal", *words,
    )  # fmt: skip


def test_lists_and_polling() -> None:
    """A plug's list, of which the driver takes five at most; io_uring's polled I/O, which ``poll`` ends."""
    load_module(module("lister"), {})
    node = "/dev/listerb0"
    assert sorted(os.listdir("/sys/block/listerb0/mq")) == ["0", "1", "2"]
    read_at_random(node, "--ioengine=libaio")
    nr_listed, nr_queued, nr_polled = ask(node, drivers.NR_LISTED, drivers.NR_QUEUED, drivers.NR_POLLED)
    assert nr_listed >= 200
    assert nr_listed + nr_queued >= 900
    assert nr_polled == 0
    read_at_random(node, "--ioengine=io_uring", "--hipri")
    assert ask(node, drivers.NR_POLLED)[0] >= 900


def test_a_driver_is_asked() -> None:
    load_module(module("lister"), {})
    fd = os.open("/dev/listerb0", os.O_RDWR)
    try:
        with pytest.raises(OSError, match="Inappropriate ioctl"):
            fcntl.ioctl(fd, 0x999, 0)
        geometry = fcntl.ioctl(fd, HDIO_GETGEO, bytes(16))
        assert struct.unpack("BBHL", geometry) == (4, 16, 512, 0)
        assert fcntl.ioctl(fd, drivers.RESIZE, 5000) == 0
    finally:
        os.close(fd)
    assert Path("/sys/block/listerb0/size").read_text() == "5000\n"


@pytest.mark.parametrize("scheduler", ["none", "mq-deadline"])
def test_budget_comes_back(scheduler: str) -> None:
    """Also that of requests which the driver does not take; with a scheduler a request has its token before its tag."""
    load_module(module("budgeted"), {})
    Path("/sys/block/budgetedb0/queue/scheduler").write_text(scheduler)
    node = "/dev/budgetedb0"
    read_at_random(node, "--ioengine=libaio", "--numjobs=2")
    nr_out, nr_wrong, nr_returned = ask(node, drivers.NR_OUT, drivers.NR_WRONG, drivers.NR_RETURNED)
    assert (nr_out, nr_wrong) == (0, 0)
    assert nr_returned >= 512


def test_who_has_a_disk_open_asks_nobody_when_it_is_gone() -> None:
    load_module(module("lister"), {"nr_devices": "0"})
    fd = os.open(make("lister", "disk"), os.O_RDWR)
    try:
        assert fcntl.ioctl(fd, drivers.NR_POLLED, 0) == 0
        (CONFIGFS / "lister/disk/power").write_text("0")
        with pytest.raises(OSError, match="No such device"):
            fcntl.ioctl(fd, drivers.NR_POLLED, 0)
    finally:
        os.close(fd)
