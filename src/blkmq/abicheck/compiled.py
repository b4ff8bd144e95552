# SPDX-License-Identifier: MIT
"""Asks a kernel's own compiler: one C file with a line for each thing expected, and its complaints.

A pointer of the expected type takes the address of the real thing: gcc tells both types where they differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from blkmq.abicheck.expected import INCLUDES, Expected
from blkmq.abicheck.finding import Finding, place_of

_COMPLAINT = re.compile(r"^expected (\d+):\d+:(?:\d+:)? (?:error|warning): (.*)$", re.MULTILINE)
_OTHER_TYPE = re.compile(r"from incompatible pointer type '([^']+)'|from '([^']+)' differ in signedness")
_NAMES = re.compile(r"^(constant|limit) ([\w.]+):\d+:(?:\d+:)? (?:fatal )?error: ", re.MULTILINE)


def question(things: Iterable[Expected], constants: Mapping[str, tuple[str, int]], limits: Iterable[str]) -> str:
    """The C text: things, constants with their values, and fields of struct queue_limits."""
    lines = [f"#include <{name}>" for name in INCLUDES]
    for number, thing in enumerate(things):
        taken = f"&(({thing.struct} *)8)->{thing.name}" if thing.struct else f"&{thing.name}"
        lines += [
            f'#line 1 "expected {number}"',
            f"void blkmq_expected_{number}(void);",
            f"void blkmq_expected_{number}(void) {{ typeof({thing.type}) *thing = {taken}; (void)thing; }}",
        ]
    for name, (text, value) in constants.items():
        lines += [f'#line 1 "constant {name}"', f'_Static_assert(({text}) == {int(value)}, "another value");']
    for name in limits:
        lines += [f'#line 1 "limit {name}"', f"typedef typeof(((struct queue_limits *)8)->{name}) blkmq_limit_{name};"]
    return "\n".join([*lines, '#line 1 "end"', 'MODULE_LICENSE("Dual MIT/GPL");', ""])


def answer(
    stderr: str, things: Iterable[Expected], sources: Mapping[str, str]
) -> tuple[list[Finding], dict[str, bool], set[str]]:
    """Findings, features, and the constants and limits that are not there, from what gcc says of the question."""
    things = list(things)
    complaints: dict[int, str] = {}
    for found in _COMPLAINT.finditer(stderr):
        complaints.setdefault(int(found[1]), found[2])
    findings = []
    features = {thing.feature: True for thing in things if thing.feature}
    for number, text in complaints.items():
        thing = things[number]
        if thing.feature:
            features[thing.feature] = False
            continue
        other = _OTHER_TYPE.search(text)
        findings.append(Finding(thing, _pointed(other[1] or other[2]) if other else "", place_of(thing, sources)))
    lacking = {found[2] for found in _NAMES.finditer(stderr)}
    return findings, features, lacking


def _pointed(pointer: str) -> str:
    """What a pointer type of gcc's points to, as BTF writes it: ``u64 *`` is of a ``u64``."""
    if "(**)" in pointer:  # to a pointer to a function
        text = pointer.replace("(**)", "(*)")
    elif "(*)" in pointer:  # to a function, or an array
        text = pointer.replace("(*)", "")
    else:
        text = pointer.removesuffix("*").rstrip()
    return re.sub(r"(?<=\w)(?=[(\[])", " ", re.sub(r",\s+", ", ", text))
