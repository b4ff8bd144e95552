# SPDX-License-Identifier: MIT
"""What blk-mq promises its drivers, one promise a test, on every target; seen through I/O where that can be."""

from __future__ import annotations

import time

import pytest

from blkmq import BlkStatus, Operations
from blkmq.device.serve import serve
from blkmq.drivers.null_blk import NullBlk
from blkmq.mq.errors import Fault
from blkmq.transport.in_process.disk import InProcessDisk
from tests.promises.drivers import (
    Budgeted,
    ByLists,
    Clumsy,
    Doorbell,
    Event,
    InSteps,
    LastWord,
    Mistake,
    Reluctant,
    Way,
)
from tests.promises.watching import arguments, batch, log, status, statuses, write
from tests.targets import served

OK, IOERR, MEDIUM, TIMEOUT = BlkStatus.OK, BlkStatus.IOERR, BlkStatus.MEDIUM, BlkStatus.TIMEOUT
QUEUE, QUEUE_LAST, COMMIT = Event.QUEUE, Event.QUEUE_LAST, Event.COMMIT
WAYS_BACK = [Way.RESOURCE, Way.DEV_RESOURCE, Way.REQUEUE, Way.REQUEUE_WITHOUT_KICK]


def shared(drivers: list[Operations], target: str) -> list[InProcessDisk]:
    """Disks on one tag set."""
    return serve(drivers, via="in_process", target=target)


# --- a request's states -------------------------------------------------------------------------------
def test_requests_come_idle_start_and_end(target: str) -> None:
    with served(Clumsy(), target) as disk:
        assert statuses([write(disk, 1), write(disk, 2)]) == [OK, OK]
        assert disk.reports() == []


@pytest.mark.parametrize(
    "mistake",
    [Mistake.END_BEFORE_START, Mistake.COMPLETE_BEFORE_START, Mistake.START_TWICE, Mistake.COMPLETE_TWICE],
)
def test_a_verb_in_the_wrong_state_ends_that_request(target: str, mistake: Mistake) -> None:
    with served(Clumsy(mistake=mistake), target) as disk:
        assert statuses(batch(disk, [1, 2, 3])) == [IOERR] * 3
        assert [(report.fault, report.slot) for report in disk.reports()] == [(Fault.STATE, "queue_rq")] * 3


@pytest.mark.parametrize("mistake", [Mistake.END_TWICE, Mistake.END_AND_ERROR])
def test_a_second_end_is_counted_and_ignored(target: str, mistake: Mistake) -> None:
    with served(Clumsy(mistake=mistake), target) as disk:
        assert statuses([write(disk, 1), write(disk, 2)]) == [OK, OK]
        assert disk.counters()["nr_stale_ends"] == 2
        assert disk.counters()["nr_errors"] == 0


def test_a_tag_used_again_is_another_request(target: str) -> None:
    with served(Clumsy(queue_depth=1, mistake=Mistake.END_KEPT), target) as disk:
        assert statuses([write(disk, 1), write(disk, 2), write(disk, 3)]) == [OK, OK, OK]
        assert disk.counters()["nr_stale_ends"] == 2


def test_the_data_of_an_ended_request_cannot_be_reached(target: str) -> None:
    with served(Clumsy(queue_depth=1, mistake=Mistake.READ_KEPT), target) as disk:
        assert statuses([write(disk, 1), write(disk, 2)]) == [OK, IOERR]
        assert [report.fault for report in disk.reports()] == [Fault.STALE]


# --- batches ------------------------------------------------------------------------------------------
def test_is_last_is_true_for_the_last_of_a_batch(target: str) -> None:
    with served(Reluctant(), target) as disk:
        assert statuses(batch(disk, [1, 2, 3])) == [OK] * 3
        assert statuses(batch(disk, [4])) == [OK]
        assert log(disk) == [(QUEUE, 1), (QUEUE, 2), (QUEUE_LAST, 3), (QUEUE_LAST, 4)]


@pytest.mark.parametrize(
    ("way", "sector", "expected"),
    [
        (Way.RESOURCE, 1, [(QUEUE, 1), (QUEUE, 1), (QUEUE, 2), (QUEUE_LAST, 3)]),
        (Way.RESOURCE, 2, [(QUEUE, 1), (QUEUE, 2), (COMMIT, 0), (QUEUE, 2), (QUEUE_LAST, 3)]),
        (Way.RESOURCE, 3, [(QUEUE, 1), (QUEUE, 2), (QUEUE_LAST, 3), (COMMIT, 0), (QUEUE_LAST, 3)]),
        (Way.ERROR, 2, [(QUEUE, 1), (QUEUE, 2), (QUEUE_LAST, 3)]),
        (Way.ERROR, 3, [(QUEUE, 1), (QUEUE, 2), (QUEUE_LAST, 3), (COMMIT, 0)]),
    ],
)
def test_commit_rqs_comes_when_a_batch_breaks_off(
    target: str, way: Way, sector: int, expected: list[tuple[Event, int]]
) -> None:
    with served(Reluctant(way=way, sector=sector), target) as disk:
        outcome = {1: OK, 2: OK, 3: OK} | ({sector: MEDIUM} if way is Way.ERROR else {})
        assert statuses(batch(disk, [1, 2, 3])) == list(outcome.values())
        assert log(disk) == expected


