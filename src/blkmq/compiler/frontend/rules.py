# SPDX-License-Identifier: MIT
"""The rules of the subset of Python that drivers are written in, as one table.

The documentation and the tests are made from it: every rule has an example that it refuses.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from blkmq.compiler.frontend.refused import Refusal, Refused
from blkmq.compiler.frontend.rules_of_drivers import DRIVERS
from blkmq.compiler.frontend.rules_of_values import VALUES

__all__ = ["RULES", "Refusal", "Refused", "Rule", "example_module", "refusal"]


@dataclass(frozen=True)
class Rule:
    """One rule: what it says, what to do instead, and a driver that breaks it."""

    name: str
    part: str  #: what the example is: the "body" of queue_rq, members of the "class", or a "module"
    text: str
    hint: str
    example: str


RULES: dict[str, Rule] = {row[0]: Rule(*row[:4], textwrap.dedent(row[4]).strip()) for row in (*DRIVERS, *VALUES)}


def refusal(rule: str, file: str, line: int, source: str, *, detail: str = "", hint: str = "") -> Refusal:
    """The refusal of a place that breaks a rule; ``detail`` goes behind the rule's text, ``hint`` replaces its own."""
    text = RULES[rule].text + (f" ({detail})" if detail else "")
    return Refusal(file, line, rule, text, source, hint or RULES[rule].hint)


_IMPORTS = """\
from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from blkmq import (
    SECTOR_SHIFT, Array, Atomic, BlkStatus, Errno, HrTimer, HwCtx, Mutex, Operations, PageStore, ReqOp, Request,
    RequestList, SpinLock, u8, u64,
)
"""
_CLASS = "class Driver(Operations):\n"
_QUEUE_RQ = "def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:\n"


def example_module(rule: Rule) -> str:
    """The whole module that a rule's example stands for; its driver is called Driver."""
    if rule.part == "module":
        return f"{_IMPORTS}\n\n{rule.example}\n"
    members = rule.example
    if rule.part == "body":
        members = _QUEUE_RQ + textwrap.indent(f"{rule.example}\nreturn BlkStatus.OK", "    ")
    elif "def queue_rq(" not in members:
        members += "\n\n" + _QUEUE_RQ + "    return BlkStatus.OK"
    return f"{_IMPORTS}\n\n{_CLASS}{textwrap.indent(members, '    ')}\n"
