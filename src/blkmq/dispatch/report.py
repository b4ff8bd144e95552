# SPDX-License-Identifier: MIT
"""Errors of callbacks, and late requests, in words: kind, value, and where in the driver."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from blkmq.dispatch.call import Call
from blkmq.dispatch.ownership import COMPLETING, IDLE, STARTED, WAITING
from blkmq.dispatch.request import INDEX_MASK
from blkmq.dispatch.tag_set import NR_REPORTS, ReportRecord, TagSetRecord, report_at
from blkmq.mq.errors import Fault
from blkmq.mq.req_op import ReqOp

LINE_BITS = 20
LINE_MASK = (1 << LINE_BITS) - 1

TEXT = {
    Fault.INDEX: "index or range {value} is outside",
    Fault.VALUE: "value {value} does not fit",
    Fault.OVERFLOW: "a result leaves 64 bits",
    Fault.ZERO_DIVISION: "{value} divided by zero",
    Fault.DIVISION: "{value} divided by -1 leaves 64 bits",
    Fault.SHIFT: "shift count {value} is outside 0..63",
    Fault.FUEL: "out of fuel: the callback does not end; a loop needs a bound",
    Fault.STALE: "the request has ended",
    Fault.STATE: "the request's state does not allow it: start() once, then once end(), complete() or requeue()",
    Fault.LOCK: "the callback holds this lock already",
    Fault.STATUS: "{value} is no block status",
    Fault.ABSENT: "there is no page or request (None)",
    Fault.ASSERT: "assertion failed",
    Fault.PYTHON: "Python exception",
    Fault.SLEEP: "a verb that sleeps, in atomic context",
}


#: Where a late request was.
LATE = {
    WAITING: "not taken",
    IDLE: "neither started nor given back",
    STARTED: "started and not ended",
    COMPLETING: "completed and not ended",
}
NSEC_PER_MSEC = 1_000_000

OUTSIDE = -1  #: the slot of a verb that runs in no callback: on a thread of an interpreted driver's own

#: Faults that an interpreted driver may have from Python itself, in its words.
TOLD_BY_PYTHON = (Fault.PYTHON, Fault.ABSENT)


class Sources(Protocol):
    """Who knows the driver's source files and the names of its slots."""

    @property
    def files(self) -> Sequence[str]: ...
    @property
    def exceptions(self) -> Mapping[tuple[int, int], str]: ...
    def slot_name(self, slot: int) -> str: ...
    def slot_at(self, slot: int) -> int: ...


@dataclass(frozen=True)
class Report:
    """One error of a callback; or a request that ended with TIMEOUT, with the callback that was to end it."""

    fault: Fault
    file: str
    line: int
    slot: str
    value: int
    tag: int  #: index of the request, -1 for none
    text: str = ""  #: what an interpreted driver's exception said, or what is known of the late request
    rq: int = 0  #: handle of the request

    @classmethod
    def make(cls, sources: Sources, fault: int, at: int, slot: int, value: int, rq: int) -> Report:
        index = at >> LINE_BITS
        file = sources.files[index] if 0 <= index < len(sources.files) else "?"
        return cls(Fault(fault), file, at & LINE_MASK, sources.slot_name(slot), value, rq & INDEX_MASK if rq else -1,
                   sources.exceptions.get((fault, at), ""), rq)  # fmt: skip

    @classmethod
    def of_line(cls, line: ReportRecord, sources: Sources) -> Report:
        if line.fault != Fault.TIMEOUT:
            return cls.make(sources, line.fault, line.at, line.slot, line.value, line.rq)
        report = cls.make(sources, line.fault, sources.slot_at(line.slot), line.slot, line.value, line.rq)
        what = LATE.get(line.state, "not ended")
        after = f"{line.value / NSEC_PER_MSEC:.0f} ms"
        text = f"{ReqOp(line.op).name} at sector {line.sector}, tag {report.tag}: {what} after {after}"
        return replace(report, text=text)

    @classmethod
    def of_call(cls, call: Call, sources: Sources) -> Report:
        return cls.make(sources, call.error, call.error_at, call.slot, call.value, call.rq)

    @property
    def source(self) -> str:
        """The line of the driver that it is about; empty if the file is not there."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        text = self.text or TEXT.get(self.fault, "error").format(value=self.value)
        source = f": `{self.source}`" if self.source and self.fault != Fault.TIMEOUT else ""
        return f"{self.file}:{self.line}: {self.fault.name}: {text}{source} (in {self.slot})"


def read_reports(record: TagSetRecord, sources: Sources, since: int = 0) -> Iterator[Report]:
    """The reports from number ``since`` on that the ring still holds."""
    for number in range(max(since, record.nr_reports - NR_REPORTS), record.nr_reports):
        yield Report.of_line(report_at(record.reports, number % NR_REPORTS), sources)
