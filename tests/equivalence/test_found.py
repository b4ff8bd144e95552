# SPDX-License-Identifier: MIT
"""Programs that the random ones found: they once behaved differently on some target, or did not compile there."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from blkmq.compiler.frontend.translate import translate
from blkmq.compiler.numba.code import imported
from blkmq.compiler.numba.printer import print_numba
from blkmq.native.cache import kept
from blkmq.testing.random_programs.comparing import compare
from blkmq.testing.random_programs.loading import Module, loaded
from blkmq.testing.random_programs.running import Case, Runner, cases_of
from blkmq.testing.random_programs.stage import PARAMETERS, aids_text, driver_text

HELPERS = ["def divide(left: int, right: int) -> int:\n    return left // right\n"]

FOUND = {
    "an error in another module's function is told with that function's line": "return divide(a, b & 0)",
    "an absent page has no bytes": """
        page = self.store.get(PAGE_SIZE)
        return page[0]
        """,
    "an absent page has no length": "return len(self.store.get(PAGE_SIZE))",
    "an absent request has no tag": """
        kept = rq.pdu.kept
        return kept.tag
        """,
    "an ended request's arrays have no length": """
        rq.start()
        rq.end()
        return len(rq.pdu.words)
        """,
    "running out of fuel is told with the loop's line": """
        while True:
            rq.pdu.wide = a
            if a == b:
                hctx.data.wide = b
            else:
                continue
        """,
    "an assignment over two lines is told with its first": """
        rq.start()
        rq.pdu.small ^= (-1 -
                         (b & 7))
        return a
        """,
    "a loop ends further left than it begins": """
        if a > 0:
            for _ in range(a & 3):
                b += (
        a)
        return b
        """,
    "a chain's later link reads what an earlier one computed": """
        for _ in range(a & 3):
            for _ in range(1, 0, 2):
                flag = b < min(a or b, 5) != abs(a) * int(self.STRIDE) < 2147483647
        return int(flag)
        """,
    "clearing a page costs fuel": """
        page = self.store.get_or_alloc(7)
        page.zero(0, PAGE_SIZE)
        return a
        """,
    "an enum with far members is checked": "return Level(a & 7)",
    "a field's enum has a value": "return rq.pdu.level.value + hctx.data.levels[a & 1].value",
    "a number is compared with itself": "return int(a == a) + int(b < b)",
    "a parameter is only set": """
        flag = a > 0
        return b
        """,
    "in looks at what was made of all members": "return int(a in (a, b // (b & 0)))",
    "flags and negative numbers are numbers": "return (rq.flags | -3) ^ ~rq.flags ^ (rq.flags ^ -1)",
    "an ended request's field takes no value": """
        rq.start()
        rq.end()
        rq.pdu.small = -1
        return a
        """,
    "an index is looked at before the value": """
        hctx.data.bytes_[a | 4] = -1
        return b
        """,
    "an absent page is found before its arguments are made": """
        page = self.store.get(PAGE_SIZE)
        page.zero(a // (b & 0), 0)
        return a
        """,
    "an ended request is found before the index is made": """
        rq.start()
        rq.end()
        return rq.pdu.words[a // (b & 0)]
        """,
    "an empty set of flags is one, and other bits are none": """
        hctx.data.marks = hctx.data.marks ^ hctx.data.marks
        rq.pdu.marks = ReqFlag(a)
        return b
        """,
    "gcc sees an index that is never right": "return hctx.data.bytes_[(Mode.OFF >> a) % 2 - 1]",
    "elif goes on and on": "if a == 0:\n    b = 0\n"
    + "".join(f"elif a == {n}:\n    b = {n * n}\n" for n in range(1, 120))
    + "return b",
    "locals are named like what is printed": """
        with self.lock:
            with hctx.data.lock:
                lock1 = a
        stage_pdu_at = a ^ b
        stage_program_0 = rq.pdu.small
        segment_len = rq.pdu.wide
        BlkStatus_OK = 5
        _ = 7
        for segment in rq.segments():
            segment.zero(3)
            segment_len += len(segment) + segment[0]
        Fault_VALUE = BlkStatus.OK + BlkStatus_OK
        return stage_pdu_at ^ stage_program_0 ^ segment_len ^ Fault_VALUE ^ _ ^ lock1
        """,
}
TARGETS = ("interpreted", "c", "host")


def method(number: int, body: str) -> str:
    head = f"    def program_{number}(self, {PARAMETERS}) -> int:\n"
    return head + textwrap.indent(textwrap.dedent(body).strip(), " " * 8) + "\n"


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What differs, by the number of the program; all are compiled together."""
    programs = {number: method(number, body) for number, body in enumerate(FOUND.values())}
    module = Module(0, 0, driver_text("aids_0_0", [], [], programs), aids_text(HELPERS))
    cases = [case for number in programs for case in cases_of(0, number, 4)]
    comparison = compare(module, cases, tmp_path_factory.mktemp("found"), TARGETS)
    return {number: str(difference) for number, difference in comparison.programs().items()}


@pytest.mark.parametrize("number", range(len(FOUND)), ids=FOUND)
def test_all_targets_agree(number: int, differences: dict[int, str]) -> None:
    assert number not in differences, differences[number]


@pytest.mark.usefixtures("own_cache")
def test_a_constant_argument_compiles_no_new_version(tmp_path: Path) -> None:
    programs = {0: method(0, "return divide(a, 3) + divide(7, b) + divide(5, 2) + divide(a, b)")}
    module = Module(0, 1, driver_text("aids_0_1", [], [], programs), aids_text(HELPERS))
    with loaded(module, tmp_path) as cls:
        runner = Runner(cls, "host")
        assert runner.run(Case(0, (9, 2, 0, 0), "")).result == 3 + 3 + 2 + 4
        runner.close()
        printed = imported("printed", kept("printed", print_numba(translate(cls))))
    assert len(printed.stage_divide.signatures) == 1
