# SPDX-License-Identifier: MIT
"""What a compiled driver sees of its tag set, its limits and its disk: their fields, as records."""

from __future__ import annotations

import ctypes
from typing import Any, get_type_hints

from blkmq.dispatch.call import Call
from blkmq.dispatch.tag_set import DiskRecord, disk_at
from blkmq.mq.at_rest import at_rest
from blkmq.mq.hd_geometry import HdGeometry
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.tag_set import TagSet
from blkmq.mq.unique_id import UniqueId
from blkmq.native.hot import hot
from blkmq.native.record import CTYPE_OF_SIZED, accessor


def view_of(noun: type) -> type[ctypes.Structure]:
    """The record of a noun's integer fields, those of nouns within it included."""
    fields: list[tuple[str, Any]] = []
    for name, hint in get_type_hints(noun, include_extras=True).items():
        rest = at_rest(hint)
        if rest is not None and not name.startswith("_"):
            fields.append((name, CTYPE_OF_SIZED[rest.sized.name]))
        elif isinstance(hint, type) and hint.__module__.startswith("blkmq.mq."):
            fields.append((name, view_of(hint)))
    return type(f"{noun.__name__}View", (ctypes.Structure,), {"_fields_": fields})


TagSetView = view_of(TagSet)
LimitsView = view_of(QueueLimits)
GeometryView = view_of(HdGeometry)
UniqueIdView = view_of(UniqueId)

_tag_set_view_at = accessor(TagSetView)
_limits_view_at = accessor(LimitsView)
_geometry_view_at = accessor(GeometryView)
_unique_id_view_at = accessor(UniqueIdView)


@hot
def tag_set_view(call: Call) -> Any:
    return _tag_set_view_at(call.fields, 0)


@hot
def limits_view(call: Call) -> Any:
    return _limits_view_at(call.limits, 0)


@hot
def geometry_view(call: Call) -> Any:
    return _geometry_view_at(call.geometry, 0)


@hot
def unique_id_view(call: Call) -> Any:
    return _unique_id_view_at(call.unique_id, 0)


@hot
def disk_view(call: Call) -> DiskRecord:
    return disk_at(call.disk_address, 0)


@hot
def hw_address(call: Call, hctx: int) -> int:
    """Where the driver's data of a hardware queue of this disk lies."""
    return disk_at(call.disk_address, 0).hws + hctx * call.hw_size


def fill_view(view: Any, noun: Any) -> None:
    """Copies a noun's fields into its view."""
    for name, kind in view._fields_:
        if issubclass(kind, ctypes.Structure):
            fill_view(getattr(view, name), getattr(noun, name))
        else:
            setattr(view, name, int(getattr(noun, name)))


def read_view(view: Any, noun: Any) -> None:
    """Copies a view's fields back into the noun."""
    for name, kind in view._fields_:
        if issubclass(kind, ctypes.Structure):
            read_view(getattr(view, name), getattr(noun, name))
        else:
            setattr(noun, name, getattr(view, name))
