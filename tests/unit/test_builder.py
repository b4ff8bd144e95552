# SPDX-License-Identifier: MIT
"""The process that compiles: it does, it goes with whoever started it, and its end stops nobody."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blkmq.compiler.numba import code
from blkmq.compiler.numba.build import is_compiled, load_code
from blkmq.compiler.numba.builder import BUILDER, Builder
from blkmq.native.cache import CODE, kept

TEXT = '''"""A sum."""
from numba import cfunc, int64


@cfunc(int64(int64, int64))
def entry(one, other):
    return one + other
'''


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_texts_are_compiled_at_the_same_time() -> None:
    builder = Builder()
    texts = [kept("sum", TEXT + f"# {number}\n") for number in range(3)]
    for text in texts:
        builder.begin(text, nice=True)
        builder.begin(text)  # which changes nothing
    assert any(builder.is_at(text) for text in texts)
    for text in texts:
        builder.wait(text)
        assert text.with_name(CODE).exists()
    builder.stop()


def test_a_disk_needs_no_numba() -> None:
    """Neither when its code is compiled nor when it is loaded."""
    program = (
        "import sys, blkmq\nfrom blkmq.drivers.ramdisk import RamDisk\n"
        "with blkmq.serve(RamDisk(size=1), via='in_process') as disk: disk.read(0, 4096)\n"
        "print(*sorted({'numba', 'numpy', 'llvmlite'} & set(sys.modules)))"
    )
    assert run(program) == run(program) == "llvmlite\n"


def test_what_the_builder_did_not_do_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed at its work, and then cannot be started."""
    builder = Builder()
    text = kept("sum", TEXT)
    builder.begin(text)
    assert builder._process is not None
    os.killpg(builder._process.pid, signal.SIGKILL)
    builder.wait(text)
    assert not is_compiled(TEXT)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: (_ for _ in ()).throw(OSError("no more processes")))
    monkeypatch.setattr(BUILDER, "is_off", False)
    assert load_code("sum", TEXT).addresses["entry"]
    assert is_compiled(TEXT)


def test_a_text_that_cannot_be_compiled_says_why_here() -> None:
    with pytest.raises(ZeroDivisionError):
        load_code("wrong", "1 / 0")
    assert not is_compiled("1 / 0")


def test_it_goes_with_whoever_started_it() -> None:
    program = (
        "import os, signal\nfrom blkmq.compiler.numba.builder import BUILDER\nfrom blkmq.native.cache import kept\n"
        "BUILDER.begin(kept('endless', 'while True: pass'))\nprint(BUILDER._process.pid, flush=True)\ninput()\n"
    )
    for end in (signal.SIGKILL, signal.SIGINT):
        ours = subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL)
        assert ours.stdout is not None
        builder = os.pidfd_open(int(ours.stdout.readline()))
        ours.send_signal(end)
        ours.communicate()
        assert select.select([builder], [], [], 30)[0], "the builder outlives us"
        os.close(builder)


def test_threads_that_need_the_same_text_compile_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    make_code = code.make_code

    def noted(source: Path) -> None:
        made.append(source)
        make_code(source)

    monkeypatch.setattr(code, "make_code", noted)
    together = threading.Barrier(8)

    def load(_: int) -> int:
        together.wait()
        return load_code("sum", TEXT).addresses["entry"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(load, range(8)))) == 1
    assert made == [kept("sum", TEXT)]
