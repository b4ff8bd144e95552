# SPDX-License-Identifier: MIT
"""pytest plugin for inside a guest: runs the tests that it is told, and sends each report out as a line of JSON.

With it goes what the guest's kernel said meanwhile.  :mod:`blkmq.testing.lab_tests` is the other end, and judges.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

import pytest

WANTED_VARIABLE = "BLKMQ_GUEST_TESTS"  #: names a file: the tests to run, one a line, in their order
KMSG_LINE_MAX = 8192

# Before pytest captures it.
_out: TextIO | None = None
if WANTED_VARIABLE in os.environ:
    _out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr


class KernelLog:
    """The kernel's messages since one last looked."""

    def __init__(self) -> None:
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._fd, 0, os.SEEK_END)

    def new(self) -> str:
        """What has come since the last call, as `dmesg` shows it."""
        lines: list[str] = []
        while True:
            try:
                record = os.read(self._fd, KMSG_LINE_MAX).decode(errors="replace")
            except BlockingIOError:
                return "\n".join(lines)
            except BrokenPipeError:
                lines.append("[… messages were lost: the kernel's buffer ran over]")
                continue
            head, _, text = record.partition(";")
            seconds = int(head.split(",")[2]) / 1e6
            lines.append(f"[{seconds:12.6f}] {text.splitlines()[0] if text else ''}")


class GuestReports:
    """The plugin's hooks."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        with open(os.environ[WANTED_VARIABLE], encoding="utf-8") as file:
            self.wanted = file.read().splitlines()
        self.log = KernelLog()

    def send(self, **message: Any) -> None:
        assert _out is not None
        _out.write(json.dumps(message) + "\n")
        _out.flush()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        by_name = {item.nodeid: item for item in items}
        items[:] = [by_name[name] for name in self.wanted if name in by_name]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.send(start=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.send(report=data, kernel_log=self.log.new())

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.send(collect=f"{report.nodeid}: {report.longreprtext}")

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.send(finish=nodeid)


def pytest_configure(config: pytest.Config) -> None:
    if _out is not None:
        config.pluginmanager.register(GuestReports(config), "blkmq-guest-reports")
