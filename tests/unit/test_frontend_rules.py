# SPDX-License-Identifier: MIT
"""Every rule refuses its own example, with the words that tests/corpus/refused keeps.

``BLKMQ_GOLDEN=write pytest tests/unit/test_frontend_rules.py`` writes them anew.
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from blkmq.compiler.frontend.refused import Refused
from blkmq.compiler.frontend.rules import RULES, Rule, example_module
from blkmq.compiler.frontend.translate import translate

GOLDEN = Path(__file__).parents[1] / "corpus" / "refused"


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_each_rule_refuses_its_example(rule: Rule, load_driver: Any) -> None:
    driver = load_driver(example_module(rule))
    with pytest.raises(Refused) as caught:
        translate(driver)
    assert [refusal.rule for refusal in caught.value.refusals] == [rule.name]
    golden = GOLDEN / f"{rule.name}.txt"
    if os.environ.get("BLKMQ_GOLDEN") == "write":
        golden.write_text(f"{caught.value}\n")
    assert f"{caught.value}\n" == golden.read_text()


def test_no_golden_message_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(RULES)


def test_rules_read_well() -> None:
    for rule in RULES.values():
        assert rule.text[0] in "*/:`" or rule.text[0].islower(), rule.name
        assert not rule.text.endswith("."), rule.name
        assert rule.hint, rule.name
        assert rule.part in ("body", "class", "module"), rule.name


HEAD = """
from __future__ import annotations

from blkmq import BlkStatus, HwCtx, Operations, Request


class Driver(Operations):
"""


def refusals_of(text: str, load_driver: Any) -> list[tuple[str, int]]:
    driver = load_driver(HEAD + textwrap.indent(textwrap.dedent(text), "    "))
    with pytest.raises(Refused) as caught:
        translate(driver)
    return [(refusal.rule, refusal.line) for refusal in caught.value.refusals]


def test_all_refusals_come_at_once_and_only_once(load_driver: Any) -> None:
    text = """\
        def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
            half = rq.nr_bytes / 2
            if half > 3:
                print(half)
            quarter = half // 2
            rq.end(self.finish(rq, quarter))
            if is_last:
                rq.sektor
            return BlkStatus.OK

        def finish(self, rq: Request, n: int) -> BlkStatus:
            return n

        def complete(self, rq: Request) -> None:
            rq.end("done")
        """
    assert refusals_of(text, load_driver) == [
        ("true-division", 9),
        ("attribute", 15),
        ("return-type", 19),
        ("string", 22),
    ]


def test_a_refused_signature_is_told_once(load_driver: Any) -> None:
    text = """\
        def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
            self.finish(rq)
            self.finish(rq)
            return BlkStatus.OK

        def finish(self, rq):
            rq.end()
        """
    assert refusals_of(text, load_driver) == [
        ("parameter-annotation", 13),
        ("return-annotation", 13),
    ]


def test_hints_follow_each_message(load_driver: Any) -> None:
    text = HEAD + "    def queue_rqq(self) -> None: ...\n"
    with pytest.raises(Refused, match=r"did you mean queue_rq where you wrote queue_rqq\?") as caught:
        translate(load_driver(text))
    assert caught.value.hint
    assert str(caught.value).splitlines()[0] == str(caught.value.refusals[0])
