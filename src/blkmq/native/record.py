# SPDX-License-Identifier: MIT
"""Records: memory that interpreted Python, Numba and C see alike.

A record is declared once, as a class with sized annotations.  It is a ctypes structure; its NumPy
dtype gives Numba the same layout, and :func:`c_struct` prints it for C.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from blkmq.mq.integer import Sized, sized

CTYPE_OF_SIZED: dict[str, Any] = {
    "u8": ctypes.c_uint8, "u16": ctypes.c_uint16, "u32": ctypes.c_uint32, "u64": ctypes.c_uint64,
    "s8": ctypes.c_int8, "s16": ctypes.c_int16, "s32": ctypes.c_int32, "s64": ctypes.c_int64,
}  # fmt: skip


class Times:
    """Length of an array field: ``held: Annotated[Any, s64, Times(4)]``."""

    def __init__(self, count: int) -> None:
        self.count = count


def ctype_of(annotation: Any) -> Any:
    """The ctypes type of a record field's annotation."""
    if get_origin(annotation) is Annotated:
        marks = get_args(annotation)[1:]
        times = next((m.count for m in marks if isinstance(m, Times)), 0)
        kind = next((m for m in marks if isinstance(m, Sized)), None)
        if kind is None:
            element = next(ctype_of(m) for m in marks if not isinstance(m, Times))
        else:
            element = CTYPE_OF_SIZED[kind.name]
        return element * times if times else element
    if isinstance(annotation, type) and issubclass(annotation, ctypes.Structure):
        return annotation
    raise TypeError(f"a record cannot hold {annotation!r}")


if TYPE_CHECKING:

    class Record(ctypes.Structure):
        """Base of the records: ``class Call(Record): fuel: s64``; fields are laid out as C does."""

else:

    class _RecordType(type(ctypes.Structure)):
        """Gives a record class its ctypes fields, once ctypes has made the class."""

        def __init__(cls, name, bases, namespace):
            super().__init__(name, bases, namespace)
            own = namespace.get("__annotations__", {})
            if own and "_fields_" not in namespace:
                hints = get_type_hints(cls, vars(sys.modules[cls.__module__]), include_extras=True)
                cls._fields_ = [(field, ctype_of(hints[field])) for field in own]

    class Record(ctypes.Structure, metaclass=_RecordType):
        """Base of the records: ``class Call(Record): fuel: s64``; fields are laid out as C does."""


R = TypeVar("R", bound=ctypes.Structure)

ACCESSORS: dict[Callable[..., Any], type[ctypes.Structure]] = {}


def accessor(record: type[R]) -> Callable[[int, int], R]:
    """A function ``at(base, index)``: the index-th record of an array at address ``base``.

    Plain Python and compiled code call the same function.  It checks nothing: ``base`` and ``index`` are
    the caller's own, never a driver's or a peer's.
    """
    size = ctypes.sizeof(record)
    from_address = record.from_address

    @lru_cache(maxsize=1 << 16)
    def at(base: int, index: int) -> R:
        return from_address(base + index * size)

    ACCESSORS[at] = record
    return at


_C_NAME = {kind: name for name, kind in CTYPE_OF_SIZED.items()}


def c_struct(record: type[ctypes.Structure], name: str, c_names: dict[type[ctypes.Structure], str]) -> str:
    """The C text of a record; ``c_names`` gives the struct names of the records that it holds."""
    lines = [f"struct {name} {{"]
    fields: list[tuple[str, Any]] = [(item[0], item[1]) for item in record._fields_]
    for field, kind in fields:
        suffix = ""
        if hasattr(kind, "_length_"):
            suffix = f"[{kind._length_}]"
            kind = kind._type_
        spelled = f"struct {c_names[kind]}" if kind in c_names else _C_NAME[kind]
        lines.append(f"\t{spelled} {field}{suffix};")
    lines.append("};")
    lines.append(f'_Static_assert(sizeof(struct {name}) == {ctypes.sizeof(record)}, "{name}");')
    return "\n".join(lines) + "\n"


__all__ = ["ACCESSORS", "CTYPE_OF_SIZED", "Record", "Times", "accessor", "c_struct", "ctype_of", "sized"]
