# SPDX-License-Identifier: MIT
"""Modules built with a kernel's own headers, and with these doctored: what stops a build, and how it is told."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from blkmq import Errno, HdGeometry, QueueLimits, TagSet
from blkmq.abi.blkdev import BLK_FEAT_ATOMIC_WRITES
from blkmq.bench.c_program import C_SOURCES
from blkmq.compiler.frontend.refused import Refused
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from blkmq.kmod.kbuild import Headers
from blkmq.kmod.module import module_text
from blkmq.kmod.sign import sign
from blkmq.lab.headers import LabHeaders, lab_headers
from blkmq.lab.kernel import find_kernel
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations

CHANGES = [
    (r"\b__data_len\b", "__data_length",
     "struct request.__data_len: expected 'unsigned int', this kernel has none (used at "),
    (r"\bsector_t __sector;", "u32 __sector;", "struct request.__sector: expected 'sector_t', this kernel has 'u32'"),
    (r"\bvoid blk_mq_start_request\(struct request \*rq\)", "void blk_mq_start_request(struct request *rq, int cpu)",
     "blk_mq_start_request(): expected 'void (struct request *)', this kernel has 'void (struct request *, int)'"),
    (r"\bvoid \(\*complete\)\(struct request \*\);", "bool (*complete)(struct request *);",
     "struct blk_mq_ops.complete: expected 'void (*)(struct request *)', this kernel has"),
]  # fmt: skip


class Streams(RamDisk):
    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        limits.features |= BLK_FEAT_ATOMIC_WRITES
        limits.max_write_streams = 4
        return super().configure(tag_set, limits)

    def getgeo(self, geo: HdGeometry) -> Errno:
        geo.heads = 4
        return Errno.OK


@pytest.fixture(scope="module")
def found() -> LabHeaders:
    return lab_headers(find_kernel("7.3"), lambda text: None)


def doctored(found: LabHeaders, pattern: str, new: str, directory: Path) -> Headers:
    """The kernel's own headers but for those of the block layer, which stand before them."""
    common = next(Path(f"{found.root.path}/usr/src").glob("linux-headers-7.3*-common/include/linux"))
    (directory / "linux").mkdir(parents=True)
    nr_changes = 0
    for path in (*common.glob("blk*.h"), common / "bio.h", common / "bvec.h"):
        text, count = re.subn(pattern, new, path.read_text())
        nr_changes += count
        (directory / "linux" / path.name).write_text(text)
    assert nr_changes

    def within(words: Sequence[str], at: Path) -> list[str]:
        return found.root.command(*words, directory=at, shared=(*found.shared, directory))

    return Headers(found.path, within, found.place, make=(f"NOSTDINC_FLAGS=-nostdinc -I{directory}",))


@pytest.mark.parametrize(("pattern", "new", "text"), CHANGES)
def test_a_change_stops_the_build(found: LabHeaders, pattern: str, new: str, text: str, tmp_path: Path) -> None:
    headers = doctored(found, pattern, new, tmp_path / "doctored")
    with pytest.raises(BlkmqError) as error:
        module_text(RamDisk, "ramdisk").build(headers)
    assert text in str(error.value)
    assert str(error.value).count("\n  ") == 1, "nothing else is told"
    assert "7.3" in str(error.value)


def test_headers_that_are_only_moved_build(found: LabHeaders, tmp_path: Path) -> None:
    headers = doctored(found, r"\Z", "\n", tmp_path / "doctored")
    assert module_text(RamDisk, "ramdisk").build(headers).startswith(b"\x7fELF")
    shutil.rmtree(tmp_path / "doctored")


def test_what_a_kernel_lacks_is_told_by_name_and_line(tmp_path: Path) -> None:
    """6.12 has no BLK_FEAT_ATOMIC_WRITES, no write streams, and a getgeo of block devices."""
    old = lab_headers(find_kernel("6.12"), lambda text: None)
    with pytest.raises(Refused) as refused:
        module_text(Streams, "streams").build(Headers(old.path, old.within, old.place))
    told = str(refused.value)
    assert "has no BLK_FEAT_ATOMIC_WRITES" in told
    assert "has no max_write_streams" in told
    assert "has no getgeo, or another one" in told
    assert "test_module_build.py" in told


@pytest.mark.parametrize("driver", [RamDisk, NullBlk])
def test_kbuild_has_nothing_to_say_that_it_keeps_for_w_1(found: LabHeaders, driver: type[Operations]) -> None:
    headers = Headers(found.path, found.within, found.place)
    assert module_text(driver, "quiet").build(headers, "W=1")


def test_a_frame_that_is_too_large_is_refused(found: LabHeaders) -> None:
    """A Python driver cannot easily have one: by hand, then."""
    twin = (C_SOURCES / "null_twin.c").read_text()
    greedy = twin.replace(
        "	tags->nr_hw_queues =",
        "	u8 big[1500];\n\n	strscpy(big, current->comm);\n	tags->nr_hw_queues = big[3] +",
    )
    with pytest.raises(BlkmqError, match="a callback takes more than 1024 bytes of stack") as error:
        module_text(NullBlk, "greedy", by_hand=greedy).build(Headers(found.path, found.within, found.place))
    assert "frame size" in str(error.value)


def test_a_module_is_signed(found: LabHeaders, tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=blkmq", "-keyout",
         str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")], check=True, capture_output=True,
    )  # fmt: skip
    headers = Headers(found.path, found.within, found.place)
    module = module_text(RamDisk, "ramdisk").build(headers)
    signed = sign(module, headers, tmp_path / "key.pem", tmp_path / "cert.pem")
    assert signed.startswith(module)
    assert signed.endswith(b"~Module signature appended~\n")
    with pytest.raises(BlkmqError, match="was not signed"):
        sign(module, headers, tmp_path / "cert.pem", tmp_path / "key.pem")


def test_the_same_input_gives_the_same_bytes(found: LabHeaders) -> None:
    headers = Headers(found.path, found.within, found.place)
    first, second = (module_text(RamDisk, "ramdisk").build(dataclasses.replace(headers)) for _ in range(2))
    assert first == second
