# SPDX-License-Identifier: MIT
"""``blkmq check`` and ``blkmq emit``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from blkmq.cli.verdict import TARGETS
from blkmq.compiler.c.printer import print_c
from blkmq.compiler.frontend.translate import translate
from blkmq.compiler.numba.printer import print_numba
from blkmq.compiler.program import Program
from blkmq.device.driver_source import load_driver
from blkmq.mq.configuration import configuration_of
from tests.cli_runs import GOOD, REFUSED, answer, complaint, document, line_of, run, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]

PRINTERS = {"numba": print_numba, "c": print_c}


def can(told: Any) -> dict[str, bool]:
    """Which targets can."""
    return {target: row["can"] for target, row in told["targets"].items()}


# --- check ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("driver", ["ramdisk", "null_blk", "good.py"])
def test_a_driver_that_every_target_takes(driver: str) -> None:
    assert answer("check", driver) == "interpreted  yes\nhost         yes\nc            yes\n"
    told = document("check", driver)
    assert told["driver"] == driver
    assert told["targets"] == {target: {"can": True, "refusals": []} for target in TARGETS}


def test_a_driver_that_only_python_takes() -> None:
    told = document("check", "refused.py", code=1)
    assert can(told) == {"interpreted": True, "host": False, "c": False}
    refusals = told["targets"]["host"]["refusals"]
    assert refusals == told["targets"]["c"]["refusals"]
    places = {refusal["rule"]: refusal["line"] for refusal in refusals}
    sources = {"annotation": "names: list", "print": "print(", "return-type": "return 0"}
    assert places == {rule: line_of(piece, REFUSED) for rule, piece in sources.items()}
    for refusal in refusals:
        assert {"file", "line", "rule", "text", "source", "hint"} == set(refusal)
        assert refusal["file"] == str(Path("refused.py").absolute())
        assert refusal["hint"]


def test_every_refusal_is_told_once_to_people() -> None:
    text = answer("check", "refused.py", code=1)
    assert text.startswith("interpreted  yes\nhost         no\nc            no\n\nwhy not host, c:\n")
    assert text.count("refused.py:9: print:") == 1
    assert text.count("  hint: ") == 3


def test_no_target_takes_a_driver_without_queue_rq() -> None:
    Path("driver.py").write_text("import blkmq\nclass D(blkmq.Operations):\n    def queue(self): pass\n")
    told = document("check", "driver.py", code=1)
    assert can(told) == dict.fromkeys(TARGETS, False)
    for target in TARGETS:
        (refusal,) = told["targets"][target]["refusals"]
        assert (refusal["rule"], refusal["line"]) == ("queue-rq", 2)


def test_no_target_takes_a_configuration_that_is_none() -> None:
    Path("driver.py").write_text(GOOD.replace("quiet: bool = False", 'quiet: str = ""'))
    told = document("check", "driver.py", code=1)
    assert can(told) == dict.fromkeys(TARGETS, False)
    assert told["targets"]["interpreted"]["refusals"][0]["rule"] == "annotation"
    assert "driver.py:13: annotation:" in complaint("emit", "driver.py", "--to", "c", code=3)
    assert "driver.py:13: annotation:" in complaint("bench", "driver.py", code=3)


@pytest.mark.parametrize(("words", "place", "text"), [
    (["null_blk", "blocksize=1000"], "main.py:39", "logical_block_size = 1000: must be a power of two"),
    (["null_blk", "hw_queue_depth=0"], "main.py:34", "queue_depth = 0: must be at least 1"),
    (["ramdisk", "blocksize=3"], "ramdisk.py:25", "logical_block_size = 3: must be a power of two"),
])  # fmt: skip
def test_limits_that_no_disk_can_have(words: list[str], place: str, text: str) -> None:
    told = answer("check", *words, code=1)
    assert told.startswith("interpreted  no\nhost         no\nc            no\n\nwhy not interpreted, host, c:\n")
    assert f"{place}: limits: {text}" in told
    assert told.count("  hint: ") == 1


def test_a_configure_that_refuses_or_fails() -> None:
    Path("driver.py").write_text(GOOD.replace("return Errno.OK", "return Errno.ENOMEM"))
    (refusal,) = document("check", "driver.py", code=1)["targets"]["c"]["refusals"]
    assert (refusal["line"], refusal["rule"], refusal["source"]) == (
        line_of("def configure", GOOD), "limits", "def configure",
    )  # fmt: skip
    assert "ENOMEM" in refusal["text"]
    Path("driver.py").write_text(GOOD.replace("1 << 20", "1 // (tag_set.nr_maps - 1)"))
    assert f"driver.py:{line_of('1 << 20', GOOD)}: ZERO_DIVISION: " in answer("check", "driver.py", code=1)


def test_rules_and_limits_are_told_together() -> None:
    Path("driver.py").write_text(GOOD.replace("rq.start()", "rq.start()\n        print(rq)"))
    told = document("check", "driver.py", "blocksize=3", code=1)["targets"]
    assert [refusal["rule"] for refusal in told["interpreted"]["refusals"]] == ["limits"]
    assert [refusal["rule"] for refusal in told["host"]["refusals"]] == ["limits", "print"]


def test_what_a_driver_prints_as_its_disk_is_made_is_no_answer() -> None:
    Path("driver.py").write_text(GOOD.replace("limits.logical", "print('hello')\n        limits.logical"))
    result = run("check", "driver.py", "--json")
    assert result.stderr == "hello\n"
    assert can(json.loads(result.stdout))["interpreted"]


def test_what_is_made_otherwise_than_asked_is_noted() -> None:
    result = run("check", "null_blk", "hw_queue_depth=20000", "discard=Y")
    assert (result.exit_code, result.stdout) == (0, answer("check", "null_blk"))
    assert result.stderr == (
        "note: discard option is ignored without memory backing\n"
        "note: queue_depth = 20000 is lowered to 10240: the most that a queue can have\n"
    )


def test_a_mode_decides_what_is_checked() -> None:
    Path("driver.py").write_text(GOOD.replace("rq.pdu.timer.start(1000, rq)", "print(rq)"))
    assert can(document("check", "driver.py"))["host"]
    assert not can(document("check", "driver.py", "mode=2", code=1))["host"]
    assert not can(document("check", "driver.py", "--no-fold", code=1))["host"]


def test_a_default_that_its_type_refuses_hides_nothing() -> None:
    Path("driver.py").write_text(GOOD.replace("quiet: bool = False", "quiet: bool = False\n    share: u8 = 300"))
    told = document("check", "driver.py", code=1)
    assert {refusal["rule"] for refusal in told["targets"]["host"]["refusals"]} == {"field-default"}
    assert "share = '300': outside 0..255" in complaint("check", "driver.py", "share=300", code=2)


def test_a_required_attribute_must_be_given() -> None:
    Path("driver.py").write_text(GOOD.replace("blocksize: u32 = 512", "blocksize: u32"))
    assert complaint("check", "driver.py", code=2).endswith("hint: give blocksize=…\n")
    answer("check", "driver.py", "blocksize=4096")


# --- emit ----------------------------------------------------------------------------------------------------
def program(driver: str, *, fold: bool, **attributes: int) -> Program:
    cls = load_driver(driver)
    return translate(cls, configuration_of(cls, attributes), fold)


@pytest.mark.parametrize("language", PRINTERS)
@pytest.mark.parametrize("driver", ["ramdisk", "good.py"])
def test_the_text_is_the_printers(driver: str, language: str) -> None:
    assert answer("emit", driver, "--to", language) == PRINTERS[language](program(driver, fold=True))


@pytest.mark.parametrize("language", PRINTERS)
def test_the_text_for_readers_has_no_marks(language: str) -> None:
    text = answer("emit", "good.py", "--to", language, "--no-lines")
    assert text == PRINTERS[language](program("good.py", fold=True), lines=False)
    assert "#line" not in text
    assert not re.search(r"call(->|\.)at", text)


@pytest.mark.parametrize("language", PRINTERS)
def test_modes_fold_unless_told_otherwise(language: str) -> None:
    folded = answer("emit", "good.py", "--to", language, "mode=2")
    assert folded == PRINTERS[language](program("good.py", fold=True, mode=2))
    assert folded != answer("emit", "good.py", "--to", language)
    whole = answer("emit", "good.py", "--to", language, "--no-fold")
    assert whole == PRINTERS[language](program("good.py", fold=False))
    assert whole == answer("emit", "good.py", "--to", language, "--no-fold", "mode=2")


def test_without_folding_no_attribute_is_required() -> None:
    Path("driver.py").write_text(GOOD.replace("blocksize: u32 = 512", "blocksize: u32"))
    answer("emit", "driver.py", "--to", "c", "--no-fold")
    assert "needs it" in complaint("emit", "driver.py", "--to", "c", code=2)


def test_a_size_changes_nothing_in_the_text() -> None:
    assert answer("emit", "ramdisk", "--to", "c", "size=1") == answer("emit", "ramdisk", "--to", "c")


def test_the_text_goes_to_a_file() -> None:
    assert answer("emit", "ramdisk", "--to", "c", "-o", "out.c") == ""
    assert Path("out.c").read_text() == answer("emit", "ramdisk", "--to", "c", "-o", "-")


def test_a_file_that_cannot_be_written_is_an_io_error() -> None:
    told = complaint("emit", "ramdisk", "--to", "c", "-o", "nowhere/out.c", code=1)
    assert told == "error: nowhere/out.c: No such file or directory\nhint: the directory must be there\n"
    assert "is a directory" in complaint("emit", "ramdisk", "--to", "c", "-o", ".", code=2)


def test_the_text_as_json() -> None:
    text = answer("emit", "ramdisk", "--to", "c")
    told = document("emit", "ramdisk", "--to", "c")
    assert told == {"driver": "ramdisk", "class": "RamDisk", "to": "c", "output": None, "text": text}


def test_a_refused_driver_has_no_text() -> None:
    told = complaint("emit", "refused.py", "--to", "numba", "-o", "out.py", code=3)
    assert told.count("error: refused.py:") == 3
    assert told.count("\nhint: ") == 3
    assert not Path("out.py").exists()
