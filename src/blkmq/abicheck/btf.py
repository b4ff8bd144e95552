# SPDX-License-Identifier: MIT
"""BTF, a kernel's own account of its types: fields of structs, and functions, with their types as C.

Format: Documentation/bpf/btf.rst.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAGIC = 0xEB9F
_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_MEMBER = struct.Struct("<III")
_PARAMETER = struct.Struct("<II")
_ARRAY = struct.Struct("<III")


class Kind(IntEnum):
    """BTF_KIND_…"""

    VOID, INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO = range(14)
    VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(14, 20)


#: Bytes behind a type, for each of its members or once.
_EACH = {Kind.STRUCT: 12, Kind.UNION: 12, Kind.ENUM: 8, Kind.FUNC_PROTO: 8, Kind.DATASEC: 12, Kind.ENUM64: 12}
_ONCE = {Kind.INT: 4, Kind.ARRAY: 12, Kind.VAR: 4, Kind.DECL_TAG: 4}
_TAGS = {Kind.STRUCT: "struct", Kind.UNION: "union", Kind.ENUM: "enum", Kind.ENUM64: "enum", Kind.FWD: "struct"}
#: gcc's names of types, as programmers write them.
_WRITTEN = {
    "_Bool": "bool", "short unsigned int": "unsigned short", "long unsigned int": "unsigned long",
    "long long unsigned int": "unsigned long long", "short int": "short", "long int": "long",
    "long long int": "long long", "unsigned char": "unsigned char",
}  # fmt: skip


class BtfError(ValueError):
    """No BTF, or damaged."""


@dataclass(frozen=True)
class _Type:
    kind: Kind
    name: str
    ref: int  #: the type that it is made of, or its size
    place: int  #: of its members in the data
    count: int


class Btf:
    """All types of one kernel."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size:
            raise BtfError("too short for BTF")
        magic, _, _, header, types, types_length, strings, strings_length = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise BtfError(f"no BTF: it begins with {magic:#x}, not {MAGIC:#x}")
        self._data = data
        self._strings = data[header + strings : header + strings + strings_length]
        try:
            self._types = list(self._read(header + types, header + types + types_length))
        except (struct.error, ValueError, IndexError) as error:
            raise BtfError(f"damaged BTF: {error}") from None
        self._structs = {t.name: t for t in self._types if t.kind is Kind.STRUCT and t.name}
        self._functions = {t.name: t for t in self._types if t.kind is Kind.FUNC}

    def _read(self, place: int, end: int) -> Iterator[_Type]:
        yield _Type(Kind.VOID, "void", 0, 0, 0)
        while place < end:
            name, info, ref = _TYPE.unpack_from(self._data, place)
            kind, count = Kind(info >> 24 & 0x1F), info & 0xFFFF
            place += _TYPE.size
            yield _Type(kind, self._string(name), ref, place, count)
            place += _EACH.get(kind, 0) * count + _ONCE.get(kind, 0)

    def _string(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def _members(self, of: _Type) -> Iterator[tuple[str, int]]:
        """Names and types; those of unnamed structs and unions within are its own."""
        for i in range(of.count):
            name, type_, _ = _MEMBER.unpack_from(self._data, of.place + i * _MEMBER.size)
            inner = self._types[type_]
            if name:
                yield self._string(name), type_
            elif inner.kind in (Kind.STRUCT, Kind.UNION):
                yield from self._members(inner)

    def field(self, struct_name: str, name: str) -> str | None:
        """The type of a field as C; None if there is none, or no such struct."""
        found = self._structs.get(struct_name.removeprefix("struct "))
        if found is None:
            return None
        return next((self._c(type_) for member, type_ in self._members(found) if member == name), None)

    def function(self, name: str) -> str | None:
        """A function's type as C; None if there is none but those that are inlined."""
        found = self._functions.get(name)
        return self._c(found.ref) if found else None

    def _c(self, index: int, inside: str = "") -> str:
        """A C type name around a declarator."""
        type_ = self._types[index]
        match type_.kind:
            case Kind.PTR:
                to = self._skipped(type_.ref)
                if self._types[to].kind in (Kind.FUNC_PROTO, Kind.ARRAY):
                    return self._c(to, f"(*{inside})")
                return self._c(to, f"*{inside}")
            case Kind.ARRAY:
                element, _, length = _ARRAY.unpack_from(self._data, type_.place)
                return self._c(element, f"{inside}[{length}]")
            case Kind.FUNC_PROTO:
                parameters = [
                    self._c(_PARAMETER.unpack_from(self._data, type_.place + i * _PARAMETER.size)[1])
                    for i in range(type_.count)
                ]
                return self._c(type_.ref, f"{inside}({', '.join(parameters) or 'void'})")
            case Kind.CONST | Kind.VOLATILE:
                word = type_.kind.name.lower()
                if self._types[self._skipped(type_.ref)].kind is Kind.PTR:
                    return self._c(type_.ref, f"{word} {inside}".rstrip())
                return f"{word} {self._c(type_.ref, inside)}"
            case Kind.RESTRICT | Kind.TYPE_TAG:
                return self._c(type_.ref, inside)
        name = _WRITTEN.get(type_.name, type_.name)
        if type_.kind in _TAGS:
            name = f"{_TAGS[type_.kind]} {name or '<unnamed>'}"
        return f"{name} {inside}".rstrip()  # "char [16]", "void (int)"

    def _skipped(self, index: int) -> int:
        """Behind what says nothing in C."""
        while self._types[index].kind in (Kind.RESTRICT, Kind.TYPE_TAG):
            index = self._types[index].ref
        return index
