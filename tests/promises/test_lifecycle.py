# SPDX-License-Identifier: MIT
"""What blk-mq promises about the birth and death of queues and requests, on every target."""

from __future__ import annotations

from typing import Any

import pytest

from blkmq import BlkStatus, ConfigError
from blkmq.dispatch.request import INDEX_MASK
from blkmq.dispatch.running_set import RunningSet
from tests.promises.drivers import NR_QUEUES, QUEUE_DEPTH, Event, Lifecycle
from tests.promises.watching import log, statuses, write
from tests.targets import served

NR_REQUESTS = NR_QUEUES * QUEUE_DEPTH


def test_requests_then_queues_are_born_before_the_first_request(target: str) -> None:
    with served(Lifecycle(), target) as disk:
        assert statuses([write(disk, 1, queue=queue) for queue in range(NR_QUEUES)]) == [BlkStatus.OK] * NR_QUEUES
        born = log(disk, Event.INIT_REQUEST, Event.INIT_HCTX)
    assert born == [
        *((Event.INIT_REQUEST, index) for index in range(NR_REQUESTS)),
        *((Event.INIT_HCTX, queue) for queue in range(NR_QUEUES)),
    ]
    assert disk.counters()["nr_errors"] == 0


def test_queues_then_requests_die_once_each_whatever_their_callbacks_do(target: str) -> None:
    with served(Lifecycle(is_loud=True), target) as disk:
        assert disk.reports() == []
    slots = [report.slot for report in disk.reports()]
    assert slots == ["exit_hctx"] * NR_QUEUES + ["exit_request"] * NR_REQUESTS
    assert len({report.line for report in disk.reports()}) == 2


Calls = list[tuple[str, int]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Birth and death callbacks, as they come; a failed birth is not listed."""
    calls: Calls = []
    control_callback = RunningSet.control_callback

    def watched(self: RunningSet, name: str, disk: int, a: int = 0, *rest: int, **more: Any) -> int:
        result = control_callback(self, name, disk, a, *rest, **more)
        if name.endswith(("_hctx", "_request")):
            calls.append((name, a & INDEX_MASK))
        return result

    monkeypatch.setattr(RunningSet, "control_callback", watched)
    return calls


@pytest.mark.parametrize(
    ("attributes", "callback", "errno", "nr_births"),
    [
        ({"failing_tag": 3}, "init_request", "ENOMEM", QUEUE_DEPTH + 3),
        ({"failing_queue": 0}, "init_hctx", "EFAULT", NR_REQUESTS),
        ({"failing_queue": 1}, "init_hctx", "EFAULT", NR_REQUESTS + 1),
    ],
)
def test_a_birth_that_fails_undoes_those_before(
    target: str, calls: Calls, attributes: dict[str, int], callback: str, errno: str, nr_births: int
) -> None:
    with pytest.raises(ConfigError) as refused:
        served(Lifecycle(**attributes), target)
    assert (refused.value.field, refused.value.value) == (callback, errno)
    births, deaths = calls[:nr_births], calls[nr_births:]
    assert {name for name, _ in births} <= {"init_request", "init_hctx"}
    assert deaths == [(name.replace("init", "exit"), number) for name, number in reversed(births)]
