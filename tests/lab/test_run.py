# SPDX-License-Identifier: MIT
"""How runs end, each in its own way; the guests are a stand-in's."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from blkmq.cli.lab import EPILOG
from blkmq.lab.directory import lab_directory
from blkmq.lab.guest import environment
from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.run import RUNS_KEPT, Limits, Outcome, Run, new_run_directory, run
from blkmq.lab.shell import judge, shell
from blkmq.lab.vm import Machine, compose
from tests.lab.standin import play

LONG = Limits(boot_sec=60, command_sec=60)
WARNING = "WARNING: CPU: 0 PID: 1 at block/blk-mq.c:1 f+0x1/0x2"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))


class Played:
    """A run of a part, with what came out."""

    def __init__(self, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits = LONG) -> None:
        play(part, tmp_path, monkeypatch)
        self.out, self.err = b"", b""
        self.limits = limits
        self.directory = tmp_path / "run"
        self.directory.mkdir()

    def go(self) -> Outcome:
        return run(
            Machine(vmlinuz=Path("/boot/vmlinuz")), ["true"], directory=self.directory, limits=self.limits,
            working_directory=Path.cwd(), out=self.get_out, err=self.get_err,
        )  # fmt: skip

    def get_out(self, piece: bytes) -> None:
        self.out += piece

    def get_err(self, piece: bytes) -> None:
        self.err += piece

    def fails(self, code: LabExit) -> LabError:
        with pytest.raises(LabError) as caught:
            self.go()
        assert caught.value.code is code
        assert str(self.directory / "console.log") in caught.value.hint
        assert "Linux version 0" in (self.directory / "console.log").read_text()
        return caught.value


def test_output_is_passed_on_and_the_exit_code_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played("start; echo out; echo err >&2; leave 7", tmp_path, monkeypatch)
    outcome = played.go()
    assert (outcome.exit_code, outcome.verdict, played.out, played.err) == (7, 7, b"out\n", b"err\n")
    assert outcome.directory == played.directory
    assert "true" in (played.directory / "command.sh").read_text()
    assert {path.name for path in played.directory.iterdir()} == {
        "artifacts", "command.sh", "console.log", "guest.sh", "qemu.txt", "started",
    }  # fmt: skip


def test_a_report_in_the_kernels_log_fails_a_command_that_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = Played(f"start; console '{WARNING}'; leave 0", tmp_path, monkeypatch).go()
    assert (outcome.exit_code, outcome.verdict) == (0, LabExit.KERNEL_LOG)
    assert [str(report) for report in outcome.reports] == [WARNING]


def test_a_quiet_console_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = f"start; console 'BUG: seen twice'; cat $run/console.log >$run/dmesg.txt; echo '{WARNING}' >>$run/dmesg.txt"
    outcome = Played(f"{part}; leave 0", tmp_path, monkeypatch).go()
    assert outcome.verdict == LabExit.KERNEL_LOG
    assert [report.headline for report in outcome.reports] == ["BUG: seen twice", WARNING]


@pytest.mark.parametrize("name", ["a b", "a,b", "a=b", "a:b", "ä"])
def test_a_directory_that_no_guest_can_have(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play("leave 0", tmp_path, monkeypatch)
    with pytest.raises(LabError, match=f"{name}: a guest cannot have it by that name"):
        compose(Machine(vmlinuz=Path("/boot/vmlinuz")), tmp_path, [], [tmp_path / name])


def test_who_does_not_read_ends_the_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played("start; while :; do echo more; done", tmp_path, monkeypatch)

    def close(piece: bytes) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(played, "get_out", close)
    with pytest.raises(BrokenPipeError):
        played.go()


def test_the_environment_goes_along_but_for_what_is_of_this_session(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEBUG", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "BASH_FUNC_f%%"):
        monkeypatch.setenv(name, "1")
    passed = environment({"MORE": "2"})
    assert (passed["DEBUG"], passed["MORE"], passed["HOME"]) == ("1", "2", os.environ.get("HOME", "/root"))
    assert not {"XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "BASH_FUNC_f%%"} & set(passed)


def test_who_has_stopped_reading_when_the_command_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played("start; echo out; leave 0", tmp_path, monkeypatch)

    def close(piece: bytes) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(played, "get_out", close)
    with pytest.raises(BrokenPipeError):
        played.go()


def test_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal; the part that bash plays in a guest is the stand-in's."""
    play("grep -q 'bash -i' $run/command.sh && echo 5 >$run/exit_code", tmp_path, monkeypatch)
    directory = tmp_path / "run"
    directory.mkdir()
    master, slave = os.openpty()
    told: list[str] = []
    with os.fdopen(master, "rb"), os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert shell(Machine(vmlinuz=Path("/boot/vmlinuz")), directory, tmp_path, told.append) == 5
    assert told == [f"console, dmesg and artifacts: {directory}"]
    assert "Linux version 0" in (directory / "dmesg.txt").read_text()


