# SPDX-License-Identifier: MIT
"""Requests that are with a backing file, and a driver that does not leave them to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

from blkmq import BackingFile, BlkStatus, Errno, HwCtx, Path, QueueLimits, Request, TagSet, u64
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, MOST, PatientVictim, VictimConfig

THIS_FILE = Path(__file__)


class Misdeed(IntEnum):
    """What Files does wrong, by the name of its row in the table."""

    FILE_GETS_REQUEST_TWICE = auto()
    FILE_GETS_REQUEST_UNSTARTED = auto()
    FILE_GETS_ENDED_REQUEST = auto()
    FILE_IS_NOT_OPEN = auto()
    FILE_POSITION_NEGATIVE = auto()
    FILE_POSITION_HUGE = auto()
    READS_BEHIND_FILE = auto()
    WRITES_READ_ONLY_FILE = auto()
    ENDS_WHAT_FILE_HAS = auto()
    COMPLETES_WHAT_FILE_HAS = auto()
    REQUEUES_WHAT_FILE_HAS = auto()
    FAILS_WITH_WHAT_FILE_HAS = auto()
    OPENS_TWICE = auto()


@dataclass(frozen=True, kw_only=True)
class FilesConfig(VictimConfig):
    file: Path = THIS_FILE  #: it is only read
    other: Path = THIS_FILE


class Files(PatientVictim):
    config: FilesConfig  # pyright: ignore[reportIncompatibleVariableOverride]
    file: BackingFile
    other: BackingFile  #: never opened

    class Pdu:
        nr_tries: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        error = self.file.open(True, False, 0, 1)
        if self.config.mode == Misdeed.OPENS_TWICE:
            error = self.file.open(True, False, 0, 1)
        if error != Errno.OK:
            return error
        return super().configure(tag_set, limits)

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector != BAD_SECTOR:
            rq.pdu.nr_tries = 0
            return self.behave(hctx, rq)
        if self.config.mode == Misdeed.FILE_GETS_REQUEST_UNSTARTED:
            self.file.flush(rq)  # <- file_gets_request_unstarted
        rq.start()
        rq.pdu.nr_tries += 1
        self.pass_on(rq)
        self.take_back(rq)
        return BlkStatus.OK

    def pass_on(self, rq: Request) -> None:
        """Gives the file what it cannot do."""
        mode = self.config.mode
        if mode == Misdeed.FILE_GETS_REQUEST_TWICE:
            self.file.flush(rq)
            self.file.flush(rq)  # <- file_gets_request_twice
        elif mode == Misdeed.FILE_GETS_ENDED_REQUEST:
            rq.end()
            self.file.flush(rq)  # <- file_gets_ended_request
        elif mode == Misdeed.FILE_IS_NOT_OPEN:
            self.other.flush(rq)  # <- file_is_not_open
        elif mode == Misdeed.FILE_POSITION_NEGATIVE:
            self.file.write(rq, -1)  # <- file_position_negative
        elif mode == Misdeed.FILE_POSITION_HUGE:
            self.file.read(rq, MOST)
        elif mode == Misdeed.READS_BEHIND_FILE:
            self.file.read(rq, self.file.size())
        elif mode == Misdeed.WRITES_READ_ONLY_FILE:
            self.file.write(rq, 0)

    def take_back(self, rq: Request) -> None:
        """Does something else with what the file has."""
        mode = self.config.mode
        if mode == Misdeed.ENDS_WHAT_FILE_HAS:
            self.file.flush(rq)
            rq.end(BlkStatus.MEDIUM)
        elif mode == Misdeed.COMPLETES_WHAT_FILE_HAS:
            self.file.flush(rq)
            rq.complete()
        elif mode == Misdeed.FAILS_WITH_WHAT_FILE_HAS:
            self.file.flush(rq)
            assert rq.sector == 0  # <- fails_with_what_file_has
        elif mode == Misdeed.REQUEUES_WHAT_FILE_HAS:
            if rq.pdu.nr_tries > 1:
                rq.end()
            else:
                self.file.flush(rq)
                rq.requeue()
