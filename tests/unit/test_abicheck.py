# SPDX-License-Identifier: MIT
"""A kernel's C API beside what the glue expects: a small one of our own, as headers and as BTF, right and doctored."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from blkmq.abicheck.btf import Btf, BtfError
from blkmq.abicheck.btf_check import check_btf
from blkmq.abicheck.btf_file import read_btf
from blkmq.abicheck.compiled import answer, question
from blkmq.abicheck.expected import INCLUDES, Expected, expected
from blkmq.abicheck.finding import Finding, place_of
from blkmq.kmod.sources import glue_sources

KERNEL = """
typedef unsigned char u8; typedef unsigned int u32; typedef unsigned long long u64; typedef u64 sector_t;
typedef _Bool bool;
typedef u8 blk_status_t;
struct bio;
struct request {
	union { struct { u32 cmd_flags; int tag; }; u64 both; };
	unsigned int __data_len;
	sector_t __sector;
	struct bio *bio;
	char name[32];
};
struct data { struct request *rq; bool last; };
struct ops { blk_status_t (*queue_rq)(struct request *, const struct data *); void *(*const get)(void); };
extern struct ops all_ops;
struct ops all_ops;
struct data a_data;
void blk_start(struct request *rq);
void blk_end(struct request *rq, blk_status_t status);
#define __force
#define MODULE_LICENSE(text)
struct queue_limits { unsigned int max_sectors; };
#define BLK_FEAT_A ((u32)4)
"""
BODIES = """
void blk_start(struct request *rq) { (void)rq; }
void blk_end(struct request *rq, blk_status_t status) { (void)rq; (void)status; }
"""
THINGS = [
    Expected("cmd_flags", "u32", "struct request"),
    Expected("__data_len", "unsigned int", "struct request"),
    Expected("__sector", "sector_t", "struct request"),
    Expected("bio", "struct bio *", "struct request"),
    Expected("name", "char [32]", "struct request"),
    Expected("last", "bool", "struct data"),
    Expected("queue_rq", "blk_status_t (*)(struct request *, const struct data *)", "struct ops"),
    Expected("get", "void *(*const)(void)", "struct ops"),
    Expected("blk_start", "void (struct request *)"),
    Expected("blk_end", "void (struct request *, blk_status_t)"),
]
SOURCES = {"request.h": "/* about __data_len */\n\tlength = rq->__data_len;\n\tblk_start(rq);\n"}
CHANGES = [
    ("__data_len;", "__data_length;", "struct request.__data_len: expected 'unsigned int', this kernel has none"),
    ("unsigned int __data_len", "u64 __data_len",
     "struct request.__data_len: expected 'unsigned int', this kernel has 'u64'"),
    ("sector_t __sector", "int __sector", "struct request.__sector: expected 'sector_t', this kernel has 'int'"),
    ("name[32]", "name[16]", "struct request.name: expected 'char [32]', this kernel has 'char [16]'"),
    ("queue_rq)(struct request *,", "queue_rq)(struct request *, int,",
     "struct ops.queue_rq: expected 'blk_status_t (*)(struct request *, const struct data *)', this kernel has 'blk_status_t (*)(struct request *, int, const struct data *)'"),  # noqa: E501
    ("blk_end(struct request *rq, blk_status_t status)", "blk_end(struct request *rq, int status, int more)",
     "blk_end(): expected 'void (struct request *, blk_status_t)', this kernel has 'void (struct request *, int, int)'"),  # noqa: E501
    ("void blk_start(struct request *rq)", "void blk_begin(struct request *rq)",
     "blk_start(): expected 'void (struct request *)', this kernel has none"),
]  # fmt: skip


def doctored(old: str, new: str) -> tuple[str, str]:
    """Headers and bodies."""
    assert old in KERNEL
    return KERNEL.replace(old, new), BODIES.replace(old, new)


def told(findings: list[Finding]) -> list[str]:
    """Without the places and the blanks in which gcc and BTF differ."""
    return [re.sub(r" \(used at [^)]*\)$", "", str(finding)) for finding in findings]


def gcc_says(headers: str, text: str, directory: Path) -> str:
    """Of a question, with headers of ours alone."""
    (directory / "linux").mkdir()
    for name in INCLUDES:
        (directory / name).write_text('#include "all.h"\n')
    (directory / "linux/all.h").write_text(f"#pragma once\n{headers}")
    (directory / "question.c").write_text(text)
    words = ["gcc", "-std=gnu11", "-fsyntax-only", "-Wpointer-sign", f"-I{directory}", str(directory / "question.c")]
    run = subprocess.run(words, capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin"})
    return run.stderr


def by_headers(headers: str, directory: Path) -> list[Finding]:
    return answer(gcc_says(headers, question(THINGS, {}, []), directory), THINGS, SOURCES)[0]


def btf_of(text: str, directory: Path) -> Btf:
    (directory / "kernel.c").write_text(text)
    words = ["gcc", "-gbtf", "-c", str(directory / "kernel.c"), "-o", str(directory / "kernel.o")]
    subprocess.run(words, check=True)
    return read_btf(directory / "kernel.o")


def test_what_is_as_expected_is_not_told(tmp_path: Path) -> None:
    assert by_headers(KERNEL, tmp_path) == []
    assert check_btf(btf_of(KERNEL + BODIES, tmp_path), THINGS, SOURCES) == []


@pytest.mark.parametrize(("old", "new", "text"), CHANGES)
def test_a_change_is_told_by_headers(old: str, new: str, text: str, tmp_path: Path) -> None:
    assert told(by_headers(doctored(old, new)[0], tmp_path)) == [text]


@pytest.mark.parametrize(("old", "new", "text"), CHANGES)
def test_a_change_is_told_by_btf(old: str, new: str, text: str, tmp_path: Path) -> None:
    assert told(check_btf(btf_of("".join(doctored(old, new)), tmp_path), THINGS, SOURCES)) == [text]


def test_a_finding_names_the_place_in_the_glue() -> None:
    assert place_of(THINGS[1], SOURCES) == "request.h:2"
    assert place_of(THINGS[8], SOURCES) == "request.h:3"
    assert str(Finding(THINGS[8], "", "request.h:3")).endswith("(used at request.h:3)")


def test_all_that_is_expected_is_used() -> None:
    """But for what a macro of the kernel's calls for us."""
    sources = glue_sources()
    by_macros = {"__blk_mq_alloc_disk", "bi_idx"}
    for thing in expected():
        name = thing.name
        assert place_of(thing, sources) or name in by_macros or any(f".{name} =" in t for t in sources.values()), name


def test_constants_and_limits_that_are_not_there(tmp_path: Path) -> None:
    constants = {"BLK_FEAT_A": ("BLK_FEAT_A", 4), "BLK_FEAT_B": ("BLK_FEAT_B", 8), "Op.C": ("BLK_FEAT_A", 5)}
    said = gcc_says(KERNEL, question([], constants, ["max_sectors", "max_streams"]), tmp_path)
    assert answer(said, [], {})[2] == {"BLK_FEAT_B", "Op.C", "max_streams"}


@pytest.mark.parametrize("data", [b"", b"\x9f\xeb", b"\x7fELF" + bytes(60), bytes(64), b"\x9f\xeb\1\0" + b"\xff" * 60])
def test_no_btf(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(data)
    with pytest.raises(BtfError):
        read_btf(path)