def test_commit_rqs_does_not_come_for_nothing(target: str) -> None:
    with served(Reluctant(way=Way.ERROR, sector=1), target) as disk:
        assert statuses(batch(disk, [1])) == [MEDIUM]
        assert log(disk) == [(QUEUE_LAST, 1)]


def test_queue_rqs_gets_the_batch_and_what_it_leaves_comes_one_by_one(target: str) -> None:
    with served(ByLists(), target) as disk:
        assert statuses(batch(disk, [1, 2, 3, 4])) == [OK] * 4
        assert log(disk) == [(Event.QUEUE_RQS, 1), (Event.QUEUE_RQS, 2), (QUEUE, 3), (QUEUE_LAST, 4)]


# --- requests that come again -------------------------------------------------------------------------
@pytest.mark.parametrize("way", [Way.RESOURCE, Way.DEV_RESOURCE])
def test_a_request_that_found_no_room_comes_again_in_its_order(target: str, way: Way) -> None:
    with served(Reluctant(way=way, sector=3, times=3), target) as disk:
        assert statuses(batch(disk, [5, 3, 9])) == [OK] * 3
        assert arguments(disk, QUEUE, QUEUE_LAST) == [5, 3, 3, 3, 3, 9]


@pytest.mark.parametrize("way", WAYS_BACK)
def test_a_request_that_was_given_back_is_not_lost(target: str, way: Way) -> None:
    with served(Reluctant(way=way, sector=3, times=3), target) as disk:
        assert status(write(disk, 3)) is OK
        assert arguments(disk, QUEUE, QUEUE_LAST) == [3, 3, 3, 3]


@pytest.mark.parametrize("way", [Way.REQUEUE, Way.REQUEUE_WITHOUT_KICK])
def test_others_pass_a_requeued_request(target: str, way: Way) -> None:
    with served(Reluctant(way=way, sector=2), target) as disk:
        assert statuses(batch(disk, [1, 2, 3])) == [OK] * 3
        assert arguments(disk, QUEUE, QUEUE_LAST) == [1, 2, 3, 2]
        assert disk.counters()["nr_requeues"] == 1


# --- budgets ------------------------------------------------------------------------------------------
GET, PUT, TOKEN = Event.GET_BUDGET, Event.PUT_BUDGET, Event.TOKEN


def budgets(disk: InProcessDisk) -> list[tuple[Event, int]]:
    """The log without the budget of the read that shows it."""
    *entries, own = log(disk)
    assert own[0] is GET
    return entries


def test_each_request_comes_with_its_own_budget(target: str) -> None:
    with served(Budgeted(), target) as disk:
        assert statuses(batch(disk, [1, 2])) == [OK, OK]
        assert budgets(disk) == [(GET, 0), (QUEUE, 1), (TOKEN, 0), (GET, 1), (QUEUE_LAST, 2), (TOKEN, 1)]


def test_the_budget_of_a_request_that_was_not_taken_is_given_back(target: str) -> None:
    with served(Budgeted(refusals=1), target) as disk:
        assert statuses(batch(disk, [1, 2])) == [OK, OK]
        assert budgets(disk) == [
            (GET, 0), (QUEUE, 1), (PUT, 0), (GET, 1), (QUEUE, 1), (TOKEN, 1), (GET, 2), (QUEUE_LAST, 2), (TOKEN, 2),
        ]  # fmt: skip


def test_without_budget_a_request_waits(target: str) -> None:
    with served(Budgeted(first=1, denials=2), target) as disk:
        assert statuses(batch(disk, [1, 2])) == [OK, OK]
        assert budgets(disk) == [
            (GET, 0), (QUEUE, 1), (TOKEN, 0), (COMMIT, 0), (GET, 3), (QUEUE_LAST, 2), (TOKEN, 3),
        ]  # fmt: skip


# --- tags and queues ----------------------------------------------------------------------------------
def test_tags_are_unique_and_below_the_queue_depth(target: str) -> None:
    with served(Doorbell(queue_depth=8), target) as disk:
        for _ in range(3):
            assert statuses([*batch(disk, list(range(1, 8))), write(disk, 0)]) == [OK] * 8
        tags = arguments(disk, Event.TAG)
        assert [sorted(tags[i : i + 8]) for i in (0, 8, 16)] == [list(range(8))] * 3


def test_tag_to_rq_finds_what_is_under_way_and_nothing_else(target: str) -> None:
    with served(Doorbell(), target) as disk:
        assert statuses([*batch(disk, [1, 2, 3]), write(disk, 0)]) == [OK] * 4
        assert sorted(arguments(disk, Event.FOUND)) == sorted(arguments(disk, Event.TAG))


