# SPDX-License-Identifier: MIT
"""What a kernel has otherwise than it is expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from blkmq.abicheck.expected import Expected


@dataclass(frozen=True)
class Finding:
    """One difference."""

    expected: Expected
    there: str  #: its type; "" if there is no such thing
    place: str = ""  #: where the glue first uses it: ``request.h:40``

    def __str__(self) -> str:
        there = f"this kernel has '{self.there}'" if self.there else "this kernel has none"
        used = f" (used at {self.place})" if self.place else ""
        return f"{self.expected.title}: expected '{self.expected.type}', {there}{used}"


def place_of(expected: Expected, sources: Mapping[str, str]) -> str:
    """Where it is first used in C sources by their names; "" if nowhere."""
    name = re.escape(expected.name)
    use = rf"(?:->|\.|, ){name}\b" if expected.struct else rf"(?<![\w.>]){name}\("
    for file, text in sources.items():
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(use, line):
                return f"{file}:{number}"
    return ""
