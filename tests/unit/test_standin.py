# SPDX-License-Identifier: MIT
"""The stand-in's verbs, tested in C under the sanitizers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from blkmq.compiler.c.build import CONTRACT, FLAGS, SANITIZED, run_gcc
from blkmq.dispatch.c_layout import c_layout
from blkmq.mq.errors import Fault

SOURCES = Path(__file__).with_name("standin")


@pytest.mark.parametrize("name", ["ownership", "pages", "arrays", "callers", "threads"])
def test_verbs_under_asan_and_ubsan(name: str, tmp_path: Path) -> None:
    (tmp_path / "blkmq_layout.h").write_text(c_layout())
    program = tmp_path / name
    flags = [*FLAGS, "-Wno-unused-variable", *SANITIZED, "-pthread"]
    run_gcc([*flags, "-o", str(program), str(SOURCES / f"{name}.c")], includes=[tmp_path, SOURCES])
    # An XArray's nodes live as long as the array: nobody frees them here.
    environment = {"ASAN_OPTIONS": "detect_leaks=0"}
    run = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr


def test_threads_under_tsan(tmp_path: Path) -> None:
    """Every plain access is ordered by an atomic one, but for the bytes of pages, which are the driver's own."""
    (tmp_path / "blkmq_layout.h").write_text(c_layout())
    (tmp_path / "suppressions").write_text("race:blkmq_page_getitem\nrace:blkmq_page_setitem\n")
    program = tmp_path / "threads"
    flags = [*FLAGS, "-Wno-tsan", "-O1", "-g", "-fsanitize=thread", "-pthread"]
    run_gcc([*flags, "-o", str(program), str(SOURCES / "threads.c")], includes=[tmp_path, SOURCES])
    environment = {"TSAN_OPTIONS": f"suppressions={tmp_path}/suppressions"}
    run = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=300, check=False)
    if "unexpected memory mapping" in run.stderr:
        pytest.skip("cannot be had: ThreadSanitizer under this kernel's address layout")
    assert run.returncode == 0, run.stderr


def test_every_verb_of_the_contract_is_there(tmp_path: Path) -> None:
    """gcc says so of a static function that is declared and called, but nowhere defined."""
    (tmp_path / "blkmq_layout.h").write_text(c_layout())
    source = tmp_path / "empty.c"
    source.write_text('#include "contract.h"\n')
    run_gcc([*FLAGS, "-Wunused-function", "-fsyntax-only", str(source)], includes=[tmp_path])


def test_the_contract_numbers_faults_as_python_does() -> None:
    text = (CONTRACT / "contract.h").read_text()
    names = re.findall(r"^\tBLKMQ_FAULT_(\w+),$", text, re.MULTILINE)
    assert names == [fault.name for fault in Fault]
    assert [int(fault) for fault in Fault] == list(range(len(names)))
