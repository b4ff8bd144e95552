# SPDX-License-Identifier: MIT
"""The records and numbers that the C stand-in shares with the Numba engine, printed as ``blkmq_layout.h``.

Printed from the Python that they come from whenever a driver is built, so that the two cannot differ.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache

from blkmq.abi.block_blk import BLK_DEV_MAX_SECTORS
from blkmq.abi.page import PAGE_SHIFT, PAGE_SIZE
from blkmq.dispatch import file_io, ownership
from blkmq.dispatch.call import NR_HELD_MAX, Call
from blkmq.dispatch.file_io import FileIoRecord
from blkmq.dispatch.file_queue import FileQueueRecord
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.nouns import backing_file, page_store, xarray
from blkmq.dispatch.nouns.records import NOUN_RECORDS
from blkmq.dispatch.nouns.segment import BYTES_PER_FUEL
from blkmq.dispatch.request import GENERATION_SHIFT, INDEX_MASK, RequestRecord, SegmentRecord
from blkmq.dispatch.request_verbs import STATUS_MAX, VALID_STATUSES
from blkmq.dispatch.tag_set import NR_REPORTS, DiskRecord, ReportRecord, TagSetRecord
from blkmq.dispatch.views import GeometryView, LimitsView, TagSetView, UniqueIdView
from blkmq.mq.bad_blocks import NR_RANGES_MAX
from blkmq.mq.errno import Errno
from blkmq.mq.page_store import NR_PAGES_MAX
from blkmq.native.record import c_struct

#: Struct names, without their prefix ``blkmq_``.
RECORDS: dict[str, type[ctypes.Structure]] = {
    "call": Call,
    "set": TagSetRecord,
    "hw_queue": HwQueueRecord,
    "request": RequestRecord,
    "piece": SegmentRecord,
    "disk": DiskRecord,
    "file_queue": FileQueueRecord,
    "file_io": FileIoRecord,
    "report": ReportRecord,
    "tag_set": TagSetView,
    "limits": LimitsView,
    "geometry": GeometryView,
    "unique_id": UniqueIdView,
}

NUMBERS: dict[str, int] = {
    "PAGE_SHIFT": PAGE_SHIFT,
    "PAGE_SIZE": PAGE_SIZE,
    "BYTES_PER_FUEL": BYTES_PER_FUEL,
    "NR_HELD_MAX": NR_HELD_MAX,
    "NR_REPORTS": NR_REPORTS,
    "DEV_MAX_SECTORS": BLK_DEV_MAX_SECTORS,
    "ENOMEM": Errno.ENOMEM,
    "ENOSPC": Errno.ENOSPC,
    "INDEX_MASK": INDEX_MASK,
    "GENERATION_SHIFT": GENERATION_SHIFT,
    "GENERATION_MAX": ownership.GENERATION_MAX,
    "STATE_SHIFT": ownership.STATE_SHIFT,
    "STATUS_SHIFT": ownership.STATUS_SHIFT,
    "PINS_MASK": ownership.PINS_MASK,
    **{f"STATE_{state.name}": state for state in ownership.State},
    "FROM_START": ownership.FROM_START,
    "FROM_COMPLETE": ownership.FROM_COMPLETE,
    "FROM_END": ownership.FROM_END,
    "FROM_REQUEUE": ownership.FROM_REQUEUE,
    "LIVE": ownership.LIVE,
    "STATUS_MAX": STATUS_MAX,
    "VALID_STATUSES": VALID_STATUSES,
    "NR_PAGES_MAX": NR_PAGES_MAX,
    "CHUNK_SHIFT": page_store.CHUNK_SHIFT,
    "CHUNK_PAGES": page_store.CHUNK_PAGES,
    "CHUNK_BYTES": page_store.CHUNK_BYTES,
    "BITMAP_BYTES": page_store.BITMAP_BYTES,
    "CHUNK_AREA": page_store.CHUNK_AREA,
    "NR_CHUNKS": page_store.NR_CHUNKS,
    "NODE_SHIFT": xarray.NODE_SHIFT,
    "NODE_SLOTS": xarray.NODE_SLOTS,
    "XARRAY_VALUE_END": xarray.VALUE_END,
    "NR_RANGES_MAX": NR_RANGES_MAX,
    **{f"FILE_{name}": getattr(file_io, name) for name in ("READ", "WRITE", "FLUSH", "DISCARD", "WRITE_ZEROES")},
    **{name: getattr(backing_file, name) for name in ("BLOCK_SIZE_MAX", "MODE_READ_ONLY", "MODE_DIRECT_IO")},
    "MODE_BLOCK_SHIFT": backing_file.MODE_BLOCK_SHIFT,
}


@cache
def c_layout() -> str:
    """The text of ``blkmq_layout.h``."""
    names: dict[type[ctypes.Structure], str] = {}
    structs = [structs_of(record, f"blkmq_{name}", names) for name, record in (RECORDS | _nouns()).items()]
    numbers = [f"#define BLKMQ_{name} {int(value)}LL\n" for name, value in NUMBERS.items()]
    return "/* Printed from dispatch/c_layout.py. */\n" + "".join([*numbers, *structs])


def _nouns() -> dict[str, type[ctypes.Structure]]:
    """The nouns that a driver's fields are; a field that holds a request keeps a handle of it."""
    snake = {name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in NOUN_RECORDS}
    return {"kept_request" if name == "Request" else snake[name]: r for name, r in NOUN_RECORDS.items()}


def structs_of(record: type[ctypes.Structure], name: str, names: dict[type[ctypes.Structure], str]) -> str:
    """A record's struct, behind those of the records that it holds."""
    inner = ""
    for field, kind, *_ in record._fields_:
        if isinstance(kind, type) and issubclass(kind, ctypes.Structure) and kind not in names:
            inner += structs_of(kind, f"{name}_{field}", names)
    names[record] = name
    return inner + c_struct(record, name, names)
