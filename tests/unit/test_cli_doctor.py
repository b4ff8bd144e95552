# SPDX-License-Identifier: MIT
"""``blkmq doctor``."""

from __future__ import annotations

import stat
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from blkmq.cli import machine
from blkmq.native.cache import TAG
from tests.cli_runs import answer, document, run, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]

NAMES = [
    "Python", "numba", "llvmlite", "numpy", "Numba loads", "cache", "gcc", "kernel", "eventfd", "io_uring", "CPUs",
    "memory", "overcommit", "virtme-ng", "lab: boot", "lab: fetch", "lab: build", "lab: mirror", "lab: KVM",
]  # fmt: skip


def findings(*, code: int) -> dict[str, Any]:
    """The findings by name."""
    told = document("doctor", code=code)
    assert told["host_works"] == (code == 0)
    for finding in told["findings"]:
        assert {"name", "ok", "value", "needed_for", "hint"} == set(finding)
        assert bool(finding["hint"]) == (not finding["ok"])
    return {finding["name"]: finding for finding in told["findings"]}


def test_everything_is_looked_at() -> None:
    found = findings(code=0)
    assert list(found) == NAMES
    assert found["numba"]["value"] == version("numba")
    assert all(finding["ok"] for finding in found.values() if finding["needed_for"] == "host")


def test_for_people() -> None:
    lines = answer("doctor").splitlines()
    assert [line[9:].split("  ")[0].strip() for line in lines if line.startswith(("OK ", "missing"))] == NAMES
    assert lines[-1] == "The host target works here."


def test_nothing_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "new"))
    assert findings(code=0)["cache"]["value"] == f"{tmp_path / 'new'}, 0.0 MiB"
    assert [path.name for path in (tmp_path / "new").iterdir()] == [TAG]
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_cache_directory_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "file"))
    found = findings(code=1)["cache"]
    assert not found["ok"]
    assert "set BLKMQ_CACHE_DIR" in found["hint"]
    result = run("doctor")
    assert "missing  cache" in result.stdout
    assert result.stdout.endswith("The host target does not work here.\n")


def test_no_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    def unloadable() -> None:
        raise ImportError("libsomething.so: cannot open shared object file")

    monkeypatch.setattr(machine, "version", absent)
    monkeypatch.setattr("blkmq.native.hot.enable", unloadable)
    found = findings(code=1)
    assert found["numba"]["hint"].endswith("-m pip install numba")
    assert found["Numba loads"]["value"].startswith("libsomething.so")


def test_no_compiler_does_not_matter_to_the_host_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = findings(code=0)["gcc"]
    assert (found["ok"], found["needed_for"], found["hint"]) == (False, "c", "apt-get install gcc libc6-dev")


def test_no_io_uring_does_not_matter_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden() -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(machine, "_io_uring", forbidden)
    found = findings(code=0)["io_uring"]
    assert (found["ok"], found["value"]) == (False, "Operation not permitted")
    assert "missing  io_uring" in answer("doctor")


def test_what_the_lab_lacks_and_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blkmq.lab.tool.SYSTEM_PATH", "")
    (tmp_path / "bin").mkdir()
    for program in ("apt-get", "dpkg-deb", "depmod", "file"):
        (tmp_path / "bin" / program).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = findings(code=0)
    assert found["lab: fetch"]["ok"]
    assert "no qemu-system-x86_64, modprobe, busybox" in found["lab: boot"]["value"]
    assert found["lab: boot"]["hint"].startswith("apt-get install qemu-system-x86; apt-get install kmod")
    assert found["lab: build"]["hint"] == "apt-get install mmdebstrap"


def test_the_lab_without_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blkmq.lab.tool.SYSTEM_PATH", "")
    monkeypatch.setattr("blkmq.lab.apt.ETC", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = findings(code=0)
    for name in ("lab: fetch", "lab: mirror"):
        assert "--vmlinuz PATH --modules DIR" in found[name]["hint"]
    assert "install qemu-system-x86_64 with this system's package manager" in found["lab: boot"]["hint"]
