# SPDX-License-Identifier: MIT
"""``blkmq drivers`` and ``blkmq ops``."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from blkmq.device import driver_source
from blkmq.drivers.ramdisk import RamDisk
from blkmq.mq.configuration import attributes_of, configuration_of
from blkmq.mq.operations import SLOTS
from tests.cli_runs import GOOD, answer, document, line_of, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]


# --- drivers -------------------------------------------------------------------------------------------------
def test_the_installed_drivers() -> None:
    rows = {row["name"]: row for row in document("drivers")["drivers"]}
    assert {"name", "class", "doc", "distribution", "error"} == set(rows["ramdisk"])
    assert rows["ramdisk"]["class"] == "RamDisk"
    assert rows["ramdisk"]["doc"] == "The smallest disk that keeps data."
    assert not any(row["error"] for row in rows.values())
    assert "RamDisk  The smallest disk that keeps data.\n" in answer("drivers")


def test_a_driver_that_cannot_be_loaded_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("broken", "nowhere:Driver", driver_source.GROUP),
        EntryPoint("ram", "blkmq.drivers.ramdisk:RamDisk", driver_source.GROUP),
    ]
    monkeypatch.setattr(driver_source, "entry_points", lambda group: points)
    broken, ram = document("drivers")["drivers"]
    assert (broken["name"], broken["class"]) == ("broken", "")
    assert "ModuleNotFoundError" in broken["error"]
    assert ram["class"] == "RamDisk"
    assert "cannot be loaded: driver broken" in answer("drivers")


def test_no_drivers_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_source, "entry_points", lambda group: [])
    assert document("drivers") == {"drivers": []}
    assert answer("drivers") == "driver  class  what it is\n"


def test_attributes_for_programs() -> None:
    told = document("drivers", "good.py")
    assert (told["driver"], told["class"], told["doc"]) == ("good.py", "Good", "Ends every request.")
    rows = {row["name"]: row for row in told["attributes"]}
    assert list(rows) == ["mode", "blocksize", "quiet", "status"]
    assert rows["mode"] == {
        "name": "mode",
        "type": "u8",
        "minimum": 0,
        "maximum": 255,
        "range": "0..255",
        "unit": "",
        "members": None,
        "default": 1,
        "mode": True,
        "live": False,
        "doc": "what it does",
    }
    assert (rows["quiet"]["type"], rows["quiet"]["default"], rows["quiet"]["mode"]) == ("bool", False, False)
    assert rows["status"]["members"]["IOERR"] == 10
    assert rows["status"]["default"] == 0


def test_attributes_for_people() -> None:
    lines = answer("drivers", "good.py").splitlines()
    assert lines[0] == "Good: Ends every request."
    assert lines[1].split() == ["attribute", "type", "unit", "range", "default", "what", "it", "does"]
    cells = {line.split()[0]: line for line in lines[2:]}
    assert cells["mode"].split() == ["mode", "Const[u8]", "-", "0..255", "1", "what", "it", "does"]
    assert cells["blocksize"].split() == ["blocksize", "u32", "bytes", "512..65536", "512", "logical", "block"]
    assert cells["quiet"].split() == ["quiet", "bool", "-", "N,", "Y", "N", "-"]
    assert cells["status"].split()[:4] == ["status", "BlkStatus", "-", "OK"]
    assert cells["status"].endswith("  OK       -")


def test_a_required_attribute_and_large_ranges() -> None:
    Path("driver.py").write_text(
        GOOD.replace("blocksize: u32 = 512", "blocksize: u32").replace("mode: Const[u8] = 1", "mode: s64 = -1")
        .replace("import BlkStatus", "import s64, BlkStatus").replace("== 1:", "== -1:")
    )  # fmt: skip
    text = answer("drivers", "driver.py")
    assert "-2^63..2^63-1" in text
    assert "required" in text
    assert [row["default"] for row in document("drivers", "driver.py")["attributes"]][:2] == [-1, None]


def test_a_driver_without_attributes() -> None:
    assert answer("drivers", "refused.py") == "Refused has no attributes\n"
    assert document("drivers", "refused.py")["attributes"] == []


@pytest.mark.parametrize("driver", ["ramdisk", "null_blk"])
def test_every_default_is_a_value_that_the_attribute_takes(driver: str) -> None:
    cls = driver_source.load_driver(driver)
    rows = document("drivers", driver)["attributes"]
    assert [row["name"] for row in rows] == [attribute.name for attribute in attributes_of(cls)]
    assert configuration_of(cls, {row["name"]: row["default"] for row in rows}) == configuration_of(cls, {})


# --- ops -----------------------------------------------------------------------------------------------------
def test_ops_shows_every_slot() -> None:
    told = document("ops", "ramdisk")
    assert (told["driver"], told["class"]) == ("ramdisk", "RamDisk")
    *callbacks, last = told["callbacks"]
    assert [callback["name"] for callback in callbacks] == [slot.name for slot in SLOTS]
    assert last["name"] == "show_rq"
    assert re.search("show_rq +made from Pdu", answer("ops", "ramdisk"))
    for callback in callbacks:
        assert {"family", "name", "doc", "signature", "filled", "file", "line"} == set(callback)
        assert callback["doc"]
        assert callback["signature"].startswith(f"def {callback['name']}(self")


def test_ops_says_where_a_slot_is_filled() -> None:
    filled = {callback["name"]: callback for callback in document("ops", "ramdisk")["callbacks"] if callback["filled"]}
    assert set(filled) == {"configure", "queue_rq"}
    lines, start = inspect.getsourcelines(RamDisk.queue_rq)
    assert (filled["queue_rq"]["file"], filled["queue_rq"]["line"]) == (inspect.getsourcefile(RamDisk), start)
    assert lines[0].strip().startswith("def queue_rq")


def test_ops_shows_what_timers_and_works_call() -> None:
    own = {c["name"]: c for c in document("ops", "good.py")["callbacks"] if c["family"] == "driver"}
    assert {name: c["doc"] for name, c in own.items()} == {
        "timer": "called by HrTimer Pdu.timer",
        "on_ticker": "called by Work Good.ticker",
    }
    assert own["timer"]["signature"] == "def timer(self, rq: Request) -> None"
    assert own["on_ticker"]["signature"] == "def on_ticker(self) -> None"
    assert all(c["filled"] and c["line"] > 20 for c in own.values())


def test_ops_for_people() -> None:
    text = answer("ops", "good.py")
    for title in ("struct blk_mq_ops", "struct block_device_operations", "blkmq's own", "timers and works"):
        assert title in text
    assert f"queue_rq             good.py:{line_of('def queue_rq', GOOD)} " in text
    assert "commit_rqs           - " in text


def test_ops_takes_drivers_that_no_target_takes() -> None:
    Path("driver.py").write_text(
        "import functools\n"
        "from blkmq import Operations, Work\n"
        "class Base(Operations):\n"
        "    def complete(self): pass\n"
        "class Odd(Base):\n"
        "    late: Work\n"
        "    busy = 5\n"
        "    @staticmethod\n"
        "    def open(): pass\n"
        "    release = functools.partial(print)\n"
        "    class Shared:\n"
        "        def map_queues(self): pass\n"
    )
    rows = {c["name"]: (c["filled"], c["line"]) for c in document("ops", "driver.py:Odd")["callbacks"]}
    assert rows["queue_rq"] == rows["on_late"] == (False, 0)
    assert rows["complete"] == (True, 4)
    assert rows["busy"] == rows["release"] == (True, 0)
    assert rows["open"] == (True, 9)
    assert rows["map_queues"] == (True, 12)
    assert "release        somewhere" in answer("ops", "driver.py:Odd")
