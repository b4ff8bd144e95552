# SPDX-License-Identifier: MIT
"""Drivers as modules, as far as no kernel is needed: the text, the names, what is refused before anything is built."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from blkmq.compiler.c.build import CONTRACT
from blkmq.compiler.frontend.refused import Refused
from blkmq.drivers.loop import Loop
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from blkmq.kmod.kbuild import headers_here
from blkmq.kmod.load import load_module, unload_module
from blkmq.kmod.module import module_text
from blkmq.kmod.names import Names
from blkmq.kmod.sources import GLUE, SHARED, write_sources
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations
from tests.cli_runs import complaint, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]


def text_of(cls: type[Operations], name: str) -> str:
    return module_text(cls, name).text


def test_the_text_depends_on_the_driver_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on where its file lies, nor on the run."""
    here = Path(__file__).parents[2] / "src/blkmq/drivers/ramdisk.py"
    shutil.copy(here, tmp_path)
    elsewhere = ModuleType("ramdisk_elsewhere")
    elsewhere.__file__ = str(tmp_path / "ramdisk.py")
    monkeypatch.setitem(__import__("sys").modules, "ramdisk_elsewhere", elsewhere)
    exec(compile(here.read_text(), elsewhere.__file__, "exec"), elsewhere.__dict__)
    text = text_of(RamDisk, "ramdisk")
    assert text_of(elsewhere.RamDisk, "ramdisk") == text
    assert str(here.parent) not in text


def test_every_attribute_is_in_the_text() -> None:
    text = text_of(NullBlk, "null_blk")
    for line in ('X(size, u64, 0, "capacity [MiB, 0..2^43]")', "X(submit_queues, u32, 1,", "X(irqmode, irq_mode, 0,",
                 "X(memory_backed, flag, 0,", "X(gb, size, 1024,", ".size = 256000"):  # fmt: skip
        assert line in text
    assert re.search(r"^#define blkmq_driver_queue_rq null_blk_queue_rq$", text, re.MULTILINE)
    assert "blkmq_driver_commit_rqs" not in text


def test_no_line_of_the_glue_is_longer_than_the_kernel_likes(tmp_path: Path) -> None:
    write_sources(tmp_path, text_of(RamDisk, "ramdisk"), "ramdisk", "")
    for path in GLUE.glob("*.h"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert len(line.expandtabs(8)) <= 120, f"{path.name}:{number}"
        assert (tmp_path / path.name).read_text() == path.read_text()


#: What checkpatch says that is not meant for us, and why.
NOT_FOR_US = {
    "MACRO_ARG_REUSE": "arguments of ours are names, not expressions",
    "MACRO_ARG_UNUSED": "X macros: each use takes what it needs",
    "MACRO_ARG_PRECEDENCE": "names again",
    "COMPLEX_MACRO": "macros that define functions, and lists",
    "TRAILING_SEMICOLON": "these end in a definition",
    "ALLOC_WITH_SIZEOF": "kzalloc_obj() is younger than kernels that we build for",
}
CHECKPATCH = Path(os.environ.get("BLKMQ_KERNEL_SOURCE", "")) / "scripts/checkpatch.pl"


@pytest.mark.skipif(
    not CHECKPATCH.is_file(), reason="BLKMQ_KERNEL_SOURCE has no scripts/checkpatch.pl: `make kernel-source`"
)
@pytest.mark.skipif(shutil.which("perl") is None, reason="no perl: apt-get install perl")
def test_checkpatch_has_nothing_to_say(tmp_path: Path) -> None:
    """Strictly of the glue; of what is printed, no error; and it does find things."""
    command = [
        "perl",
        str(CHECKPATCH),
        "--no-tree",
        "--terse",
        "--show-types",
        "--max-line-length=120",
        f"--ignore={','.join(NOT_FOR_US)}",
    ]
    glue = [str(path) for path in (*GLUE.glob("*.h"), *(CONTRACT / name for name in SHARED))]
    run = subprocess.run([*command, "--strict", "-f", *glue], capture_output=True, text=True, check=False)
    assert [line for line in run.stdout.splitlines() if not line.startswith("total:")] == []
    (tmp_path / "bad.h").write_text("int f(void) {return(1) ;}\n")
    run = subprocess.run([*command, "-f", str(tmp_path / "bad.h")], capture_output=True, text=True, check=False)
    assert " ERROR:" in run.stdout
    for cls in (NullBlk, RamDisk):
        (tmp_path / "driver.c").write_text(text_of(cls, "driver"))
        run = subprocess.run([*command, "-f", str(tmp_path / "driver.c")], capture_output=True, text=True, check=False)
        assert [line for line in run.stdout.splitlines() if " ERROR:" in line] == []


@pytest.mark.parametrize(
    ("name", "asked", "names"),
    [
        ("null_blk", None, Names("null_blk", "nullb", "nullb")),
        ("null_blk", "pynull", Names("pynull", "pynull", "pynullb")),
    ],
)
def test_names(name: str, asked: str | None, names: Names) -> None:
    assert Names.of(NullBlk, name, asked) == names
    assert Names.of(RamDisk, "ramdisk", None) == Names("ramdisk", "ramdisk", "ramdiskb")


@pytest.mark.parametrize("name", ["", "9x", "a-b", "A", "a" * 20, "a/b", "ü"])
def test_no_name(name: str) -> None:
    with pytest.raises(BlkmqError, match="no name for a module"):
        Names.of(NullBlk, "null_blk", name)


def test_what_the_kernel_lacks_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="has no BackingFile yet") as refused:
        module_text(Loop, "loop")
    assert "attributes that are paths" in str(refused.value)
    assert "loop.py:" in str(refused.value)


