# SPDX-License-Identifier: MIT
"""Tests that run in a guest report outside as ordinary ones; the guest is a stand-in that runs here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from blkmq.testing.guest_times import GuestTimes

ROOT = Path(__file__).parents[2]

# The guest's kernel log comes from a file that the tests write.
CONFTEST = f"""
import os
import sys

sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path

import pytest

from blkmq.lab import vm
from blkmq.lab.fetch import Fetched
from blkmq.testing import guest_reports
from tests.lab.standin import play

pytest_plugins = ["blkmq.testing.lab_tests"]
HERE = Path(__file__).parent
LOG = HERE / "kmsg"


class Log:
    def __init__(self):
        self.seen = len(LOG.read_text())

    def new(self):
        text = LOG.read_text()[self.seen:]
        self.seen += len(text)
        return text


guest_reports.KernelLog = Log


def pytest_configure():
    if guest_reports.WANTED_VARIABLE in os.environ:
        return
    LOG.touch()
    patch = pytest.MonkeyPatch()
    play((HERE / "part").read_text(), HERE / "standin", patch)
    patch.setattr("blkmq.lab.fetch.fetched", lambda kernel: Fetched(
        release="9", version="9", vmlinuz=Path("/boot/vmlinuz"), modules=Path("/")))
    patch.setattr("blkmq.testing.lab_tests.choose_accelerator", lambda *_: False)
"""

PART = "start; echo boot >>{here}/boots; sh $run/command.sh; leave $?"

TESTS = """
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab()
HERE = Path(__file__).parent


def log(text):
    with open(HERE / "kmsg", "a") as file:
        file.write(f"[    5.000000] {text}\\n")


@pytest.fixture(scope="module")
def once():
    with open(HERE / "fixtures", "a") as file:
        file.write("made")


def test_passes(once):
    log("said while it passes")


def test_fails(once):
    log("said while it fails")
    assert 1 == 2


@pytest.mark.parametrize("name", ["a b", "c/d", "é"])
def test_names(name, once):
    pass


def test_skips():
    pytest.skip("cannot be had: this one skips itself")


def test_complains():
    log("WARNING: CPU: 0 PID: 1 at block/blk-mq.c:1 f+0x1/0x2")


@pytest.mark.lab("no such thing")
def test_needs_more():
    pass
"""


def test_the_times_of_guests() -> None:
    """Two guests; of three tests, each took 10 ms longer than it says."""
    times = GuestTimes(clock=iter([0.0, 20.0, 21.01, 23.02, 30.0, 45.0, 46.01]).__next__)
    times.boot()
    times.ready()
    times.finish([a_report(0.5), a_report(0.5)])
    times.finish([a_report(2.0)])
    times.boot()
    times.ready()
    times.finish([a_report(1.0)])
    assert str(times) == "ready for tests after 20.0 s, 15.0 s; 3 tests, 10 ms each beside their own time"


def a_report(duration_sec: float) -> pytest.TestReport:
    return pytest.TestReport("x", ("x", 0, "x"), {}, "passed", None, "call", duration=duration_sec)


def outside(
    tmp_path: Path, tests: str, *options: str, part: str = PART
) -> tuple[subprocess.CompletedProcess[str], str]:
    """A run of pytest on a file of tests."""
    (tmp_path / "standin").mkdir()
    (tmp_path / "part").write_text(part.format(here=tmp_path))
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_guest.py").write_text(tests)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest]\nstrict = true\nmarkers = ['lab(*needs): x', 'slow: x']\n")
    variables = os.environ | {"BLKMQ_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *options, "test_guest.py"],
        cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done, done.stdout


def test_reports_are_ordinary_ones(tmp_path: Path) -> None:
    done, text = outside(tmp_path, TESTS)
    assert done.returncode == 1
    summary = text.partition("short test summary info")[2]
    for line in (
        "PASSED test_guest.py::test_passes",
        "PASSED test_guest.py::test_names[c/d]",
        "FAILED test_guest.py::test_fails - assert 1 == 2",
        "SKIPPED [1] test_guest.py:37: cannot be had: this one skips itself",
        "FAILED test_guest.py::test_complains - the guest's kernel complained:",
        "cannot be had: the kernel 7.3 has no no such thing",
    ):
        assert line in summary
    assert "said while it fails" in text
    assert re.search(r"lab: a guest with 7\.3 was ready for tests after \d+\.\d s; 7 tests, ", text)
    assert "said while it passes" not in text
    assert (tmp_path / "boots").read_text() == "boot\n"
    assert (tmp_path / "fixtures").read_text() == "made"


DEADLY = """
import os, signal
from pathlib import Path
import pytest

pytestmark = pytest.mark.lab()


def test_before(): pass


def test_deadly():
    {deed}


def test_after(): pass
"""


@pytest.mark.parametrize(
    ("deed", "options", "said"),
    [
        ("os.killpg(0, signal.SIGKILL)", (), "QEMU ended"),
        ("import time; time.sleep(1000)", ("--lab-test-limit=1.5",), "did not end in 2 seconds"),
    ],
)
def test_a_test_that_takes_the_guest_down(tmp_path: Path, deed: str, options: tuple[str, ...], said: str) -> None:
    """It fails with what the guest said last; the others get a new guest."""
    part = PART.replace("sh $run", "console last words; sh $run")
    done, text = outside(tmp_path, DEADLY.format(deed=deed), *options, part=part)
    assert done.returncode == 1
    summary = text.partition("short test summary info")[2]
    assert "PASSED test_guest.py::test_before" in summary
    assert "FAILED test_guest.py::test_deadly" in summary
    assert "PASSED test_guest.py::test_after" in summary
    assert said in text
    assert "last words" in text
    assert (tmp_path / "boots").read_text() == "boot\nboot\n"


def test_a_guest_that_does_not_boot(tmp_path: Path) -> None:
    """All tests fail, and no further one is tried, which would take its five minutes for each of them."""
    part = "echo boot >>{here}/boots; exit 1"
    done, text = outside(tmp_path, DEADLY.format(deed="pass"), part=part)
    assert done.returncode == 1
    failures, _, summary = text.partition("short test summary info")
    assert summary.count("FAILED test_guest.py::") == 3
    assert failures.count("no guest, and not tried again: QEMU ended with 1") == 2
    assert (tmp_path / "boots").read_text() == "boot\n"


def test_only_what_is_selected_runs(tmp_path: Path) -> None:
    done, text = outside(tmp_path, TESTS, "-k", "passes")
    assert done.returncode == 0
    assert "1 passed" in text


def test_no_guest_is_booted_without_need(tmp_path: Path) -> None:
    done, _ = outside(tmp_path, TESTS, "-k", "needs_more")
    assert done.returncode == 0
    assert not (tmp_path / "boots").exists()


def test_tests_that_cannot_be_collected(tmp_path: Path) -> None:
    tests = "import os\nassert 'BLKMQ_GUEST_TESTS' not in os.environ, 'not here'\n" + TESTS
    done, text = outside(tmp_path, tests, "-k", "passes")
    assert done.returncode == 1
    assert "not here" in text