@pytest.mark.parametrize(
    ("console", "own", "code"),
    [
        ("", "7", 7),
        (WARNING, "0", LabExit.KERNEL_LOG),
        (WARNING, "7", 7),
        ("Kernel panic - not syncing: now", "", LabExit.PANIC),
        ("", "", 0),  # Ctrl-A x
    ],
)
def test_how_a_shell_ends(console: str, own: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "console.log").write_text(f"[    1.000000] {console}\r\n")
    if own:
        (tmp_path / "exit_code").write_text(f"{own}\n")
    told: list[str] = []
    assert judge(tmp_path, told.append) == code
    assert told[-1].endswith(str(tmp_path))
    assert (len(told) == 2) is bool(console)
    assert console in (tmp_path / "dmesg.txt").read_text()


def test_a_report_does_not_hide_the_commands_own_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Played(f"start; console '{WARNING}'; leave 3", tmp_path, monkeypatch).go().verdict == 3


@pytest.mark.parametrize("part", ["", "start; "])
def test_a_panic(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part += "console 'Kernel panic - not syncing: sysrq triggered crash'; exit 0"
    assert "sysrq triggered crash" in Played(part, tmp_path, monkeypatch).fails(LabExit.PANIC).text
    assert "sysrq triggered crash" in (tmp_path / "run/dmesg.txt").read_text()


def test_a_boot_that_the_emulator_spoils_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil = "console 'Oops: int3: 0000 [#1] SMP'; console 'Kernel panic - not syncing: Fatal exception'; exit 0"
    part = f"[ -e {tmp_path}/again ] || {{ : >{tmp_path}/again; {spoil}; }}; : >$run/console.log; start; leave 5"
    assert Played(part, tmp_path, monkeypatch).go().exit_code == 5
    (tmp_path / "run").rename(tmp_path / "first")
    Played(spoil, tmp_path, monkeypatch).fails(LabExit.PANIC)
    (tmp_path / "run").rename(tmp_path / "second")
    Played(f"start; {spoil}", tmp_path, monkeypatch).fails(LabExit.PANIC)


def test_a_hang_at_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played("console 'last words'; hang", tmp_path, monkeypatch, Limits(boot_sec=0.5, command_sec=60))
    assert "last words" in played.fails(LabExit.BOOT_HANG).text


def test_a_hang_in_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played("start; hang", tmp_path, monkeypatch, Limits(boot_sec=60, command_sec=0.5))
    played.fails(LabExit.COMMAND_HANG)


def test_a_command_that_powers_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Played("start; exit 0", tmp_path, monkeypatch).fails(LabExit.POWERED_OFF)


@pytest.mark.parametrize("part", ["exit 0", "exit 1", "start; exit 1", "kill -SEGV $$"])
def test_a_machine_that_breaks(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Played(part, tmp_path, monkeypatch).fails(LabExit.VM_BROKE)


def test_virtme_ng_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played("exit 0", tmp_path, monkeypatch)
    (tmp_path / "virtme").write_text("#!/bin/sh\necho 'no such kernel' >&2; exit 1\n")
    with pytest.raises(LabError, match="no such kernel") as caught:
        played.go()
    assert caught.value.code is LabExit.VM_BROKE


def test_ctrl_c_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    class Interrupted(Played):
        def get_out(self, piece: bytes) -> None:
            self.out += piece
            os.kill(os.getpid(), signal.SIGINT)

    played = Interrupted("start; echo $$; hang", tmp_path, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        played.go()
    with contextlib.suppress(ProcessLookupError):
        guest = os.pidfd_open(int(played.out))
        assert select.select([guest], [], [], 30)[0], "the guest outlives us"
        os.close(guest)


def test_a_guest_dies_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if nothing of ours can run any more."""
    play(f"start; echo $$ >{tmp_path}/pid.part; mv {tmp_path}/pid.part {tmp_path}/pid; hang", tmp_path, monkeypatch)
    os.mkfifo(tmp_path / "up")
    program = (
        "import sys\nfrom pathlib import Path\nfrom blkmq.lab import vm\n"
        f"vm.virtme = lambda *options: ['{tmp_path}/virtme', *options]\n"
        f"run = Path('{tmp_path}/run'); run.mkdir()\n"
        "machine = vm.Vm(vm.Machine(vmlinuz=Path('/boot/vmlinuz')), run, run / 'guest.sh')\n"
        "while not (run / 'started').exists(): pass\n"
        f"while not Path('{tmp_path}/pid').exists(): pass\n"
        f"open('{tmp_path}/up', 'w').write('up')\n"
        "machine.wait(1000)\n"
    )
    ours = subprocess.Popen([sys.executable, "-c", program])
    assert (tmp_path / "up").read_text() == "up"
    guest = os.pidfd_open(int((tmp_path / "pid").read_text()))
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    assert select.select([guest], [], [], 30)[0], "the guest outlives us"
    os.close(guest)


def test_two_runs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)
    play("start; leave 0", tmp_path, monkeypatch)
    directories = [new_run_directory("first"), new_run_directory("second")]
    codes: list[int] = []

    def one(directory: Path) -> None:
        both.wait()
        outcome = run(
            Machine(vmlinuz=Path("/boot/vmlinuz")), ["true"], directory=directory, limits=LONG,
            working_directory=Path.cwd(), out=lambda piece: None, err=lambda piece: None,
        )  # fmt: skip
        codes.append(outcome.exit_code)

    threads = [threading.Thread(target=one, args=(directory,)) for directory in directories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]


def test_a_standstill_of_this_machine_is_not_the_guests_fault(tmp_path: Path) -> None:
    this = Run(Machine(vmlinuz=Path("/boot/vmlinuz")), Limits(boot_sec=10), tmp_path)
    log = (
        f"[  1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 27s! [python3:136]\n[  1.0]  </TASK>\n[  2.0] {WARNING}"
    )
    assert [report.kind for report in this.complaints(log)] == ["lockup", "WARNING"]
    (tmp_path / "started").touch()
    this.looked -= 100
    this.look(None)  # type: ignore[arg-type]  # there is nothing to end
    assert this.stood_still_sec >= 100
    assert [report.kind for report in this.complaints(log)] == ["WARNING"]


def test_runs_of_one_second_have_directories_of_their_own() -> None:
    assert len({new_run_directory("7.3") for _ in range(5)}) == 5


def test_a_directory_can_be_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What says that the first run has started does not say so of the second."""
    Played("start; leave 0", tmp_path, monkeypatch).go()
    this = Run(Machine(vmlinuz=Path("/boot/vmlinuz")), LONG, tmp_path / "run")
    play("hang", tmp_path, monkeypatch)
    with this.boot(["true"], Path.cwd()) as vm:
        this.look(vm)
        assert this.started is None


def test_old_runs_make_room() -> None:
    made = [lab_directory("runs", f"2000010{i // 10}-0{i % 10:05}-7.3-{2**22 + i}") for i in range(RUNS_KEPT + 5)]
    assert new_run_directory("7.3").is_dir()
    assert [path.exists() for path in made] == [False] * 6 + [True] * (RUNS_KEPT - 1)


def test_the_exit_codes_are_documented() -> None:
    assert [int(line.split()[0]) for line in EPILOG.splitlines() if line.strip()[:1] == "1"] == list(LabExit)
