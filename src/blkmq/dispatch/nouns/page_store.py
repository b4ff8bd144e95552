# SPDX-License-Identifier: MIT
"""The verbs of ``PageStore``: reserved address space, a gigabyte at a time, with two bits for each page.

The system gives memory where something is written and takes it back on erase; the address space stays, so
that a reader needs no lock: it sees the page, or zeroes.  One bit says that the page is there; the other is a lock,
under which it comes and goes: its memory is empty by then, so that none of what was erased comes back.
"""

from __future__ import annotations

import ctypes

from blkmq.abi.page import PAGE_SHIFT, PAGE_SIZE
from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.nouns.records import PageStoreRecord
from blkmq.mq.errors import Fault
from blkmq.mq.page_store import NR_PAGES_MAX
from blkmq.native.atomic import atomic_add, atomic_cas, atomic_load, atomic_store, pause, yield_cpu
from blkmq.native.hot import hot, hot_apart
from blkmq.native.memory import Word, give_back_pages, reserve_pages, unreserve_pages, word_at

FAULT_INDEX = int(Fault.INDEX)
CHUNK_SHIFT = 18  #: pages to a chunk
CHUNK_PAGES = 1 << CHUNK_SHIFT
CHUNK_BYTES = CHUNK_PAGES << PAGE_SHIFT
BITMAP_BYTES = CHUNK_PAGES // 8  #: behind the chunk's pages: which are there, and which are locked
CHUNK_AREA = CHUNK_BYTES + 2 * BITMAP_BYTES
NR_CHUNKS = NR_PAGES_MAX >> CHUNK_SHIFT
WORD_BYTES = 8
WORD_SHIFT = 6  #: 64 bits to a word


@hot
def bitmap_word(chunk: int, index: int) -> Word:
    """The word that holds a page's bit; of the other bitmap, with ``chunk + BITMAP_BYTES``."""
    return word_at(chunk + CHUNK_BYTES, (index & (CHUNK_PAGES - 1)) >> WORD_SHIFT)


@hot
def page_address(chunk: int, index: int) -> int:
    return chunk + ((index & (CHUNK_PAGES - 1)) << PAGE_SHIFT)


@hot
def chunk_of(store: PageStoreRecord, index: int) -> int:
    """Address of the chunk that has the page; 0 if there is none yet."""
    chunks = atomic_load(store, "chunks")
    return 0 if chunks == 0 else atomic_load(word_at(chunks, index >> CHUNK_SHIFT), "value")


@hot
def add_chunk(store: PageStoreRecord, index: int) -> int:
    """Makes that chunk, or finds that another thread just did; 0 when there is no address space."""
    while not atomic_cas(store, "lock", 0, 1):
        pause()
    if store.chunks == 0:
        atomic_store(store, "chunks", reserve_pages(NR_CHUNKS * WORD_BYTES))
    chunk = chunk_of(store, index)
    if chunk == 0 and store.chunks != 0:
        chunk = reserve_pages(CHUNK_AREA)
        atomic_store(word_at(store.chunks, index >> CHUNK_SHIFT), "value", chunk)
    atomic_store(store, "lock", 0)
    return chunk


@hot_apart
def page_store_get(call: Call, store: PageStoreRecord, index: int) -> int:
    if index < 0 or index >= NR_PAGES_MAX:
        return fail(call, FAULT_INDEX, index)
    chunk = chunk_of(store, index)
    if chunk == 0 or not is_there(chunk, index):
        return 0
    return page_address(chunk, index)


@hot
def is_there(chunk: int, index: int) -> bool:
    return ((atomic_load(bitmap_word(chunk, index), "value") >> (index & 63)) & 1) == 1


@hot
def flip(bits: Word, index: int) -> None:
    """Sets or clears the page's bit; its neighbours' change meanwhile."""
    while True:
        word = atomic_load(bits, "value")
        if atomic_cas(bits, "value", word, word ^ bit_of(index)):
            return


@hot
def lock_page(chunk: int, index: int) -> None:
    bits = bitmap_word(chunk + BITMAP_BYTES, index)
    while True:
        word = atomic_load(bits, "value")
        if ((word >> (index & 63)) & 1) == 0 and atomic_cas(bits, "value", word, word ^ bit_of(index)):
            return
        yield_cpu()  # to who has it, in the system maybe


@hot
def unlock_page(chunk: int, index: int) -> None:
    flip(bitmap_word(chunk + BITMAP_BYTES, index), index)


@hot_apart
def page_store_get_or_alloc(call: Call, store: PageStoreRecord, index: int) -> int:
    if index < 0 or index >= NR_PAGES_MAX:
        return fail(call, FAULT_INDEX, index)
    chunk = chunk_of(store, index)
    if chunk == 0:
        chunk = add_chunk(store, index)
        if chunk == 0:
            return 0
    if not is_there(chunk, index):
        make_page(store, chunk, index)
    return page_address(chunk, index)


@hot
def make_page(store: PageStoreRecord, chunk: int, index: int) -> None:
    """Makes a page of zeroes, unless another thread just did."""
    lock_page(chunk, index)
    if not is_there(chunk, index):
        if atomic_load(store, "erased") != 0:  # who had the page before may have written to it since
            give_back_pages(page_address(chunk, index), PAGE_SIZE)
        flip(bitmap_word(chunk, index), index)
        atomic_add(store, "nr_pages", 1)
    unlock_page(chunk, index)


@hot_apart
def page_store_erase(call: Call, store: PageStoreRecord, index: int) -> None:
    if index < 0 or index >= NR_PAGES_MAX:
        fail(call, FAULT_INDEX, index)
        return
    chunk = chunk_of(store, index)
    if chunk == 0 or not is_there(chunk, index):
        return
    lock_page(chunk, index)
    if is_there(chunk, index):
        atomic_store(store, "erased", 1)
        flip(bitmap_word(chunk, index), index)
        atomic_add(store, "nr_pages", -1)
        give_back_pages(page_address(chunk, index), PAGE_SIZE)
    unlock_page(chunk, index)


@hot
def bit_of(index: int) -> int:
    """The page's bit in its word, as a signed 64-bit integer."""
    place = index & 63
    return 1 << place if place < 63 else -(1 << 62) * 2


@hot
def page_store_nr_pages(call: Call, store: PageStoreRecord) -> int:
    return atomic_load(store, "nr_pages")


def page_store_destroy(store: PageStoreRecord) -> None:
    """Ends the store, all pages with it; nobody may use it any more.  Python calls it, for compiled drivers too."""
    if store.chunks != 0:
        table = ctypes.string_at(store.chunks, NR_CHUNKS * WORD_BYTES).rstrip(b"\0")
        for i in range((len(table) + WORD_BYTES - 1) // WORD_BYTES):
            chunk = word_at(store.chunks, i).value
            if chunk:
                unreserve_pages(chunk, CHUNK_AREA)
        unreserve_pages(store.chunks, NR_CHUNKS * WORD_BYTES)
        store.chunks = 0
        store.nr_pages = 0
