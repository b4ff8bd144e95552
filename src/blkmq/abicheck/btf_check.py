# SPDX-License-Identifier: MIT
"""What a kernel's BTF says of the C API that the glue expects, before anything is compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from blkmq.abicheck.btf import Btf
from blkmq.abicheck.expected import Expected
from blkmq.abicheck.finding import Finding, place_of


def check_btf(btf: Btf, things: Iterable[Expected], sources: Mapping[str, str]) -> list[Finding]:
    """Differences; features are not looked for: headers may inline them."""
    findings = []
    for thing in things:
        if thing.feature:
            continue
        there = btf.field(thing.struct, thing.name) if thing.struct else btf.function(thing.name)
        if there is None or _plain(there) != _plain(thing.type):
            findings.append(Finding(thing, there or "", place_of(thing, sources)))
    return findings


def _plain(type_name: str) -> str:
    return type_name.replace(" ", "")
