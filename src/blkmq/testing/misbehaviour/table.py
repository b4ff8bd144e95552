# SPDX-License-Identifier: MIT
"""The table: every misdeed with its outcome on every target.  The tests play it, the documentation shows it.

An error ends its request with IOERR, is counted and reported with file and line.  Where a column has two outcomes, the
first is the interpreted target's, the second that of the compiled ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Any

from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import Fault
from blkmq.mq.operations import Operations
from blkmq.testing.misbehaviour import (
    batches,
    beyond_subset,
    callbacks,
    control,
    files,
    indexes,
    owners,
    silent,
    sleepers,
    values,
)  # fmt: skip
from blkmq.testing.misbehaviour.outcome import Others, Outcome, Row

Outcomes = Outcome | tuple[Outcome, Outcome]


def ends_with(fault: Fault, **more: Any) -> Outcome:
    """The error ends the request."""
    return replace(Outcome(BlkStatus.IOERR, fault, nr_errors=1), **more)


def refused(rule: str) -> Outcome:
    """The front end does not take the driver."""
    return Outcome(rule=rule)


INDEX, VALUE, FUEL, OVERFLOW = (ends_with(f) for f in (Fault.INDEX, Fault.VALUE, Fault.FUEL, Fault.OVERFLOW))
ASSERT, STATE, STALE = (ends_with(f) for f in (Fault.ASSERT, Fault.STATE, Fault.STALE))
STATUS, ABSENT, LOCK, SHIFT = (ends_with(f) for f in (Fault.STATUS, Fault.ABSENT, Fault.LOCK, Fault.SHIFT))
ZERO_DIVISION, DIVISION = ends_with(Fault.ZERO_DIVISION), ends_with(Fault.DIVISION)
NOTHING_HAPPENS = Outcome()
TIMES_OUT = Outcome(BlkStatus.TIMEOUT, nr_timeouts=1)
REMOVED = Outcome(BlkStatus.TIMEOUT, nr_timeouts=1, at_removal=True, after_removal=True)
STALE_END = Outcome(BlkStatus.OK, Fault.STALE, nr_stale_ends=1)
STALE_TIMER = Outcome(nr_stale_timers=1)


def after(outcome: Outcome, status: BlkStatus = BlkStatus.OK) -> Outcome:
    """The error comes when the request has its status already."""
    return replace(outcome, status=status)


def rows(
    driver: type[Operations],
    lines: Iterable[tuple[IntEnum, Outcomes, str] | tuple[IntEnum, Outcomes, str, dict[str, Any]]],
) -> Iterator[Row]:
    for misdeed, outcomes, why, *more in lines:
        interpreted, compiled = outcomes if isinstance(outcomes, tuple) else (outcomes, outcomes)
        yield Row(driver, misdeed, interpreted, compiled, why, **(more[0] if more else {}))


PLACE = indexes.Misdeed
WRONG_PLACES = rows(indexes.Indexes, (
    (PLACE.ARRAY_INDEX_ONE_BEHIND, INDEX, "the element behind an array's last"),
    (PLACE.ARRAY_INDEX_NEGATIVE, INDEX, "a negative index does not count from the end"),
    (PLACE.ARRAY_INDEX_HUGE, INDEX, "2^63-1 as an index"),
    (PLACE.SEGMENT_INDEX_ONE_BEHIND, INDEX, "the byte behind a segment"),
    (PLACE.SEGMENT_INDEX_NEGATIVE, INDEX, "a byte before a segment"),
    (PLACE.SEGMENT_INDEX_HUGE, INDEX, "2^63-1 as a segment's index"),
    (PLACE.PAGE_INDEX_ONE_BEHIND, INDEX, "the byte behind a page"),
    (PLACE.PAGE_INDEX_NEGATIVE, INDEX, "a byte before a page"),
    (PLACE.PAGE_INDEX_HUGE, INDEX, "2^63-1 as a page's index"),
    (PLACE.PAGE_NUMBER_ONE_BEHIND, INDEX, "the page behind the last that a store can have"),
    (PLACE.PAGE_NUMBER_NEGATIVE, INDEX, "a negative page number"),
    (PLACE.PAGE_NUMBER_HUGE, INDEX, "2^63-1 as a page number"),
    (PLACE.COPY_TO_OFFSET_BEHIND_PAGE, INDEX, "a copy to a place behind a page"),
    (PLACE.COPY_FROM_NEGATIVE_OFFSET, INDEX, "a copy from a place before a page"),
    (PLACE.COPY_OF_NEGATIVE_LENGTH, INDEX, "a copy of -1 bytes"),
    (PLACE.ZERO_OF_NEGATIVE_LENGTH, INDEX, "clearing nearly -2^63 bytes"),
    (PLACE.ADVANCE_BEHIND_SEGMENT, INDEX, "stepping over more than a segment has left"),
    (PLACE.ADVANCE_BACKWARDS, INDEX, "stepping back to what has been eaten"),
    (PLACE.PAGE_ZERO_ACROSS_ITS_END, INDEX, "clearing a page and one byte"),
    (PLACE.PAGE_ZERO_AT_HUGE_OFFSET, INDEX, "offset + length would overflow: it is not computed"),
    (PLACE.XARRAY_INDEX_NEGATIVE, INDEX, "a negative XArray index"),
    (PLACE.BAD_RANGE_HUGE, INDEX, "a range of bad sectors that ends behind 2^63-1"),
    (PLACE.TAG_OUT_OF_RANGE, INDEX, "a tag that the tag set does not have"),
    (PLACE.NO_PAGE, ABSENT, "a page that was never written is None"),
    (PLACE.NO_REQUEST, ABSENT, "a field that holds no request"),
    (PLACE.PAGE_BYTE_OF_256, VALUE, "a byte is 0..255"),
    (PLACE.SEGMENT_BYTE_NEGATIVE, VALUE, "a byte is 0..255"),
    (PLACE.XARRAY_VALUE_ZERO, VALUE, "0 is what an XArray has where there is nothing"),
))  # fmt: skip

NUMBER = values.Misdeed
WRAPPED = "compiled code wraps, and the wrapped value is checked where it is used: "
WRONG_NUMBERS = rows(values.Values, (
    (NUMBER.ASSERTION_FAILS, ASSERT, "the driver's own assert"),
    (NUMBER.HELPER_FAILS, ASSERT, "the line is the helper function's"),
    (NUMBER.OVERFLOW_IN_INDEX, (OVERFLOW, INDEX), WRAPPED + "as an index"),
    (NUMBER.OVERFLOW_IN_FIELD, (OVERFLOW, VALUE), WRAPPED + "entering a field"),
    (NUMBER.OVERFLOW_IN_VERB, (OVERFLOW, VALUE), WRAPPED + "by a verb"),
    (NUMBER.OVERFLOW_OF_PRODUCT, (OVERFLOW, VALUE), WRAPPED + "256 is no u8"),
    (NUMBER.OVERFLOW_OF_SHIFT, (OVERFLOW, VALUE), WRAPPED + "-2 is no u64"),
    (NUMBER.OVERFLOW_OF_NEGATION, (OVERFLOW, VALUE), "-(-2^63) is -2^63 when compiled, which is no u64"),
    (NUMBER.OVERFLOW_UNUSED, (OVERFLOW, NOTHING_HAPPENS), "a wrapped value that nobody uses harms nobody"),
    (NUMBER.DIVISION_BY_ZERO, ZERO_DIVISION, "n // 0"),
    (NUMBER.MODULO_BY_ZERO, ZERO_DIVISION, "n % 0"),
    (NUMBER.LEAST_BY_MINUS_ONE, DIVISION, "-2^63 // -1, which stops a CPU"),
    (NUMBER.LEAST_MODULO_MINUS_ONE, DIVISION, "-2^63 % -1, which stops a CPU"),
    (NUMBER.SHIFT_BY_64, SHIFT, "a shift count is 0..63"),
    (NUMBER.SHIFT_BY_MINUS_ONE, SHIFT, "a shift count is 0..63"),
    (NUMBER.STATUS_THAT_IS_NONE, STATUS, "BlkStatus(99)"),
    (NUMBER.RETURNS_STATUS_THAT_IS_NONE, STATUS, "queue_rq returns BlkStatus(99)"),
    (NUMBER.ENUM_THAT_IS_NONE, VALUE, "an enum's number that no member has"),
    (NUMBER.U8_OF_256, VALUE, "256 enters a u8"),
    (NUMBER.S8_OF_MINUS_129, VALUE, "-129 enters an s8"),
    (NUMBER.U32_OF_2_TO_32, VALUE, "2^32 enters a u32"),
    (NUMBER.U64_NEGATIVE, VALUE, "-1 enters a u64"),
    (NUMBER.ELEMENT_TOO_LARGE, VALUE, "256 enters an array of u8"),
    (NUMBER.TIMER_IN_THE_PAST, VALUE, "a timer of -1 ns"),
    (NUMBER.CAPACITY_NEGATIVE, VALUE, "a capacity of -1 sectors"),
    (NUMBER.UPDATE_TOO_MUCH, VALUE, "update() of more than the request has left"),
    (NUMBER.UPDATE_NEGATIVE, VALUE, "update() of -512 bytes"),
    (NUMBER.UPDATE_PART_OF_SECTOR, VALUE, "update() of 100 bytes"),
    (NUMBER.ENDLESS_WHILE, FUEL, "every turn of a loop burns fuel"),
    (NUMBER.ENDLESS_CONTINUE, FUEL, "also the turns that continue"),
    (NUMBER.ENDLESS_FOR, FUEL, "2^63-1 turns"),
    (NUMBER.ENDLESS_SEGMENT, FUEL, "a segment of which nothing is ever eaten"),
    (NUMBER.ERROR_UNDER_LOCK, VALUE, "the lock is released: the next request takes it"),
    (NUMBER.ENDLESS_UNDER_LOCK, FUEL, "the lock is released: the next request takes it"),
    (NUMBER.NINE_LOCKS, LOCK, "a callback holds at most eight"),
))  # fmt: skip

OWNER = owners.Misdeed
OWNERSHIP = rows(owners.Owners, (
    (OWNER.NEVER_STARTS, TIMES_OUT, "queue_rq says OK and forgets the request; blk-mq would lose it"),
    (OWNER.NEVER_ENDS, TIMES_OUT, "the timeout callback has nothing to say"),
    (OWNER.NEVER_COMPLETES, TIMES_OUT, "the complete callback does not end the request"),
    (OWNER.ENDS_TWICE, STALE_END, "the second end is counted, reported and ignored"),
    (OWNER.ENDS_AND_RETURNS_ERROR, STALE_END, "an error returned for an ended request is a second end"),
    (OWNER.ENDS_AND_RETURNS_RESOURCE, STALE_END, "what has ended cannot come again"),
    (OWNER.ENDS_BEFORE_START, STATE, "end without start"),
    (OWNER.STARTS_TWICE, STATE, "start of a started request"),
    (OWNER.COMPLETES_BEFORE_START, STATE, "complete without start"),
    (OWNER.COMPLETES_TWICE, STATE, "complete of a completed request"),
    (OWNER.COMPLETES_AND_ENDS, STATE, "a completed request waits for its callback, and ends behind it with the error"),
    (OWNER.COMPLETES_AND_FAILS, ASSERT, "a completed request waits for its callback, and ends behind it with the error"),
    (OWNER.COMPLETES_AND_REQUEUES, STATE, "a completed request waits for its callback, and ends behind it with the error"),
    (OWNER.REQUEUES_BEFORE_START, STATE, "requeue without start"),
    (OWNER.REQUEUES_AND_ENDS, STALE_END, "a requeued request is a new handle: it comes again, and ends well"),
    (OWNER.REQUEUES_AND_USES, after(STALE), "a requeued request is a new handle: it comes again, and ends well"),
    (OWNER.REQUEUES_AND_FAILS, after(ASSERT), "the error does not end the request's next life"),
    (OWNER.READS_AFTER_END, after(STALE), "a field of an ended request"),
    (OWNER.WRITES_PDU_AFTER_END, after(STALE), "the Pdu of an ended request"),
    (OWNER.LOOPS_AFTER_END, after(STALE), "the segments of an ended request"),
    (OWNER.ENDS_WITHIN_LOOP, after(STALE), "the request ends while the driver goes over its segments"),
    (OWNER.COPIES_AFTER_END, after(STALE), "a segment that the driver has in hand while its request ends"),
    (OWNER.STARTS_AFTER_END, after(STALE), "start of an ended request"),
    (OWNER.COMPLETES_AFTER_END, after(STALE), "complete of an ended request"),
    (OWNER.REQUEUES_AFTER_END, after(STALE), "requeue of an ended request"),
    (OWNER.UPDATES_AFTER_END, after(STALE), "update of an ended request"),
    (OWNER.ARMS_TIMER_AFTER_END, after(STALE), "a timer for an ended request is not armed"),
    (OWNER.QUEUES_WORK_AFTER_END, after(STALE), "work for an ended request is not queued"),
    (OWNER.ENDS_KEPT_HANDLE, STALE_END, "the tag is another's now, which is not touched"),
    (OWNER.READS_KEPT_HANDLE, STALE, "the tag is another's now"),
    (OWNER.COPIES_KEPT_HANDLE, STALE, "the tag is another's now"),
    (OWNER.STARTS_KEPT_HANDLE, STALE, "the tag is another's now, whose time does not start anew"),
    (OWNER.UPDATES_KEPT_HANDLE, STALE, "the tag is another's now, of which nothing is done"),
    (OWNER.ENDS_KEPT_HANDLE_OF_TIMED_OUT, replace(STALE_END, nr_timeouts=1), "the tag of a request that has timed out",
     {"prepared": BlkStatus.TIMEOUT}),
    (OWNER.ARMS_TIMER_AND_FAILS, replace(ASSERT, nr_stale_timers=1), "the armed timer is not called any more"),
    (OWNER.TIMER_ON_DEAD_REQUEST, STALE_TIMER, "an armed timer is not called for a request that has ended"),
    (OWNER.WORK_FOR_DEAD_REQUEST, STALE_TIMER, "queued work is not called for a request that has ended"),
    (OWNER.LISTS_TWICE, STALE_END, "one request twice on a list: the second end is stale"),
    (OWNER.LISTS_AFTER_END, STALE_END, "a list keeps handles, of ended requests too"),
    (OWNER.LISTS_TOO_MANY, INDEX, "a list holds as many as there are tags"),
    (OWNER.LIST_IS_EMPTY, ABSENT, "an empty list pops None"),
))  # fmt: skip

CALLBACK = callbacks.Misdeed
WAITS = {"others": Others.WAIT_ON_QUEUE}
CALLBACKS = rows(callbacks.Callbacks, (
    (CALLBACK.ERROR_IN_TIMER, ASSERT, "a timer's callback is for its request"),
    (CALLBACK.ERROR_IN_DISK_TIMER, after(ASSERT), "a disk's timer has no request that could end: counted and reported"),
    (CALLBACK.TIMER_FOR_EVER, NOTHING_HAPPENS, "a timer that arms itself at once, again and again"),
    (CALLBACK.ERROR_IN_WORK, ASSERT, "work is for its request"),
    (CALLBACK.ERROR_IN_DISK_WORK, after(ASSERT), "a disk's work has no request that could end: counted and reported"),
    (CALLBACK.WORK_FOR_EVER, NOTHING_HAPPENS, "work that queues itself, again and again"),
    (CALLBACK.ERROR_IN_COMPLETE, ASSERT, "the complete callback is for its request"),
    (CALLBACK.ERROR_IN_TIMEOUT, replace(ASSERT, nr_timeouts=1), "the error ends the request, as everywhere"),
    (CALLBACK.BAD_TIMEOUT_ANSWER, replace(VALUE, nr_timeouts=1), "BlkEhTimerReturn(2)"),
    (CALLBACK.ENDS_IN_TIMEOUT, replace(STALE_END, status=BlkStatus.MEDIUM, nr_timeouts=1), "ended twice, by the timeout callback"),
    (CALLBACK.ERROR_IN_CLEANUP_RQ, replace(ASSERT, status=BlkStatus.TIMEOUT, nr_timeouts=1), "counted and reported"),
    (CALLBACK.ENDS_IN_CLEANUP_RQ, after(TIMES_OUT, BlkStatus.MEDIUM), "the driver's own end comes first"),
    (CALLBACK.ERROR_IN_COMMIT_RQS, after(ASSERT), "commit_rqs has no request that could end: counted and reported"),
    (CALLBACK.RESETS_TIMER_FOR_EVER, REMOVED, "the driver may wait as long as it likes, but not while the disk goes"),
    (CALLBACK.REQUEUES_FOR_EVER, REMOVED, "the request comes again and again, until the disk goes"),
    (CALLBACK.REQUEUES_FOR_EVER_UNKICKED, REMOVED, "the request comes again and again, until the disk goes"),
    (CALLBACK.RESOURCE_FOR_EVER, REMOVED, "asked again every 3 ms, as in blk-mq, with the queue behind it, until the disk goes", WAITS),
    (CALLBACK.DEV_RESOURCE_FOR_EVER, REMOVED, "asked again every 3 ms, with the queue behind it, until the disk goes", WAITS),
))  # fmt: skip

SLEEPER = sleepers.Misdeed
LOOSE = {"is_ordered": False}
SLEEPERS = rows(sleepers.Sleepers, (
    (SLEEPER.SLEEPS_WITHOUT_LEAVE, ends_with(Fault.SLEEP), "a Mutex, and configure has not set BLK_MQ_F_BLOCKING"),
    (SLEEPER.SLEEPER_FAILS, ASSERT, "queue_rq on a thread of its own", LOOSE),
    (SLEEPER.SLEEPER_FAILS_UNDER_MUTEX, ASSERT, "the mutex is released", LOOSE),
    (SLEEPER.SLEEPER_ENDS_TWICE, STALE_END, "the second end is counted, reported and ignored", LOOSE),
    (SLEEPER.SLEEPER_NEVER_ENDS, TIMES_OUT, "as if it did not sleep", LOOSE),
    (SLEEPER.SLEEPER_RETURNS_ERROR_LATE, STALE_END, "an error returned for an ended request is a second end", LOOSE),
    (SLEEPER.SLEEPER_IS_BUSY_FOR_EVER, REMOVED, "asked again every 3 ms, until the disk goes", WAITS | LOOSE),
))  # fmt: skip

SILENCE = rows(silent.Silent, (
    (silent.Misdeed.NEVER_ENDS_WITHOUT_CALLBACK, TIMES_OUT, "a driver without a timeout callback"),
))  # fmt: skip

FILE = files.Misdeed
FILES = rows(files.Files, (
    (FILE.FILE_GETS_REQUEST_TWICE, STATE, "a request is with a file once at a time"),
    (FILE.FILE_GETS_REQUEST_UNSTARTED, STATE, "a file gets started requests only"),
    (FILE.FILE_GETS_ENDED_REQUEST, after(STALE), "a file does not get a request that has ended"),
    (FILE.FILE_IS_NOT_OPEN, ABSENT, "a BackingFile that configure did not open"),
    (FILE.FILE_POSITION_NEGATIVE, INDEX, "position -1"),
    (FILE.FILE_POSITION_HUGE, after(NOTHING_HAPPENS, BlkStatus.INVAL), "position 2^63-1: the kernel refuses it"),
    (FILE.READS_BEHIND_FILE, after(NOTHING_HAPPENS, BlkStatus.IOERR), "there is no data behind the file's end"),
    (FILE.WRITES_READ_ONLY_FILE, after(NOTHING_HAPPENS, BlkStatus.IOERR), "a file that was opened for reading only"),
    (FILE.ENDS_WHAT_FILE_HAS, after(NOTHING_HAPPENS, BlkStatus.MEDIUM), "the status is the driver's; nobody gets the data's memory before the file has done"),
    (FILE.COMPLETES_WHAT_FILE_HAS, NOTHING_HAPPENS, "whoever ends it first has ended it"),
    (FILE.REQUEUES_WHAT_FILE_HAS, NOTHING_HAPPENS, "it comes again as a new handle, which the file does not end"),
    (FILE.FAILS_WITH_WHAT_FILE_HAS, ASSERT, "the error ends it; nobody gets the data's memory before the file has done"),
    (FILE.OPENS_TWICE, Outcome(raises=True, text="is open already"), "serve() raises, and the file is closed"),
))  # fmt: skip

LIST, BUDGET, POLL = batches.Lists.Misdeed, batches.Budgets.Misdeed, batches.Polls.Misdeed
BATCHES = (
    *rows(batches.Lists, (
        (LIST.LIST_KEEPS_REQUEST, TIMES_OUT, "queue_rqs takes a request off the list and forgets it"),
        (LIST.LIST_FORGETS_STARTED, TIMES_OUT, "queue_rqs starts a request and forgets it"),
        (LIST.LIST_GETS_REQUEST_TWICE, NOTHING_HAPPENS, "the request is issued once"),
        (LIST.LIST_GETS_ENDED_REQUEST, NOTHING_HAPPENS, "an ended request on the list is not issued"),
        (LIST.LIST_GETS_STARTED_REQUEST, TIMES_OUT, "a started request on the list is the driver's"),
        (LIST.LIST_CALLBACK_FAILS, after(ASSERT), "counted and reported; what is on the list goes through queue_rq"),
        (LIST.LIST_ENDS_IDLE_REQUEST, replace(STATE, status=BlkStatus.TIMEOUT, nr_timeouts=1),
         "queue_rqs has no request that could end: counted and reported; the one that it took off the list times out"),
    )),
    *rows(batches.Budgets, (
        (BUDGET.BUDGET_NEVER_GIVEN, REMOVED, "asked again every 3 ms, until the disk goes", {"others": Others.WAIT}),
        (BUDGET.BUDGET_CALLBACK_FAILS, after(ASSERT), "counts as no budget: asked again"),
        (BUDGET.BUDGET_TOKEN_FAILS, ASSERT, "set_rq_budget_token is for its request"),
        (BUDGET.BUDGET_RETURN_FAILS, after(ASSERT), "put_budget has no request that could end: counted and reported"),
    )),
    *rows(batches.Polls, (
        (POLL.POLL_FAILS, after(ASSERT), "poll has no request that could end: counted and reported", {"queue": 2}),
        (POLL.POLL_ENDS_TWICE, STALE_END, "one request twice in a batch", {"queue": 2}),
        (POLL.POLL_NEVER_FINDS, TIMES_OUT, "a request that poll never finds", {"queue": 2}),
    )),
)  # fmt: skip

STAGE = control.Misdeed
FAILS = Outcome(fault=Fault.ASSERT, raises=True)
COUNTED = Outcome(fault=Fault.ASSERT, nr_errors=1, after_removal=True)
CONTROL = rows(control.Control, (
    (STAGE.ERROR_IN_CONFIGURE, FAILS, "serve() raises with file and line"),
    (STAGE.CONFIGURE_REFUSES, Outcome(raises=True, text="configure = 'EINVAL'"), "serve() raises what configure returned"),
    (STAGE.ENDLESS_CONFIGURE, replace(FAILS, fault=Fault.FUEL), "a control callback has more fuel, not endless fuel"),
    (STAGE.ERROR_IN_MAP_QUEUES, FAILS, "serve() raises with file and line"),
    (STAGE.ERROR_IN_INIT_HCTX, FAILS, "serve() raises, and exit_hctx undoes the queues before"),
    (STAGE.ERROR_IN_INIT_REQUEST, FAILS, "serve() raises, and exit_request undoes the requests before"),
    (STAGE.INIT_REQUEST_REFUSES, Outcome(raises=True, text="init_request = 'ENOMEM'"), "serve() raises what init_request returned"),
    (STAGE.ERROR_IN_OPEN, FAILS, "serve() raises, and everything is undone"),
    (STAGE.OPEN_REFUSES, Outcome(raises=True, text="open = 'ENXIO'"), "serve() raises what open returned"),
    (STAGE.ERROR_IN_RELEASE, COUNTED, "the disk goes all the same"),
    (STAGE.ERROR_IN_EXIT_REQUEST, COUNTED, "the disk goes all the same"),
    (STAGE.ERROR_IN_EXIT_HCTX, replace(COUNTED, nr_errors=2), "the disk goes all the same; locks are released"),
))  # fmt: skip

PYTHON = beyond_subset.Misdeed
LOCKING = beyond_subset.Locks.Misdeed


def raised(text: str, rule: str) -> Outcomes:
    """A Python exception, which only the interpreted target can have."""
    return ends_with(Fault.PYTHON, text=text), refused(rule)


BEYOND_SUBSET = (
    *rows(beyond_subset.BeyondSubset, (
        (PYTHON.RAISES, raised("ValueError: no such cylinder", "raise"), "an exception of the driver's own"),
        (PYTHON.KEY_ERROR, raised("KeyError: 'cylinder'", "subscript"), "an exception of Python's"),
        (PYTHON.UNKNOWN_NAME, raised("NameError: name 'CYLINDER' is not defined", "name"), "a name that only type checkers know"),
        (PYTHON.UNKNOWN_FIELD, raised("Pdu has no field cylinder", "field"), "a field that was not annotated"),
        (PYTHON.ASSIGNS_REQUEST, raised("AttributeError", "read-only"), "a request's own fields are only read"),
        (PYTHON.RECURSES, raised("RecursionError", "recursion"), "endless recursion"),
        (PYTHON.EXITS_PYTHON, raised("SystemExit: enough", "call"), "sys.exit() ends the request, not the thread of the queue"),
        (PYTHON.ERROR_WITHOUT_TEXT, raised("SilentError", "raise"), "an exception whose own str() raises"),
        (PYTHON.RETURNS_NOTHING, (STATUS, refused("return-type")), "queue_rq returns None"),
        (PYTHON.RETURNS_TEXT, (STATUS, refused("constant")), "queue_rq returns a str"),
        (PYTHON.RETURNS_NUMBER, (STATUS, refused("return-type")), "queue_rq returns 77"),
        (PYTHON.ENDS_WITH_NUMBER, (STATUS, refused("argument-type")), "rq.end(77)"),
        (PYTHON.ENDS_WITH_TEXT, raised("", "constant"), "rq.end('anything')"),
        (PYTHON.INDEXES_BY_TEXT, raised("TypeError", "constant"), "segment['anything']"),
        (PYTHON.COPIES_TO_NO_PAGE, raised("AttributeError", "constant"), "a copy to a str; the request is not left pinned"),
        (PYTHON.COPIES_AT_FRACTION, raised("TypeError", "call"), "a copy to offset 0.5; the request is not left pinned"),
        (PYTHON.SETS_BYTE_TO_FRACTION, raised("TypeError", "constant"), "segment[0] = 0.5; the request is not left pinned"),
        (PYTHON.ZEROES_FRACTION, raised("TypeError", "constant"), "clearing 0.5 bytes; the request is not left pinned"),
        (PYTHON.TIMER_OF_FRACTION, raised("TypeError", "constant"), "a timer of 0.5 ns; the queue's timers are not left locked"),
        (PYTHON.CAPACITY_OF_FRACTION, (VALUE, refused("constant")), "a capacity of 0.5 sectors"),
        (PYTHON.FIELD_OF_TEXT, (VALUE, refused("constant")), "a str enters a u64"),
        (PYTHON.KEEPS_LOCK, (LOCK, refused("verb")), "a lock taken without with is released all the same"),
    )),
    *rows(beyond_subset.Locks, (
        (LOCKING.SAME_LOCK_TWICE, (LOCK, refused("lock-twice")), "not a deadlock, but an error"),
        (LOCKING.LOCKS_IN_TWO_ORDERS, (LOCK, refused("lock-order")), "which could become a deadlock"),
        (LOCKING.LOCKS_IN_A_CIRCLE, (LOCK, refused("lock-order")), "red, green; green, blue; blue, red"),
        (LOCKING.SLEEPS_IN_ATOMIC_CONTEXT, (ends_with(Fault.SLEEP), refused("may-sleep")), "queue_rq may not sleep"),
        (LOCKING.SLEEPS_UNDER_SPIN_LOCK, (ends_with(Fault.SLEEP), refused("sleep-in-spinlock")), "who holds a spin lock may not sleep"),
    )),
)  # fmt: skip

TABLE: dict[str, tuple[Row, ...]] = {
    "Wrong places": tuple(WRONG_PLACES),
    "Wrong numbers": tuple(WRONG_NUMBERS),
    "Requests after and before their time": (*OWNERSHIP, *SILENCE),
    "Other callbacks": tuple(CALLBACKS),
    "Drivers that sleep": tuple(SLEEPERS),
    "Requests that are with a file": tuple(FILES),
    "Lists, budgets, polling": BATCHES,
    "Making and taking down a disk": tuple(CONTROL),
    "What only Python can do": BEYOND_SUBSET,
}

ROWS: tuple[Row, ...] = tuple(row for section in TABLE.values() for row in section)
