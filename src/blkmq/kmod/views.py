# SPDX-License-Identifier: MIT
"""``blkmq_views.h``: the records and numbers that a driver's text shares with the glue, printed from the Python."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import fields

from blkmq.abi import blk_mq, blkdev
from blkmq.dispatch import c_layout
from blkmq.dispatch.c_layout import structs_of
from blkmq.dispatch.views import GeometryView, LimitsView, TagSetView, UniqueIdView
from blkmq.mq.blk_eh import BlkEhTimerReturn
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.configuration import doc_comments
from blkmq.mq.operations import SLOTS
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.req_op import ReqOp
from blkmq.mq.tag_set import TagSet

VIEWS = {"tag_set": TagSetView, "limits": LimitsView, "geometry": GeometryView, "unique_id": UniqueIdView}

NUMBERS: dict[str, int] = {
    **{
        name: c_layout.NUMBERS[name]
        for name in (
            "BYTES_PER_FUEL",
            "NR_PAGES_MAX",
            "NR_RANGES_MAX",
            "XARRAY_VALUE_END",
            "DEV_MAX_SECTORS",
            "STATUS_MAX",
            "VALID_STATUSES",
        )
    },
    **{f"STATUS_{status.name}": status for status in BlkStatus},
    **{f"EH_{answer.name}": answer for answer in BlkEhTimerReturn},
    **{f"SLOT_{slot.name}": slot.number for slot in SLOTS},
}

#: The flags of a tag set that are a driver's to set.
DRIVERS_FLAGS = ("BLK_MQ_F_BLOCKING", "BLK_MQ_F_TAG_RR", "BLK_MQ_F_NO_SCHED_BY_DEFAULT", "BLK_MQ_F_TAG_HCTX_SHARED")

#: The kernel's numbers that a driver's text has as literals: their names in Python, and as C what they must be.
CONSTANTS: dict[str, tuple[str, int]] = {
    **{f"BlkStatus.{status.name}": (f"(__force u32)BLK_STS_{status.name}", status) for status in BlkStatus},
    **{f"ReqOp.{op.name}": (f"REQ_OP_{op.name}", op) for op in ReqOp},
    **{name: (f"(__force u32){name}", getattr(blkdev, name)) for name in vars(blkdev) if name.startswith("BLK_FEAT_")},
    **{name: (name, getattr(blk_mq, name)) for name in DRIVERS_FLAGS},
}


def views_text() -> str:
    """The text of the header, but for what hangs on the kernel's own types (:func:`limits_text`)."""
    names: dict[type[ctypes.Structure], str] = {}
    numbers = "".join(f"#define BLKMQ_{name} {int(value)}LL\n" for name, value in NUMBERS.items())
    structs = "".join(structs_of(view, f"blkmq_{name}", names) for name, view in VIEWS.items())
    return "/* SPDX-License-Identifier: GPL-2.0-only OR MIT */\n/* Printed from kmod/views.py. */\n" + numbers + structs


def limits_text() -> str:
    """How records of limits and tag sets begin, and how limits become the kernel's."""
    lines = ["static void blkmq_limits_init(struct blkmq_limits *view)", "{"]
    lines += [f"\tview->{name} = {value};" for name, value in _defaults(QueueLimits)]
    lines += ["}", "", "static void blkmq_view_init(struct blkmq_tag_set *view)", "{"]
    lines += [f"\tview->{name} = {value};" for name, value in _defaults(TagSet)]
    lines += [
        "}",
        "",
        "static void blkmq_fill_limits(struct queue_limits *limits, const struct blkmq_limits *view)",
        "{",
    ]
    lines += ["\tlimits->features = (__force blk_features_t)view->features;"]
    for name in drivers_limits():
        lines += [f"#if BLKMQ_HAS_LIMIT_{name}", f"\tlimits->{name} = view->{name};", "#endif"]
    return "\n".join([*lines, "}", ""])


def drivers_limits() -> list[str]:
    """The fields of limits that are a driver's to set, but for ``features``."""
    docs = doc_comments(QueueLimits)
    own = [name for name in _integers(QueueLimits) if not docs.get(name, "").startswith("derived")]
    return [name for name in own if name not in ("features", "flags")]


def _integers(noun: type) -> list[str]:
    return [field.name for field in fields(noun) if isinstance(getattr(noun(), field.name), int)]


def _defaults(noun: type) -> Iterator[tuple[str, int]]:
    """Fields that do not begin as 0."""
    made = noun()
    for name in _integers(noun):
        if value := getattr(made, name):
            yield name, value
