# SPDX-License-Identifier: MIT
"""KVM is used where a guest boots with it, and nowhere else; QEMU is a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from blkmq.lab import accelerator, vm
from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.vm import choose_accelerator

VMLINUZ = Path("/boot/vmlinuz")
VERSION = 'echo x >>"{calls}"; [ "$1" = --version ] && exec echo "QEMU emulator version {version}"\n'
BOOTS = "echo '[ 1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)'\n"


class Standin:
    """A qemu-system-x86_64, and a /dev/kvm that is there."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program = directory / "bin/qemu-system-x86_64"
        self.program.parent.mkdir()
        self.calls = directory / "calls"
        device = directory / "kvm"
        device.touch()
        monkeypatch.setenv("BLKMQ_CACHE_DIR", str(directory / "cache"))
        monkeypatch.setenv("PATH", f"{self.program.parent}:/usr/bin:/bin")
        monkeypatch.setattr(accelerator, "DEVICE", device)
        monkeypatch.setattr(vm, "DEVICE", device)

    def plays(self, part: str, version: str = "1") -> None:
        self.program.write_text("#!/bin/sh\n" + VERSION.format(calls=self.calls, version=version) + part)
        self.program.chmod(0o755)


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Standin:
    return Standin(tmp_path, monkeypatch)


def test_kvm_that_boots_is_used(qemu: Standin) -> None:
    qemu.plays(BOOTS)
    assert choose_accelerator("auto", VMLINUZ, pytest.fail)
    assert choose_accelerator("kvm", VMLINUZ, pytest.fail)
    assert not choose_accelerator("tcg", VMLINUZ, pytest.fail)


def test_kvm_that_hangs_is_left_alone_and_said_so(qemu: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu.plays("exec sleep 1000\n")
    monkeypatch.setattr(accelerator, "PROBE_LIMIT_SEC", 0.3)
    said: list[str] = []
    assert not choose_accelerator("auto", VMLINUZ, said.append)
    assert "no guest boots with it" in said[0]
    with pytest.raises(LabError, match="no guest boots with it") as caught:
        choose_accelerator("kvm", VMLINUZ, said.append)
    assert caught.value.code is LabExit.NO_KVM
    assert "tcg" in caught.value.hint


@pytest.mark.parametrize(
    "part", ["echo 'failed to set MSR' >&2; exit 1\n", "echo nothing; exit 0\n", "kill -ABRT $$\n"]
)
def test_kvm_that_breaks(part: str, qemu: Standin) -> None:
    qemu.plays(part)
    assert not choose_accelerator("auto", VMLINUZ, lambda text: None)


def test_the_answer_is_remembered_until_something_changes(qemu: Standin) -> None:
    qemu.plays("exit 1\n")
    for _ in range(3):
        assert not choose_accelerator("auto", VMLINUZ, lambda text: None)
    assert qemu.calls.read_text().count("x") == 3 + 1  # the version each time, one boot
    qemu.plays(BOOTS, version="2")
    assert choose_accelerator("auto", VMLINUZ, pytest.fail)


def test_no_kvm_at_all(qemu: Standin, tmp_path: Path) -> None:
    (tmp_path / "kvm").unlink()
    assert not choose_accelerator("auto", VMLINUZ, pytest.fail)
    with pytest.raises(LabError, match="there is no"):
        choose_accelerator("kvm", VMLINUZ, pytest.fail)
