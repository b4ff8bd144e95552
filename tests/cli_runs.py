# SPDX-License-Identifier: MIT
"""Runs of the command line, and drivers to give it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from blkmq.cli import main
from blkmq.native.cache import cache_directory

GOOD: str = '''"""A module."""
from __future__ import annotations

from dataclasses import dataclass

from blkmq import BlkStatus, Const, Errno, HrTimer, HwCtx, Operations, QueueLimits, Request, TagSet, Work, u8, u32


@dataclass(frozen=True, kw_only=True)
class GoodConfig:
    mode: Const[u8] = 1  #: what it does
    blocksize: u32 = 512  #: logical block [bytes, 512..65536]
    quiet: bool = False
    status: BlkStatus = BlkStatus.OK

    def check(self) -> None:
        if self.blocksize == 1024:
            raise ValueError("not this one")


class Good(Operations):
    """Ends every request. And nothing else."""

    config: GoodConfig
    ticker: Work

    class Pdu:
        timer: HrTimer

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        limits.logical_block_size = self.config.blocksize
        self.disk.capacity_sectors = 1 << 20
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        if self.config.mode == 1:
            rq.end(self.config.status)
        else:
            rq.pdu.timer.start(1000, rq)
        return BlkStatus.OK

    def timer(self, rq: Request) -> None:
        rq.end(BlkStatus.OK)

    def on_ticker(self) -> None:
        pass
'''

REFUSED = """from blkmq import BlkStatus, Errno, HwCtx, Operations, QueueLimits, Request, TagSet


class Refused(Operations):
    names: list[str]

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        print(rq.sector)
        rq.end(BlkStatus.OK)
        return 0

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.capacity_sectors = 1 << 20
        return Errno.OK
"""


def run(*words: str | Path, **variables: str) -> Result:
    """A run in this process."""
    return CliRunner().invoke(main, [str(word) for word in words], prog_name="blkmq", env=variables)


def answer(*words: str | Path, code: int = 0) -> str:
    """stdout of a run that ends with ``code`` and has nothing else to say."""
    result = run(*words)
    assert (result.exit_code, result.stderr) == (code, "")
    return result.stdout


def document(*words: str | Path, code: int = 0) -> Any:
    """The JSON document of a run, which writes nothing else."""
    return json.loads(answer(*words, "--json", code=code))


def complaint(*words: str | Path, code: int) -> str:
    """stderr of a run that fails with ``code``: one or more errors, no traceback, and no answer."""
    result = run(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    return result.stderr


def command(*words: str | Path) -> list[str | Path]:
    """The words of a run in another process."""
    return [sys.executable, "-m", "blkmq.cli", *words]


def run_process(*words: str | Path, limit_sec: float = 120, **more: Any) -> subprocess.CompletedProcess[str]:
    """A run in another process."""
    return subprocess.run(command(*words), stdin=subprocess.DEVNULL, text=True, check=False, timeout=limit_sec, **more)


@pytest.fixture(scope="session")
def shared_cache() -> Path:
    """Where all tests keep what they compile, so that it is compiled once."""
    return cache_directory()


@pytest.fixture(autouse=True)
def surroundings(shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of its own with good.py and refused.py, the shared cache, and no variables of the developer's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(shared_cache))
    for name in ("BLKMQ_DEBUG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    Path("good.py").write_text(GOOD)
    Path("refused.py").write_text(REFUSED)


def environment(**more: str) -> dict[str, str]:
    """The environment with some variables changed."""
    return {**os.environ, **more}


def line_of(piece: str, text: str) -> int:
    """The line of a text where a piece of it begins."""
    return 1 + text[: text.index(piece)].count("\n")
