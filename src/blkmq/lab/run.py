# SPDX-License-Identifier: MIT
"""One run in the lab: a guest is booted for a command, watched, and judged; what it leaves is kept."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from blkmq.lab.directory import lab_directory
from blkmq.lab.guest import DMESG, STARTED, command_script, enter, environment
from blkmq.lab.kernel_log import STALLS, Report, reports
from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.vm import CONSOLE, Machine, Vm
from blkmq.native.cache import PACKAGE, cache_directory

BOOT_LIMIT_SEC = {False: 300.0, True: 60.0}  #: by KVM: emulated guests boot on busy machines, too
COMMAND_LIMIT_SEC = 3600.0
RUNS_KEPT = 20
ARTIFACTS_VARIABLE = "BLKMQ_ARTIFACTS"  #: in the guest: a directory that stays
LOOK_EVERY_SEC = 0.05
#: Who looks that often and finds so long a gap was stopped, and the guest with it: suspended, frozen, starved.
STANDSTILL_SEC = 5.0
#: QEMU's emulated CPUs now and then run into the breakpoint of a patch to the kernel that is already complete.
EMULATORS_FAULT = "Oops: int3: "
TAIL_LINES = 15


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long things may take, in seconds."""

    boot_sec: float
    command_sec: float = COMMAND_LIMIT_SEC


@dataclass(frozen=True)
class Outcome:
    """How a run ended whose command ended by itself."""

    exit_code: int
    reports: Sequence[Report]
    directory: Path  #: console, dmesg and ``artifacts``
    boot_sec: float
    command_sec: float

    @property
    def verdict(self) -> int:
        """The command's exit code; a clean one does not hide a report."""
        return self.exit_code or (LabExit.KERNEL_LOG if self.reports else 0)


@dataclass
class Run:
    """One guest and its directory, from the boot to the verdict."""

    machine: Machine
    limits: Limits
    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    stdin: int | IO[Any] = subprocess.DEVNULL
    began: float = field(default_factory=time.monotonic)
    started: float | None = None
    looked: float = field(default_factory=time.monotonic)
    stood_still_sec: float = 0.0

    def boot(self, command: Sequence[str], working_directory: Path) -> Vm:
        """The guest, on its way to the command."""
        script, shared = prepare(self.directory, command, working_directory, self.variables)
        outer = self.directory / "guest.sh"
        outer.write_text(script)
        return Vm(self.machine, self.directory, outer, shared=shared, stdin=self.stdin)

    def watch(self, vm: Vm) -> Outcome:
        """Waits for the command's end; :class:`LabError` if it is not the command that ends the guest.

        An OSError if what the command writes cannot be passed on.
        """
        while (ended := vm.wait(LOOK_EVERY_SEC)) is None:
            self.look(vm)
        self.look(vm)
        return self.judge(vm, ended)

    def look(self, vm: Vm) -> None:
        """Notes that the command has started; gives up on a guest whose time is over."""
        now = time.monotonic()
        gap, self.looked = now - self.looked, now
        if gap > STANDSTILL_SEC:
            self.stood_still_sec += gap
            self.began += gap
            self.started = self.started and self.started + gap
        if self.started is None:
            if (self.directory / STARTED).exists():
                self.started = now
            elif now - self.began > self.limits.boot_sec:
                vm.end()
                raise self.failure(
                    vm, LabExit.BOOT_HANG, f"the guest did not reach the command in {self.limits.boot_sec:.0f} seconds"
                )
        elif now - self.started > self.limits.command_sec:
            vm.end()
            raise self.failure(
                vm, LabExit.COMMAND_HANG, f"the command did not end in {self.limits.command_sec:.0f} seconds"
            )

    def touch(self) -> None:
        """Gives the command its whole time again: it shows that it lives."""
        self.started = time.monotonic()

    def judge(self, vm: Vm, qemu_exit_code: int) -> Outcome:
        """What a guest's end means."""
        found = self.complaints(vm.console())
        told = {report.headline for report in found}
        found += [report for report in self.complaints(self.dmesg()) if report.headline not in told]
        exit_code = vm.exit_code()
        if any(report.kind == "panic" for report in found):
            raise self.failure(vm, LabExit.PANIC, "the guest's kernel panicked")
        if exit_code is not None:
            now, started = time.monotonic(), self.started or self.began
            return Outcome(exit_code, found, self.directory, started - self.began, now - started)
        if qemu_exit_code:
            raise self.failure(vm, LabExit.VM_BROKE, f"QEMU ended with {qemu_exit_code}")
        if self.started is None:
            raise self.failure(vm, LabExit.VM_BROKE, "the guest ended before it reached the command")
        raise self.failure(vm, LabExit.POWERED_OFF, "the guest was switched off before the command had ended")

    def dmesg(self) -> str:
        """What the kernel had said when the command ended: more than on a console that was made quiet."""
        try:
            return (self.directory / DMESG).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def complaints(self, log: str) -> list[Report]:
        """The reports in a log that are the guest's own fault: not stalls, if this machine has stood still."""
        return [report for report in reports(log) if not (self.stood_still_sec and report.kind in STALLS)]

    def may_try_again(self, vm: Vm) -> bool:
        """Whether the guest died on its way to the command, and of the emulator."""
        return self.started is None and not self.machine.kvm and EMULATORS_FAULT in vm.console()

    def failure(self, vm: Vm, code: LabExit, text: str) -> LabError:
        """An error with what the kernel said: its reports, else its last lines."""
        log = vm.console()
        keep_dmesg(self.directory, log)
        found = self.complaints(log)
        said = "\n\n".join(report.text for report in found) or "\n".join(log.splitlines()[-TAIL_LINES:])
        return LabError(code, f"{text}\n{said}".rstrip(), hint=f"the whole console: {self.directory / CONSOLE}")