def test_queues_do_not_wait_for_one_another(target: str) -> None:
    with served(Doorbell(nr_queues=2), target) as disk:
        waiting = write(disk, 1, queue=0)
        assert statuses([write(disk, 2, queue=1), write(disk, 0, queue=1)]) == [OK, OK]
        assert not waiting.done()
        assert statuses([write(disk, 0, queue=0), waiting]) == [OK, OK]


def test_disks_on_one_tag_set_get_their_own_requests(target: str) -> None:
    one, other = shared([Reluctant(sector=2), Reluctant(sector=12)], target)
    with one:
        one.quiesce()
        futures = [write(disk, sector) for disk, sector in [(one, 1), (other, 11), (one, 2), (other, 12), (one, 3)]]
        one.unquiesce()
        assert statuses(futures) == [OK] * 5
        assert arguments(one, QUEUE, QUEUE_LAST) == [1, 2, 2, 3]
        assert arguments(other, QUEUE, QUEUE_LAST) == [11, 12, 12]


def test_callbacks_of_disks_on_one_tag_set_go_to_the_requests_disk(target: str) -> None:
    one, other = shared([InSteps(), InSteps(bad_sector=1)], target)
    with one:
        assert statuses([write(one, 1, nr_sectors=2), write(other, 1), write(one, 1)]) == [OK, MEDIUM, OK]
        assert len(arguments(one, Event.COMPLETE)) == 2
        assert len(arguments(other, Event.COMPLETE)) == 1


# --- completion ---------------------------------------------------------------------------------------
def test_complete_is_called_after_rq_complete(target: str) -> None:
    with served(InSteps(), target) as disk:
        assert statuses(batch(disk, [1, 2])) == [OK, OK]
        assert log(disk) == [(QUEUE, 1), (QUEUE_LAST, 2), (Event.COMPLETE, 0), (Event.COMPLETE, 0)]


def test_update_moves_what_is_left_of_a_request(target: str) -> None:
    with served(InSteps(), target) as disk:
        assert status(write(disk, 8, nr_sectors=4)) is OK
        left = [(Event.UPDATE, 1536), (Event.REST, 9), (Event.UPDATE, 1024), (Event.REST, 10), (Event.UPDATE, 512)]
        assert log(disk) == [(QUEUE_LAST, 8), *left, (Event.REST, 11), (Event.COMPLETE, 0)]


def test_an_error_of_a_part_is_the_requests(target: str) -> None:
    with served(InSteps(bad_sector=9), target) as disk:
        assert statuses([write(disk, 8, nr_sectors=4), write(disk, 10)]) == [MEDIUM, OK]


# --- time ---------------------------------------------------------------------------------------------
TIMEOUT_MSEC = 100


def test_a_request_that_does_not_end_times_out(target: str) -> None:
    with served(Doorbell(timeout_msec=TIMEOUT_MSEC), target) as disk:
        begin = time.monotonic_ns()
        assert status(write(disk, 7)) is TIMEOUT
        assert time.monotonic_ns() - begin >= TIMEOUT_MSEC * 1_000_000
        assert arguments(disk, Event.TIMEOUT) == [7]
        assert disk.counters()["nr_timeouts"] == 1


def test_reset_timer_gives_a_request_its_time_again(target: str) -> None:
    with served(Doorbell(timeout_msec=TIMEOUT_MSEC, resets=2), target) as disk:
        begin = time.monotonic_ns()
        assert status(write(disk, 7)) is TIMEOUT
        assert time.monotonic_ns() - begin >= 3 * TIMEOUT_MSEC * 1_000_000
        assert arguments(disk, Event.TIMEOUT) == [7, 7, 7]


@pytest.mark.parametrize("last_word", [LastWord.END, LastWord.COMPLETE])
def test_the_timeout_callback_may_end_the_request(target: str, last_word: LastWord) -> None:
    with served(Doorbell(timeout_msec=TIMEOUT_MSEC, last_word=last_word), target) as disk:
        assert statuses(batch(disk, [7, 8, 9])) == [BlkStatus.TRANSPORT] * 3
        assert disk.counters()["nr_stale_ends"] == 0


# --- removal ------------------------------------------------------------------------------------------
def test_removal_waits_for_requests_that_a_timer_will_end(target: str) -> None:
    with served(NullBlk(size=1, irqmode="TIMER", completion_nsec=50_000_000), target) as disk:
        futures = [disk.submit_read(0, 512) for _ in range(10)]
    assert statuses(futures) == [OK] * 10


def test_removal_ends_what_would_not_end(target: str) -> None:
    with served(Doorbell(queue_depth=2, timeout_msec=TIMEOUT_MSEC), target) as disk:
        futures = batch(disk, [1, 2, 3])
    assert statuses(futures) == [TIMEOUT] * 3


def test_after_removal_nothing_is_accepted(target: str) -> None:
    with served(Clumsy(), target) as disk:
        pass
    with pytest.raises(OSError, match="is gone"):
        write(disk, 1)
