# SPDX-License-Identifier: MIT
"""The table as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterator

from blkmq.mq.errors import Fault
from blkmq.testing.misbehaviour.outcome import Others, Outcome, Row
from blkmq.testing.misbehaviour.table import TABLE

HEAD = """# What becomes of a driver's mistakes

Every line of these tables is a driver in `blkmq.testing.misbehaviour`, and a test on every target: it makes the
mistake in one request, with good requests under way on the same hardware queue and on another one. Those are not
touched, the disk lives on, it can be removed, and the counters say what happened.

An error in a callback ends that callback's request with `BLK_STS_IOERR`. It is counted (`nr_errors`) and reported
with file and line of the driver; its kind stands behind the status here. Locks are released. *Compiled* is both `host`
and `c`; where they do as the interpreted target does, the column is empty.
"""


def rows_as_markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for title, rows in TABLE.items() for line in _section(title, rows))])


def _section(title: str, rows: tuple[Row, ...]) -> Iterator[str]:
    yield from (f"## {title}", "", "| mistake | interpreted | compiled | |", "|---|---|---|---|")
    for row in rows:
        compiled = "" if row.compiled == row.interpreted else in_words(row.compiled)
        why = row.why
        if row.others is not Others.GO_ON:
            why += f"; other requests {row.others.value}"
        yield f"| `{row.name}` | {in_words(row.interpreted)} | {compiled} | {why.replace('|', chr(92) + '|')} |"
    yield ""


def in_words(outcome: Outcome) -> str:
    """An outcome in one cell."""
    if outcome.rule:
        return f"refused: `{outcome.rule}`"
    if outcome.raises:
        return "`serve()` raises" + (f", {outcome.fault.name}" if outcome.fault else "")
    parts = [outcome.status.name]
    if outcome.fault is not Fault.NONE:
        parts.append(outcome.fault.name)
    if outcome.at_removal:
        parts.append("when the disk is removed")
    if outcome.nr_stale_ends:
        parts.append("second end ignored")
    if outcome.nr_stale_timers:
        parts.append("not called")
    return ", ".join(parts)