def prepare(
    directory: Path, command: Sequence[str], working_directory: Path, variables: Mapping[str, str]
) -> tuple[str, list[Path]]:
    """The shell script of a guest that runs a command, and the directories that it may write to."""
    artifacts, cache = directory / "artifacts", cache_directory()
    artifacts.mkdir(parents=True, exist_ok=True)
    for name in (STARTED, DMESG):  # of an earlier run in the same directory
        (directory / name).unlink(missing_ok=True)
    (cache / "numba").mkdir(exist_ok=True)
    compileall.compile_dir(PACKAGE, quiet=2)  # a guest would do that at each boot, forty times slower
    variables = environment({**variables, ARTIFACTS_VARIABLE: str(artifacts), "BLKMQ_CACHE_DIR": str(cache)})
    script = directory / "command.sh"
    script.touch(mode=0o600)  # the environment may have secrets
    script.write_text(command_script(command, directory, working_directory, variables))
    shared = [directory, cache / "numba"]
    return enter(["sh", str(script)], shared), shared


def keep_dmesg(directory: Path, console: str) -> None:
    """What came over the console is what the kernel said, where the guest had no time to write more."""
    if not (directory / DMESG).exists():
        (directory / DMESG).write_text(console)


def new_run_directory(kernel_name: str) -> Path:
    """A new directory for one run; the oldest ones beyond ``RUNS_KEPT`` go."""
    runs = lab_directory("runs")
    old = sorted(path for path in runs.iterdir() if path.is_dir())
    for path in old[: max(0, len(old) - RUNS_KEPT + 1)]:
        if not _alive(path):
            shutil.rmtree(path, ignore_errors=True)
    now = datetime.now().strftime("%Y%m%d-%H%M%S.%f")
    path = runs / f"{now}-{kernel_name}-{os.getpid()}"
    path.mkdir()
    return path


def _alive(path: Path) -> bool:
    """Whether the process that made a run's directory may still use it."""
    return Path("/proc", path.name.rpartition("-")[2]).exists()


def run(
    machine: Machine,
    command: Sequence[str],
    *,
    directory: Path,
    limits: Limits,
    working_directory: Path,
    out: Callable[[bytes], object],
    err: Callable[[bytes], object],
    stdin: int | IO[Any] = subprocess.DEVNULL,
) -> Outcome:
    """Boots a guest, runs a command in it as root, passes on what that writes, and ends the guest.

    A boot that the emulator spoiled is tried once more.
    """
    for last in (False, True):
        this = Run(machine, limits, directory, stdin=stdin)
        with this.boot(command, working_directory) as vm:
            vm.pump(out, err)
            try:
                return this.watch(vm)
            except LabError:
                if last or not this.may_try_again(vm):
                    raise
    raise AssertionError
