# SPDX-License-Identifier: MIT
"""Errors while a disk is made and taken down, when no request is there that could end."""

from __future__ import annotations

from enum import IntEnum, auto

from blkmq import PAGE_SIZE, Errno, HwCtx, QueueLimits, Request, SpinLock, TagSet, u64
from blkmq.testing.misbehaviour.victim import Victim


class Misdeed(IntEnum):
    """What Control does wrong, by the name of its row in the table."""

    ERROR_IN_CONFIGURE = auto()
    CONFIGURE_REFUSES = auto()
    ENDLESS_CONFIGURE = auto()
    ERROR_IN_MAP_QUEUES = auto()
    ERROR_IN_INIT_HCTX = auto()
    ERROR_IN_INIT_REQUEST = auto()
    INIT_REQUEST_REFUSES = auto()
    ERROR_IN_OPEN = auto()
    OPEN_REFUSES = auto()
    ERROR_IN_RELEASE = auto()
    ERROR_IN_EXIT_REQUEST = auto()
    ERROR_IN_EXIT_HCTX = auto()


class Control(Victim):
    control_lock: SpinLock
    nr_alive: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        mode = self.config.mode
        super().configure(tag_set, limits)
        assert mode != Misdeed.ERROR_IN_CONFIGURE  # <- error_in_configure
        page = self.store.get_or_alloc(0)
        while page is not None and mode == Misdeed.ENDLESS_CONFIGURE:
            page.zero(0, PAGE_SIZE)  # <- endless_configure
        return Errno.EINVAL if mode == Misdeed.CONFIGURE_REFUSES else Errno.OK

    def map_queues(self, tag_set: TagSet) -> None:
        assert self.config.mode != Misdeed.ERROR_IN_MAP_QUEUES  # <- error_in_map_queues

    def init_hctx(self, hctx: HwCtx) -> Errno:
        with self.control_lock:
            assert self.config.mode != Misdeed.ERROR_IN_INIT_HCTX or hctx.queue_num == 0  # <- error_in_init_hctx
            self.nr_alive += 1
        return Errno.OK

    def exit_hctx(self, hctx: HwCtx) -> None:
        with self.control_lock:
            assert self.config.mode != Misdeed.ERROR_IN_EXIT_HCTX  # <- error_in_exit_hctx
            self.nr_alive -= 1

    def init_request(self, rq: Request) -> Errno:
        mode = self.config.mode
        with self.control_lock:
            self.nr_alive += 1
            assert mode != Misdeed.ERROR_IN_INIT_REQUEST or self.nr_alive < 9  # <- error_in_init_request
        return Errno.ENOMEM if mode == Misdeed.INIT_REQUEST_REFUSES else Errno.OK

    def exit_request(self, rq: Request) -> None:
        with self.control_lock:
            self.nr_alive -= 1
            assert self.config.mode != Misdeed.ERROR_IN_EXIT_REQUEST or self.nr_alive != 8  # <- error_in_exit_request

    def open(self) -> Errno:
        mode = self.config.mode
        with self.control_lock:
            assert mode != Misdeed.ERROR_IN_OPEN  # <- error_in_open
        return Errno.ENXIO if mode == Misdeed.OPEN_REFUSES else Errno.OK

    def release(self) -> None:
        with self.control_lock:
            assert self.config.mode != Misdeed.ERROR_IN_RELEASE  # <- error_in_release
