# SPDX-License-Identifier: MIT
"""What a driver's author is told when a driver cannot be compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blkmq.compiler.frontend.source import shown
from blkmq.mq.errors import BlkmqError


@dataclass(frozen=True)
class Refusal:
    """One place that breaks one rule."""

    file: str
    line: int
    rule: str
    text: str
    source: str = ""  #: the source expression
    hint: str = ""

    def __str__(self) -> str:
        source = f": `{self.source}`" if self.source else ""
        return f"{shown(self.file)}:{self.line}: {self.rule}: {self.text}{source}"


class Refused(BlkmqError):
    """A driver that the compiled targets cannot take, with every place that breaks a rule."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(str(self.refusals[0]), hint=self.refusals[0].hint)

    def __str__(self) -> str:
        return "\n".join(str(r) + (f"\nhint: {r.hint}" if r.hint else "") for r in self.refusals)
