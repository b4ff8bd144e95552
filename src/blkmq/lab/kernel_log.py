# SPDX-License-Identifier: MIT
"""Reports in a kernel's log: what a kernel says when something in it is wrong.  Pure functions over text."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What may stand before a message: "<4>", "[   12.345678]", with CONFIG_PRINTK_CALLER also "[  T123]".
_STAMP = r"^(?:<\d+>)?(?:\[ *\d+\.\d+\])?(?:\[ *[TC]\d+\])? ?"

#: What begins a report, by kind; the first that fits names the kind.
KINDS: dict[str, str] = {
    "panic": r"Kernel panic - not syncing",
    "KASAN": r"BUG: KASAN: ",
    "KFENCE": r"BUG: KFENCE: ",
    "KCSAN": r"BUG: KCSAN: ",
    "sleeping in atomic context": r"BUG: (?:sleeping function called from invalid context|scheduling while atomic)",
    "lockup": (
        r"(?:watchdog: )?BUG: (?:soft|hard) lockup|BUG: workqueue lockup"
        r"|(?:(?:NMI )?watchdog: )?(?:CPU\d+: )?Watchdog detected hard LOCKUP"
    ),
    "lockdep": (
        r"WARNING: (?:possible (?:circular|recursive) locking|possible irq lock inversion|inconsistent lock state"
        r"|bad unlock balance|held lock freed|lock held (?:when returning|at exit)|suspicious RCU usage"
        r"|Nested lock was not taken|(?:HARD|SOFT)IRQ-safe ->|.*lock (?:order|dependency) detected)"
        r"|\[ BUG: Invalid wait context \]|DEBUG_LOCKS_WARN_ON|BUG: MAX_LOCK|INFO: trying to register non-static key"
        r"|INFO: lockdep is turned off"
    ),
    "hung task": r"INFO: task .+:\d+ blocked (?:for more than|in I/O wait for more than) \d+ seconds",
    "RCU stall": r"(?:rcu: )?INFO: \S+ (?:self-)?detected (?:expedited )?stalls?(?: on (?:CPU|tasks)|, but)",
    "UBSAN": r"UBSAN: ",
    "kmemleak": r"kmemleak: \d+ new suspected memory leaks",
    "corruption": r"list_(?:add|del) corruption|list_add double add|[Ss]lab corruption|BUG \S+ \(.*\): |refcount_t: ",
    "WARNING": r"WARNING: ",
    "Oops": (
        r"BUG: (?:unable to handle|kernel NULL pointer)|Oops: |Oops\[|general protection fault|kernel BUG at "
        r"|Unable to handle kernel|(?:traps: )?PANIC: double fault|[a-z][a-z ]+: [0-9a-f]{4} \[#\d+\]"
    ),
    "BUG": r"BUG: ",
}
#: Kinds that a guest also reports when nobody ran it for a while: its clock goes on.
STALLS = frozenset({"lockup", "RCU stall", "hung task"})
_BEGINNINGS = {kind: re.compile(_STAMP + rf"(?:{pattern})") for kind, pattern in KINDS.items()}
_CUT_HERE = re.compile(_STAMP + r"-+\[ cut here \]-+$")
_END_TRACE = re.compile(_STAMP + r"---\[ end (?:trace|Kernel panic)")
_END_TASK = re.compile(_STAMP + r" ?</TASK>$")
_RULE = re.compile(_STAMP + r"={20,}$")
#: Kinds whose text goes on to a line of "=", beyond the first stack.
_TO_RULE = {"KASAN", "KFENCE", "KCSAN"}
#: Kinds that come with "cut here" before and "end trace" after.
_TO_TRACE = {"WARNING", "Oops", "UBSAN", "panic", "corruption"}
#: Kinds that may be a line and no more.
_PLAIN = {"WARNING", "BUG"}
_MAX_LINES = 150  #: of one report that shows no end


@dataclass(frozen=True)
class Report:
    """One thing that the kernel complained about."""

    kind: str
    headline: str  #: its first line, without the time
    line: int  #: of the log, the first being 1
    text: str

    def __str__(self) -> str:
        return self.headline if self.headline.startswith(self.kind) else f"{self.kind}: {self.headline}"


def reports(log: str) -> list[Report]:
    """Every report in a log, in the log's order; what lies within another report's text belongs to that."""
    lines = [line.rstrip() for line in log.splitlines()]
    found: list[Report] = []
    number = 0
    while number < len(lines):
        kind = kind_of(lines[number])
        if kind is None:
            number += 1
            continue
        end = _end_of(kind, lines, number)
        headline = re.sub(_STAMP, "", lines[number]).strip()
        found.append(Report(kind, headline, number + 1, "\n".join(lines[number:end])))
        number = end
    return found


def kind_of(line: str) -> str | None:
    """The kind of the report that a line begins, or None."""
    return next((kind for kind, beginning in _BEGINNINGS.items() if beginning.match(line)), None)


def _end_of(kind: str, lines: list[str], begin: int) -> int:
    """The line after a report's last one."""
    ends = [_END_TRACE] if kind in _TO_TRACE else [_RULE] if kind in _TO_RULE else [_END_TASK, _END_TRACE]
    last = min(len(lines), begin + _MAX_LINES)
    is_traced = False
    for number in range(begin + 1, last):
        is_traced = is_traced or "Call Trace:" in lines[number]
        if any(end.match(lines[number]) for end in ends):
            return number + 1
        if _CUT_HERE.match(lines[number]) and kind not in _TO_RULE:
            return number
        other = kind_of(lines[number])
        if other == "panic" or {kind, other} <= STALLS:  # each CPU may speak of the same stall
            return number
        if kind in _PLAIN and other not in (None, kind) and not is_traced:  # it said no more than a line
            return number
    return last
