# SPDX-License-Identifier: MIT
"""Making a page against erasing it, with real threads, interpreted and compiled; ``standin/threads.c`` does it in C."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from blkmq.compiler.numba.build import load_code
from blkmq.dispatch.call import Call
from blkmq.dispatch.nouns.page_store import page_store_destroy
from blkmq.dispatch.nouns.records import PageStoreRecord
from blkmq.mq.page_store import PageStore
from blkmq.native.memory import Word

NR_ROUNDS = 20_000
NR_INTERPRETED_ROUNDS = 300
RACE = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 5)
RACE_TEXT = '''"""Two threads at one page of a store."""
from numba import cfunc, int64
from blkmq.dispatch.call import call_at
from blkmq.dispatch.nouns.page import page_getitem, page_setitem
from blkmq.dispatch.nouns.page_store import page_store_erase, page_store_get, page_store_get_or_alloc
from blkmq.dispatch.nouns.records import PageStoreRecord
from blkmq.native.atomic import atomic_add, atomic_load, pause, yield_cpu
from blkmq.native.hot import JIT_OPTIONS, enable, hot
from blkmq.native.memory import Word, word_at
from blkmq.native.record import accessor

NR_MAKES, NR_DELAYS = 20, 500

store_at = accessor(PageStoreRecord)


@hot
def meet(met: Word) -> None:
    """Both go on at the same moment."""
    both = (atomic_add(met, "value", 1) // 2 + 1) * 2
    turns = 0
    while atomic_load(met, "value") < both:
        turns += 1
        if turns % 1000 == 0:
            yield_cpu()


enable()


@cfunc(int64(int64, int64, int64, int64, int64), **JIT_OPTIONS)
def race(call_address, store_address, met_address, erases, nr_rounds):
    call = call_at(call_address, 0)
    store = store_at(store_address, 0)
    met = word_at(met_address, 0)
    nr_wrong = 0
    for number in range(nr_rounds):
        meet(met)
        if erases == 0:
            for _ in range(NR_MAKES):
                page_setitem(call, page_store_get_or_alloc(call, store, 6), 100, 3)
        else:
            for _ in range(number % NR_DELAYS):
                pause()
            page_store_erase(call, store, 6)
        meet(met)
        if erases == 1:
            wanted = 3
            if page_store_get(call, store, 6) == 0:
                wanted = 0
            nr_wrong += page_getitem(call, page_store_get_or_alloc(call, store, 6), 100) != wanted
            if wanted == 3:
                page_store_erase(call, store, 6)
    return nr_wrong
'''


def in_two_threads(work: Callable[[int], int]) -> int:
    """The sum of what ``work(0)`` and ``work(1)`` return."""
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(work, (0, 1)))


def test_a_compiled_page_that_is_made_while_it_is_erased_is_lost_or_kept_as_a_whole() -> None:
    race = RACE(load_code("page_store_race", RACE_TEXT).addresses["race"])
    calls, store, met = (Call(), Call()), PageStoreRecord(), Word()
    for call in calls:
        call.fuel = 1 << 20
    shared = ctypes.addressof(store), ctypes.addressof(met)
    try:
        assert in_two_threads(lambda who: race(ctypes.addressof(calls[who]), *shared, who, NR_ROUNDS)) == 0
    finally:
        page_store_destroy(store)


def test_an_interpreted_page_that_is_made_while_it_is_erased_is_lost_or_kept_as_a_whole() -> None:
    store, meeting = PageStore(), threading.Barrier(2)

    def race(erases: int) -> int:
        nr_wrong = 0
        for _ in range(NR_INTERPRETED_ROUNDS):
            meeting.wait()
            page = None if erases else store.get_or_alloc(6)
            if page is None:
                store.erase(6)
            else:
                page[100] = 3
            meeting.wait()
            if erases:
                wanted = 0 if store.get(6) is None else 3
                made = store.get_or_alloc(6)
                assert made is not None
                nr_wrong += made[100] != wanted
                if wanted:
                    store.erase(6)
        return nr_wrong

    assert in_two_threads(race) == 0
