# SPDX-License-Identifier: MIT
"""What is compiled apart: nothing that runs calls a file that nobody loads, and calls mean what they mean in Python."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from blkmq.compiler.frontend.translate import translate
from blkmq.compiler.numba.apart import group_text
from blkmq.compiler.numba.build import APART_TYPE, load_apart, load_code
from blkmq.compiler.numba.printer import print_numba, verbs_of
from blkmq.dispatch import engine
from blkmq.dispatch.call import Call
from blkmq.dispatch.file_worker import serve_files
from blkmq.dispatch.hctx import serve
from blkmq.dispatch.nouns.page_store import page_store_destroy, page_store_get, page_store_get_or_alloc
from blkmq.dispatch.nouns.records import PageStoreRecord
from blkmq.dispatch.timeout import expire_requests
from blkmq.dispatch.worker import serve_works
from blkmq.drivers.ramdisk import RamDisk
from blkmq.mq.errors import Fault
from blkmq.native.hot import APART, APART_ARGUMENTS, Apart
from blkmq.transport.in_process.generator import generate


@pytest.mark.parametrize(
    "loop", [serve, serve_works, serve_files, expire_requests, generate], ids=lambda loop: str(loop.__name__)
)
def test_the_engine_loads_what_its_loops_call(loop: Callable[..., Any]) -> None:
    called = set(load_code(loop.__name__, engine.loop_text(loop)).calls)
    of_nouns = {f"blkmq.dispatch.nouns.{name}" for name in ("hr_timer", "backing_file")}
    assert called
    assert called <= {*engine.APART, *engine.APART_FOR_SLOT.values(), *of_nouns}


def test_a_driver_knows_what_its_verbs_call() -> None:
    text = print_numba(translate(RamDisk))
    assert {"page_store_get", "request_end"} < set(verbs_of(text))
    assert load_code("ram_disk", text).calls == (
        "blkmq.dispatch.nouns.page_store",
        "blkmq.dispatch.ownership",
        "blkmq.dispatch.request_verbs",
    )


@pytest.mark.parametrize("group", APART.values(), ids=APART)
def test_arguments_are_words(group: Apart) -> None:
    for function in group.functions:
        assert function.__code__.co_argcount <= APART_ARGUMENTS
    compile(group_text(group), group.module, "exec")


def test_a_call_through_the_cell_means_what_python_means() -> None:
    group = APART[page_store_get.__module__]
    entry = APART_TYPE(load_apart(group.module).addresses["entry"])
    call, store = Call(), PageStoreRecord()

    def compiled(function: Callable[..., Any], index: int) -> int:
        words = [ctypes.addressof(call), ctypes.addressof(store), index] + [0] * (APART_ARGUMENTS - 3)
        return int(entry(group.functions.index(function), *words))

    assert compiled(page_store_get, 5) == page_store_get(call, store, 5) == 0
    assert compiled(page_store_get_or_alloc, 5) == page_store_get_or_alloc(call, store, 5) != 0
    assert store.nr_pages == 1
    assert call.error == 0
    assert compiled(page_store_get, -1) == 0
    assert call.error == Fault.INDEX
    page_store_destroy(store)
