# SPDX-License-Identifier: MIT
"""pytest plugin: tests marked ``lab`` run inside a guest, all in one boot, and report here as ordinary ones.

``@pytest.mark.lab("ublk", "null_blk")`` says what of a kernel a test needs.  A test that takes its guest down with
it fails with the console's last words; the others then get a new guest.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.run import BOOT_LIMIT_SEC, Limits, Run, new_run_directory
from blkmq.lab.vm import Machine, Vm, choose_accelerator
from blkmq.mq.errors import BlkmqError
from blkmq.testing.guest_reports import WANTED_VARIABLE
from blkmq.testing.guest_times import GuestTimes

DEFAULT_KERNEL = "7.3"
TEST_LIMIT_SEC = 600.0
KERNEL_LOG = "the guest's kernel log"
CONSOLE_TAIL = 60  #: lines that go with a test whose guest died


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "tests in a guest")
    group.addoption("--lab-kernel", metavar="NAME", default=DEFAULT_KERNEL, help="kernel of the lab (default: 7.3)")
    group.addoption("--lab-cpus", metavar="N", type=int, default=2, help="CPUs of the guest (default: 2)")
    group.addoption("--lab-memory", metavar="M", default="2G", help="memory of the guest (default: 2G)")
    group.addoption(
        "--lab-test-limit", metavar="S", type=float, default=TEST_LIMIT_SEC, help="seconds a test (default: 600)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "lab(*needs): runs in a guest whose kernel has what it needs")
    config.addinivalue_line("markers", "slow: more than a few seconds")
    if WANTED_VARIABLE not in os.environ:
        config.pluginmanager.register(LabTests(config), "blkmq-lab-tests")


@dataclass
class Guest:
    """A booted guest, on its way through a list of tests."""

    run: Run
    vm: Vm
    test_limit_sec: float
    messages: queue.SimpleQueue[dict[str, Any] | None]
    stderr: list[bytes]
    is_ready: bool = False

    @classmethod
    def boot(cls, machine: Machine, name: str, wanted: Sequence[str], root: Path, test_limit_sec: float) -> Guest:
        """Boots a guest that begins with the tests at once."""
        directory = new_run_directory(f"{name}-tests")
        listed = directory / "tests.txt"
        listed.write_text("\n".join(wanted))
        files = dict.fromkeys(nodeid.partition("::")[0] for nodeid in wanted)
        command = [
            sys.executable, "-m", "pytest", "-p", "blkmq.testing.guest_reports", "-p", "no:cacheprovider",
            "-p", "no:terminal", "-p", "no:hypothesispytest", "-o", "addopts=--import-mode=importlib",
            "--rootdir", str(root), *files,
        ]  # fmt: skip
        boot_sec = BOOT_LIMIT_SEC[machine.kvm]
        limits = Limits(boot_sec=boot_sec, command_sec=boot_sec)  # for pytest itself to start
        run = Run(machine, limits, directory, variables={WANTED_VARIABLE: str(listed)})
        vm = run.boot(command, root)
        guest = cls(run, vm, test_limit_sec, queue.SimpleQueue(), [])
        vm.pump(None, guest.stderr.append)
        threading.Thread(target=guest._read, name="guest reports", daemon=True).start()
        return guest

    def _read(self) -> None:
        for line in self.vm.stdout:
            try:
                self.messages.put(json.loads(line))
            except ValueError:
                self.stderr.append(line)
        self.messages.put(None)

    def next_message(self) -> dict[str, Any]:
        """The next one; :class:`LabError` if the guest ends or hangs instead."""
        while True:
            try:
                message = self.messages.get(timeout=0.2)
            except queue.Empty:
                self.run.look(self.vm)
                continue
            if message is not None:
                self.run.limits = replace(self.run.limits, command_sec=self.test_limit_sec)
                self.run.touch()
                return message
            outcome = self.run.watch(self.vm)
            told = b"".join(self.stderr).decode(errors="replace")
            raise LabError(LabExit.VM_BROKE, f"the guest's pytest ended with {outcome.exit_code}\n{told}".rstrip())


class LabTests:
    """The plugin's hooks outside."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.kernel: str = config.option.lab_kernel
        self.guest: Guest | None = None
        self.machine: Machine | None = None
        self.unavailable: str | None = None
        self.tried_again = False
        self.no_guest = ""  #: why the last one came to no test; a further one would take as long to fail
        self.times = GuestTimes()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tests for the guest are slow by nature; they come last, together, so that it need not wait."""
        items.sort(key=lambda item: item.get_closest_marker("lab") is not None)
        for item in items:
            if item.get_closest_marker("lab"):
                item.add_marker("slow")

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        marker = item.get_closest_marker("lab")
        if marker is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports(item, marker):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _reports(self, item: pytest.Item, marker: pytest.Mark) -> list[pytest.TestReport]:
        reason = self._why_not(marker.args)
        if reason:
            return [self._skipped(item, reason)]
        if self.no_guest:
            return [self._failed(item, f"no guest, and not tried again: {self.no_guest}", "")]
        collected: list[pytest.TestReport] = []
        said = ""
        try:
            guest = self._guest(item)
            while True:
                message = guest.next_message()
                if "report" in message and message["report"]["nodeid"] == item.nodeid:
                    said = f"{said}\n{message['kernel_log']}".strip("\n")
                    collected.append(self._judged(guest, message, said))
                elif message.get("finish") == item.nodeid:
                    self.times.finish(collected)
                    return collected
                elif message.get("start", item.nodeid) != item.nodeid:
                    raise LabError(LabExit.VM_BROKE, f"the guest runs {message['start']} instead")
                elif "start" in message and not guest.is_ready:
                    guest.is_ready = True
                    self.times.ready()
                elif "collect" in message:
                    raise LabError(LabExit.VM_BROKE, f"the guest cannot collect the tests:\n{message['collect']}")
        except BlkmqError as error:
            dead, console = self.guest, self.guest.vm.console() if self.guest else ""
            self._end()
            if dead and dead.run.may_try_again(dead.vm) and not self.tried_again:
                self.tried_again = True
                return self._reports(item, marker)
            if dead is None or not dead.is_ready:
                self.no_guest = str(error).partition("\n")[0]
            return [*collected, self._failed(item, str(error), console)]

    def _judged(self, guest: Guest, message: dict[str, Any], said: str) -> pytest.TestReport:
        """A report from the guest; what the kernel complained of meanwhile is a failure."""
        data = message["report"]
        for name in ("longrepr", "location"):
            if isinstance(data[name], list):  # JSON has no tuples
                data[name] = tuple(data[name])
        report: pytest.TestReport = self.config.hook.pytest_report_from_serializable(config=self.config, data=data)
        complaints = guest.run.complaints(message["kernel_log"])
        if complaints and not report.failed:
            report.outcome = "failed"
            report.longrepr = "the guest's kernel complained:\n" + "\n\n".join(found.text for found in complaints)
        if report.failed:
            report.sections.append((KERNEL_LOG, said))
        return report

    def _why_not(self, needs: Sequence[str]) -> str:
        """Why a test cannot be had here at all, or nothing."""
        from blkmq.lab.kernel import find_kernel

        lacking = set(needs) - set(find_kernel(self.kernel).has)
        if lacking:
            return f"cannot be had: the kernel {self.kernel} has no {', '.join(sorted(lacking))}"
        if self.unavailable is None:
            self.unavailable = _lacking()
        return self.unavailable

    def _guest(self, item: pytest.Item) -> Guest:
        if self.guest is None:
            items = item.session.items
            wanted = [
                other.nodeid
                for other in items[items.index(item) :]
                if (marker := other.get_closest_marker("lab")) and not self._why_not(marker.args)
            ]
            limit = self.config.option.lab_test_limit
            machine = self._machine()
            self.times.boot()
            self.guest = Guest.boot(machine, self.kernel, wanted, self.config.rootpath, limit)
        return self.guest

    def _machine(self) -> Machine:
        """The guest's machine; fetches the kernel at the first call, if it is not here."""
        if self.machine is None:
            from blkmq.lab.fetch import fetch, fetched
            from blkmq.lab.kernel import find_kernel

            kernel = find_kernel(self.kernel)
            here = fetched(kernel) or fetch(kernel, lambda text: None)
            kvm = choose_accelerator("auto", here.vmlinuz, lambda text: None)
            option = self.config.option
            self.machine = Machine(vmlinuz=here.vmlinuz, cpus=option.lab_cpus, memory=option.lab_memory, kvm=kvm)
        return self.machine

    def _end(self) -> None:
        if self.guest is not None:
            self.guest.vm.end()
            self.guest = None

    def pytest_sessionfinish(self) -> None:
        self._end()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.times.starts_sec:
            terminalreporter.write_line(f"lab: a guest with {self.kernel} was {self.times}")

    def pytest_unconfigure(self) -> None:
        self._end()

    def _skipped(self, item: pytest.Item, reason: str) -> pytest.TestReport:
        path, line, _ = item.location
        outcome = "skipped" if "CI" not in os.environ or reason.startswith("cannot be had:") else "failed"
        longrepr: Any = (str(path), line or 0, f"Skipped: {reason}") if outcome == "skipped" else reason
        return _report(item, outcome, longrepr, [])

    def _failed(self, item: pytest.Item, text: str, console: str) -> pytest.TestReport:
        tail = "\n".join(console.splitlines()[-CONSOLE_TAIL:])
        return _report(item, "failed", text, [(KERNEL_LOG, tail)])


def _report(item: pytest.Item, outcome: Any, longrepr: Any, sections: list[tuple[str, str]]) -> pytest.TestReport:
    keywords: Any = dict.fromkeys(item.keywords, 1)
    return pytest.TestReport(item.nodeid, item.location, keywords, outcome, longrepr, "call", sections)


def _lacking() -> str:
    """What this machine lacks for a guest, or nothing."""
    from blkmq.lab.vm import virtme

    try:
        virtme()
    except LabError as error:
        return f"{error.text}: {error.hint}"
    return ""