def test_no_headers(tmp_path: Path) -> None:
    with pytest.raises(BlkmqError, match=f"no kernel headers in {tmp_path}"):
        headers_here(tmp_path)


def test_mistakes_on_the_command_line(surroundings: None, tmp_path: Path) -> None:
    assert "no kernel headers in" in complaint("build", "ramdisk", "--kernel", str(tmp_path), code=1)
    assert "has no BackingFile yet" in complaint("build", "loop", "--kernel", str(tmp_path), code=3)
    assert "no name for a module" in complaint("build", "ramdisk", "--name", "9", "--kernel", str(tmp_path), code=1)
    assert "no such module is loaded" in complaint("unload", "no_such", code=1)
    assert "no such module" in complaint("load", str(tmp_path / "no.ko"), code=1)
    assert "is no ATTR=VALUE" in complaint("load", "x.ko", "size", code=2)


def test_loading_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BlkmqError, match="no such module"):
        load_module(tmp_path / "no.ko", {})
    with pytest.raises(BlkmqError, match="no such module is loaded"):
        unload_module("../etc")


@pytest.mark.parametrize(
    "line",
    [
        "gcc: error: unrecognized command-line option '-fmin-function-alignment=16'; did you mean '-falign-functions'?",
        "/bin/sh: 1: x86_64-linux-gnu-gcc-14: not found",
    ],
)
def test_a_wrong_gcc_is_told(line: str, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(f'modules:\n\t@echo "{line}" >&2; exit 1\n')
    with pytest.raises(BlkmqError, match="the gcc here is not the kernel's") as error:
        module_text(RamDisk, "ramdisk").build(headers_here(tmp_path))
    assert line in str(error.value)
    assert "--kernel NAME" in error.value.hint


def test_headers_that_build_nothing_are_told(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("modules:\n\t@echo no rule >&2; exit 1\n")
    with pytest.raises(BlkmqError, match="nothing builds with these headers:\nno rule"):
        module_text(RamDisk, "ramdisk").build(headers_here(tmp_path))


def test_no_btf_in_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "Makefile").touch()
    (tmp_path / "vmlinux").write_bytes(bytes(4096))
    headers = dataclasses.replace(headers_here(tmp_path), btf=tmp_path / "vmlinux")
    with pytest.raises(BlkmqError, match="has no BTF") as error:
        module_text(RamDisk, "ramdisk").build(headers)
    assert "--no-btf" in error.value.hint
