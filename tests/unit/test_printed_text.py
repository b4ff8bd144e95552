# SPDX-License-Identifier: MIT
"""What a reviewer gets to read: the ramdisk, printed; BLKMQ_GOLDEN=write keeps a new text."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from blkmq.compiler.c.printer import print_c
from blkmq.compiler.frontend.translate import translate
from blkmq.compiler.numba.printer import print_numba
from blkmq.drivers.ramdisk import RamDisk

GOLDEN = Path(__file__).parents[1] / "corpus" / "printed"
PRINTERS = {"c": print_c, "numba": print_numba}
MARKS = {"c": r"#line.*\n|\t+call->at = .*\n", "numba": r" +call\.(error_)?at = .*\n"}


@pytest.mark.parametrize("language", PRINTERS)
def test_the_text_for_readers(language: str) -> None:
    text = PRINTERS[language](translate(RamDisk), lines=False)
    golden = GOLDEN / f"ramdisk.{language}.txt"
    if os.environ.get("BLKMQ_GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("language", PRINTERS)
def test_marks_are_all_that_readers_do_without(language: str) -> None:
    whole = PRINTERS[language](translate(RamDisk))
    text = PRINTERS[language](translate(RamDisk), lines=False)
    assert re.sub(MARKS[language], "", whole).replace('#line 1 "entry"\n', "") == text
    assert whole.count("\n") > text.count("\n") + 10
