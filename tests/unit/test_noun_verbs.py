# SPDX-License-Identifier: MIT
"""The compiled nouns' verbs, run as plain Python over their records, beside the nouns of ``blkmq.mq``.

What Numba makes of the same text is compared in ``tests/equivalence``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blkmq.dispatch.call import Call
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.nouns.bad_blocks import (
    bad_blocks_clear,
    bad_blocks_destroy,
    bad_blocks_first_bad,
    bad_blocks_set,
)
from blkmq.dispatch.nouns.hr_timer import hr_timer_cancel, hr_timer_start, timer_at
from blkmq.dispatch.nouns.lock import mutex_enter, release_held, spin_lock_enter, spin_lock_exit
from blkmq.dispatch.nouns.page_store import (
    page_store_destroy,
    page_store_erase,
    page_store_get,
    page_store_get_or_alloc,
    page_store_nr_pages,
)
from blkmq.dispatch.nouns.records import (
    BadBlocksRecord,
    HrTimerRecord,
    PageStoreRecord,
    SpinLockRecord,
    XArrayRecord,
)
from blkmq.dispatch.nouns.xarray import xarray_destroy, xarray_erase, xarray_load, xarray_store
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.mq.bad_blocks import NR_RANGES_MAX, BadBlocks
from blkmq.mq.errno import Errno
from blkmq.mq.errors import Fault
from blkmq.mq.integer import S64_MAX
from blkmq.mq.page_store import NR_PAGES_MAX
from blkmq.mq.xarray import XArray
from blkmq.native.memory import byte_at, word_at

INDEXES = st.one_of(st.integers(0, 300), st.integers(0, S64_MAX), st.sampled_from([0, 63, 64, 4095, 4096, S64_MAX]))


@pytest.fixture
def call() -> Call:
    call = Call()
    call.fuel = 1 << 20
    call.id = 1
    return call


# --- XArray ------------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.sampled_from(["store", "erase", "load"]), INDEXES, st.integers(1, (1 << 62) - 1))))
def test_xarray_is_the_noun(steps: list[tuple[str, int, int]]) -> None:
    call, array, model = Call(), XArrayRecord(), XArray()
    for verb, index, value in steps:
        if verb == "store":
            assert xarray_store(call, array, index, value) == model.store(index, value)
        elif verb == "erase":
            assert xarray_erase(call, array, index) == model.erase(index)
        assert xarray_load(call, array, index) == model.load(index)
    xarray_destroy(array)
    assert array.root == 0
    assert call.error == Fault.NONE


@pytest.mark.parametrize(
    ("index", "value", "fault"), [(-1, 1, Fault.INDEX), (0, 0, Fault.VALUE), (0, 1 << 62, Fault.VALUE)]
)
def test_xarray_refuses_what_the_noun_refuses(call: Call, index: int, value: int, fault: Fault) -> None:
    xarray_store(call, XArrayRecord(), index, value)
    assert call.error == fault


# --- BadBlocks ---------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 120), st.integers(0, 20)), max_size=60))
def test_bad_blocks_are_the_noun(steps: list[tuple[bool, int, int]]) -> None:
    call, bad, model = Call(), BadBlocksRecord(), BadBlocks()
    marked: set[int] = set()
    for is_set, sector, nr_sectors in steps:
        sectors = range(sector, sector + nr_sectors)
        if is_set:
            assert bad_blocks_set(call, bad, sector, nr_sectors) == model.set(sector, nr_sectors) == Errno.OK
            marked.update(sectors)
        else:
            assert bad_blocks_clear(call, bad, sector, nr_sectors) == model.clear(sector, nr_sectors) == Errno.OK
            marked.difference_update(sectors)
        for first, length in ((0, 200), (sector, 7), (50, 1)):
            expected = min((s for s in range(first, first + length) if s in marked), default=-1)
            assert bad_blocks_first_bad(call, bad, first, length) == expected
            assert model.first_bad(first, length) == expected
    bad_blocks_destroy(bad)


def test_bad_blocks_are_as_many_as_fit_and_no_more(call: Call) -> None:
    bad, model = BadBlocksRecord(), BadBlocks()
    for i in range(NR_RANGES_MAX):
        assert bad_blocks_set(call, bad, 4 * i, 2) == model.set(4 * i, 2) == Errno.OK
    assert bad_blocks_set(call, bad, 1 << 20, 1) == model.set(1 << 20, 1) == Errno.ENOSPC
    # One that joins two ranges needs no room.
    assert bad_blocks_set(call, bad, 2, 2) == model.set(2, 2) == Errno.OK
    assert bad_blocks_first_bad(call, bad, 0, 100) == model.first_bad(0, 100) == 0
    bad_blocks_destroy(bad)


# --- PageStore ---------------------------------------------------------------------------------------------
@pytest.fixture
def store() -> Iterator[PageStoreRecord]:
    store = PageStoreRecord()
    yield store
    page_store_destroy(store)


def test_page_store_is_sparse_and_gives_back(call: Call, store: PageStoreRecord) -> None:
    assert page_store_get(call, store, 5) == 0
    for index in (0, 5, 63, 64, (1 << 18) - 1, 1 << 18, NR_PAGES_MAX - 1):
        page = page_store_get_or_alloc(call, store, index)
        byte_at(page, 4095).value = index & 0xFF
        assert page_store_get(call, store, index) == page == page_store_get_or_alloc(call, store, index)
    assert page_store_nr_pages(call, store) == 7
    page = page_store_get(call, store, 63)
    page_store_erase(call, store, 63)
    page_store_erase(call, store, 63)
    assert page_store_get(call, store, 63) == 0
    assert byte_at(page, 4095).value == 0  # still mapped, reads as zeroes: a reader cannot fault
    assert page_store_nr_pages(call, store) == 6
    assert call.error == Fault.NONE


@pytest.mark.parametrize("index", [-1, NR_PAGES_MAX, S64_MAX])
@pytest.mark.parametrize("verb", [page_store_get, page_store_get_or_alloc, page_store_erase])
def test_page_store_refuses_numbers_outside(call: Call, store: PageStoreRecord, verb: object, index: int) -> None:
    verb(call, store, index)  # type: ignore[operator]
    assert call.error == Fault.INDEX


# --- HrTimer ---------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.integers(0, 15), st.integers(-1, 10_000_000_000)), max_size=80))
def test_timer_heap_gives_the_earliest_first(steps: list[tuple[int, int]]) -> None:
    tag_set, queue, timers = TagSetRecord(), HwQueueRecord(), [HrTimerRecord() for _ in range(16)]
    heap = (ctypes.c_int64 * 16)()
    queue.timers = ctypes.addressof(heap)
    queue.next_timer_nsec = S64_MAX
    tag_set.queues = ctypes.addressof(queue)
    call = Call()
    call.set_address = ctypes.addressof(tag_set)
    armed = set()
    for number, nsec in steps:
        if nsec < 0:
            assert hr_timer_cancel(call, timers[number]) == (number in armed)
            armed.discard(number)
        else:
            hr_timer_start(call, timers[number], nsec, 0, 24)
            armed.add(number)
        expiries = [timer_at(word_at(queue.timers, i).value, 0).expires_nsec for i in range(queue.nr_timers)]
        assert len(expiries) == len(armed)
        assert sorted(expiries) == sorted(timers[i].expires_nsec for i in armed)
        assert queue.next_timer_nsec == min(expiries, default=S64_MAX)
        for i in range(1, len(expiries)):
            assert expiries[(i - 1) // 2] <= expiries[i]
    assert call.error == Fault.NONE


# --- locks -------------------------------------------------------------------------------------------------
def test_a_lock_is_taken_once_and_released_for_a_callback_that_broke_off(call: Call) -> None:
    lock, other = SpinLockRecord(), SpinLockRecord()
    spin_lock_enter(call, lock)
    spin_lock_enter(call, other)
    spin_lock_enter(call, lock)
    assert call.error == Fault.LOCK
    release_held(call)
    assert (lock.owner, other.owner, call.nr_held, call.nr_spinning) == (0, 0, 0, 0)
    call.error = 0
    spin_lock_enter(call, lock)
    spin_lock_exit(call, lock)
    assert (call.error, lock.owner, call.nr_held) == (0, 0, 0)


def test_a_mutex_is_refused_where_nothing_may_sleep(call: Call) -> None:
    mutex_enter(call, SpinLockRecord())
    assert call.error == Fault.SLEEP
