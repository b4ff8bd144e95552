# SPDX-License-Identifier: MIT
"""A file, and both ways in which its I/O is done that may wait: by io_uring, and by threads where that is refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from blkmq.dispatch import file_rings

WAYS = ("ring", "threads")


def refuse_rings(monkeypatch: pytest.MonkeyPatch, number: int = errno.EPERM) -> None:
    """The kernel makes no ring for this test."""
    monkeypatch.setattr(file_rings, "set_up_ring", lambda *words: -number)


def must_have_rings() -> None:
    """Skips the test where the kernel makes none."""
    ready = os.eventfd(0, os.EFD_CLOEXEC)
    try:
        file_rings.open_ring(1, ready).close()
    except OSError as error:
        pytest.skip(f"cannot be had: io_uring is refused here: {error}")
    finally:
        os.close(ready)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of one MiB, all hole."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(1 << 20)
    return path


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way in turn."""
    name: str = request.param
    if name == "ring":
        must_have_rings()
    else:
        refuse_rings(monkeypatch)
    return name
