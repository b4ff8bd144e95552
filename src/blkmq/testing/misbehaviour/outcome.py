# SPDX-License-Identifier: MIT
"""What becomes of a misdeed: one row of the table, and where in a driver's source it is marked."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cache
from pathlib import Path

from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import Fault
from blkmq.mq.operations import Operations

SHORT_MSEC = 100  #: the time of requests that are to run out of it


class Others(Enum):
    """What the misdeed means for requests that come after it."""

    GO_ON = "go on"
    WAIT_ON_QUEUE = "wait behind it, on its hardware queue"
    WAIT = "wait"


@dataclass(frozen=True)
class Outcome:
    """What is to happen on a target."""

    status: BlkStatus = BlkStatus.OK  #: how the bad request ends
    fault: Fault = Fault.NONE  #: what is reported, at the marked line; NONE: nothing is
    nr_errors: int = 0
    nr_stale_ends: int = 0
    nr_stale_timers: int = 0
    nr_timeouts: int = 0  #: at least
    text: str = ""  #: what the report says in so many words
    rule: str = ""  #: the driver is refused by this rule, at the marked line, and nothing runs
    raises: bool = False  #: serve() raises, and nothing is left over
    at_removal: bool = False  #: the request ends when the disk is removed, within its time
    after_removal: bool = False  #: counted when the disk is removed

    @property
    def nr_reports(self) -> int:
        return self.nr_errors + self.nr_stale_ends


@dataclass(frozen=True)
class Row:
    """A misdeed and its outcomes."""

    driver: type[Operations]
    misdeed: IntEnum
    interpreted: Outcome
    compiled: Outcome
    why: str
    queue: int = 0  #: that the bad request goes to
    is_ordered: bool = True  #: requests reach the driver in the order in which they were sent
    prepared: BlkStatus = BlkStatus.OK  #: how the request before it ends, with which the driver gets ready
    others: Others = Others.GO_ON

    @property
    def name(self) -> str:
        return self.misdeed.name.lower()

    @property
    def timeout_msec(self) -> int:
        slow = any(o.nr_timeouts or o.at_removal for o in (self.interpreted, self.compiled))
        return SHORT_MSEC if slow else 10_000

    @property
    def is_patient(self) -> bool:
        """Whether good requests may stay with the driver meanwhile, however long the bad one takes."""
        return self.is_ordered and (self.timeout_msec > SHORT_MSEC or hasattr(self.driver, "timeout"))

    def outcome(self, target: str) -> Outcome:
        return self.interpreted if target == "interpreted" else self.compiled

    def make(self) -> Operations:
        """The driver, about to misbehave."""
        return self.driver(mode=int(self.misdeed), timeout_msec=self.timeout_msec)

    def place(self) -> tuple[Path, int]:
        """File and line of the comment ``# <- name`` in the driver's source; line 0: there is none."""
        for cls in self.driver.__mro__:
            if cls in Operations.__mro__:
                break
            file = Path(inspect.getsourcefile(sys.modules[cls.__module__]) or "")
            if self.name in marks(file):
                return file, marks(file)[self.name]
        return Path(), 0


@cache
def marks(file: Path) -> dict[str, int]:
    """The lines that comments ``# <- name …`` mark."""
    found: dict[str, int] = {}
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if match := re.search(r"# <- ([a-z0-9_ ]+)$", line):
            found |= dict.fromkeys(match[1].split(), number)
    return found
