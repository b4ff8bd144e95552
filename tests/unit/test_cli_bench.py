# SPDX-License-Identifier: MIT
"""``blkmq bench``: that it measures, not how fast."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from blkmq.cli.contender import AbandonedError, Contender, in_thread
from blkmq.cli.verdict import TARGETS
from blkmq.transport.in_process.generator import Load
from tests.cli_runs import GOOD, answer, command, complaint, document, line_of, run, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]

QUICK = ("--requests", "200", "--rounds", "2")
INTERPRETED = ("--target", "interpreted", *QUICK)

HANGS = """from blkmq import BlkStatus, Errno, HwCtx, Operations, QueueLimits, Request, TagSet


class Hangs(Operations):
    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.capacity_sectors = 1 << 20
        tag_set.timeout_msec = TIMEOUT
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        print("started", flush=True)
        return BlkStatus.OK
"""


def test_every_target_that_takes_it_is_measured() -> None:
    told = document("bench", "good.py", *QUICK, "--depth", "8", "--write-percent", "0")
    assert (told["driver"], told["class"], told["write_percent"], told["refused"]) == ("good.py", "Good", 0, {})
    assert [result["target"] for result in told["results"]] == list(TARGETS)
    for result in told["results"]:
        check_result(result)
        assert (result["depth"], result["requests"], result["nr_failed"], result["errors"]) == (8, 200, 0, [])


def check_result(result: dict[str, Any]) -> None:
    """The numbers fit together."""
    rates = result["requests_per_sec"]
    assert len(rates["rounds"]) == 2
    assert rates["least"] == min(rates["rounds"])
    assert rates["most"] == max(rates["rounds"])
    assert rates["median"] == pytest.approx(sum(rates["rounds"]) / 2)
    assert result["nsec_per_request"] == pytest.approx(1e9 / rates["median"])


def test_targets_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    one_round = Contender.round

    def noted(contender: Contender) -> None:
        turns.append(contender.target)
        one_round(contender)

    monkeypatch.setattr(Contender, "round", noted)
    answer("bench", "good.py", *QUICK, "--target", "interpreted", "--target", "c", "--target", "c")
    assert turns == ["interpreted", "c"] * 2


def test_the_table_for_people() -> None:
    title, head, row = answer("bench", "good.py", *INTERPRETED).splitlines()
    assert title == "Good: 4 KiB at random places, 50 % writes, median of 2 rounds"
    assert head.split() == ["target", "requests/s", "least", "most", "ns/request", "requests", "depth"]
    assert row.split()[0] == "interpreted"
    assert row.split()[-2] == "200"


def test_timers_and_attributes_are_served() -> None:
    told = document("bench", "good.py", "mode=2", *INTERPRETED)
    assert told["results"][0]["nr_failed"] == 0


def test_the_number_of_requests_is_found_out() -> None:
    told = document("bench", "good.py", "--target", "interpreted", "--rounds", "1")
    assert told["results"][0]["requests"] >= 64


def test_targets_that_refuse_are_left_out_and_named() -> None:
    Path("driver.py").write_text(GOOD.replace("ticker: Work", "names: list[str]"))
    place = f"driver.py:{line_of('ticker: Work', GOOD)}: annotation:"
    result = run("bench", "driver.py", *QUICK)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 3)
    assert result.stderr.count(f"note: host cannot take Good: {place}") == 1
    assert result.stderr.count(f"note: c cannot take Good: {place}") == 1
    told = document("bench", "driver.py", *QUICK)
    assert [one["target"] for one in told["results"]] == ["interpreted"]
    assert set(told["refused"]) == {"host", "c"}


def test_a_target_that_was_asked_for_must_take_it() -> None:
    told = complaint("bench", "refused.py", *QUICK, "--target", "interpreted", "--target", "c", code=3)
    assert told.count("error: refused.py:") == 3


def test_no_compiler_leaves_out_target_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    told = document("bench", "good.py", *QUICK)
    assert "gcc" in told["refused"]["c"]["text"]
    complaint("bench", "good.py", *QUICK, "--target", "c", code=1)


def test_without_numba_there_is_the_interpreted_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    told = document("bench", "good.py", *QUICK)
    assert [result["target"] for result in told["results"]] == ["interpreted"]
    for target in ("host", "c"):
        assert told["refused"][target]["text"] == f"target {target} needs numba, which is not installed"
        assert "-m pip install numba" in told["refused"][target]["hint"]
    complaint("bench", "good.py", *QUICK, "--target", "host", code=1)


def test_limits_that_no_disk_can_have() -> None:
    told = complaint("bench", "good.py", "blocksize=3", *QUICK, code=2)
    assert told.startswith("error: logical_block_size = 3: must be a power of two")


READ_ONLY = "self.disk.capacity_sectors = 1 << 20\n        self.disk.set_read_only(True)"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("words", "setting", "told", "hint"), [
    ([], "self.disk.capacity_sectors = 7", "capacity_sectors = 7: there is nothing to measure", "such as size=1"),
    (["blocksize=65536"], "self.disk.capacity_sectors = 1 << 20", "logical_block_size = 65536: ", "4096 bytes or less"),
    ([], READ_ONLY, "read_only = 1: writes would never reach the driver", "--write-percent 0 measures reads"),
])  # fmt: skip
def test_a_disk_that_takes_no_request(target: str, words: list[str], setting: str, told: str, hint: str) -> None:
    Path("driver.py").write_text(GOOD.replace("self.disk.capacity_sectors = 1 << 20", setting))
    text = complaint("bench", "driver.py", *words, *QUICK, "--target", target, code=2)
    assert text.startswith(f"error: {told}")
    assert text.endswith(f"{hint}\n")


def test_an_empty_disk_and_the_modules_parameters() -> None:
    told = complaint("bench", "ramdisk", "size=0", *QUICK, code=2)
    assert told.startswith("error: capacity_sectors = 0: there is nothing to measure")
    assert "1024 for each GiB" in complaint("bench", "null_blk", "gb=1", *QUICK, code=2)


def test_reads_of_a_disk_that_is_read_only_are_measured() -> None:
    Path("driver.py").write_text(GOOD.replace("self.disk.capacity_sectors = 1 << 20", READ_ONLY))
    assert document("bench", "driver.py", *INTERPRETED, "--write-percent", "0")["results"][0]["nr_failed"] == 0


def test_a_driver_that_refuses_for_ever_is_given_up() -> None:
    Path("driver.py").write_text(
        GOOD.replace("rq.start()", "return BlkStatus.RESOURCE").replace("1 << 20", "1 << 20\n        TIMEOUT")
        .replace("TIMEOUT", "tag_set.timeout_msec = 10")
    )  # fmt: skip
    started = "import blkmq.cli.contender as c; c.LATE_SEC = 0.2; from blkmq.cli import main; main()"
    words = [sys.executable, "-c", started, "bench", "driver.py", *INTERPRETED]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: interpreted: the first 64 requests do not end\nhint: queue_rq refused ")


def test_requests_that_fail_are_counted_and_explained() -> None:
    Path("driver.py").write_text(GOOD.replace("rq.start()\n", "rq.start()\n        assert rq.sector % 64 != 8\n"))
    result = run("bench", "driver.py", *INTERPRETED)
    assert result.exit_code == 1
    assert "interpreted" in result.stdout
    assert "of 400 requests failed\nhint: its callbacks have errors:\n" in result.stderr
    assert "driver.py:37: ASSERT: " in result.stderr
    told = document("bench", "driver.py", *INTERPRETED, code=1)
    assert told["results"][0]["nr_failed"] > 0
    assert "driver.py:37: ASSERT: " in told["results"][0]["errors"][0]


def test_a_driver_that_only_fails_is_not_measured() -> None:
    told = complaint("bench", "good.py", "status=IOERR", *INTERPRETED, code=1)
    assert told.startswith("error: interpreted: each of the first 64 requests failed\nhint: the driver ended them")


def test_a_driver_that_ends_nothing_is_told_by_the_timeout() -> None:
    Path("driver.py").write_text(HANGS.replace("TIMEOUT", "10"))
    result = run("bench", "driver.py", *INTERPRETED)
    assert result.exit_code == 1
    assert "hint: they timed out: a request that was started has to be ended, by rq.end(status)" in result.stderr


def test_ctrl_c_ends_a_round_that_does_not_end() -> None:
    Path("driver.py").write_text(HANGS.replace("TIMEOUT", "600_000"))
    words = command("bench", "driver.py", *INTERPRETED)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "started\n"
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, stdout) == (130, "")
    assert stderr.endswith("error: interrupted\n")


def test_an_interrupt_that_does_not_end_the_wait_is_noticed() -> None:
    """Another thread gets the signal, so that the main one waits on, as if the signal had come right before."""
    left = threading.Event()

    def hang() -> Load:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        left.wait(0.3)  # until the other thread waits
        os.kill(os.getpid(), signal.SIGINT)
        left.wait(10)
        return Load(1, 0, 1)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with pytest.raises(AbandonedError):
            in_thread(hang, None)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        left.set()
