# SPDX-License-Identifier: MIT
"""The NBD protocol's messages as values: bytes to values and back, nothing else.

``Type.parse(data)`` takes exactly the message's bytes; where a message carries its own length, ``data`` is what
that length says.  Malformed bytes raise :class:`WireError`.  The transmission phase proper is compiled
(``receive.py``, ``reply.py``); the same messages here serve its tests and clients.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from blkmq.abi import nbd

U16, U32 = struct.Struct(">H"), struct.Struct(">I")


class WireError(ValueError):
    """Bytes that are no such message."""


def _unpacked(layout: struct.Struct, data: bytes, what: str) -> tuple[int, ...]:
    if len(data) != layout.size:
        raise WireError(f"{what}: {len(data)} bytes instead of {layout.size}")
    return layout.unpack(data)


def _string(data: bytes, at: int, what: str) -> tuple[str, int]:
    """A string behind its 32-bit length, and where it ends."""
    if len(data) - at < U32.size:
        raise WireError(f"{what}: no length")
    (length,) = U32.unpack_from(data, at)
    end = at + U32.size + length
    if end > len(data):
        raise WireError(f"{what}: {length} bytes, but {len(data) - at - U32.size} are there")
    return _text(data[at + U32.size : end], what), end


def _text(raw: bytes, what: str) -> str:
    if len(raw) > nbd.NBD_MAX_STRING:
        raise WireError(f"{what}: {len(raw)} bytes; at most {nbd.NBD_MAX_STRING}")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise WireError(f"{what}: is no UTF-8") from None


def _counted(text: str) -> bytes:
    raw = text.encode()
    return U32.pack(len(raw)) + raw


# --- handshake --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Greeting:
    """What the server says first."""

    flags: int  #: NBD_FLAG_FIXED_NEWSTYLE, NBD_FLAG_NO_ZEROES

    LAYOUT = struct.Struct(">QQH")

    @classmethod
    def parse(cls, data: bytes) -> Greeting:
        first, second, flags = _unpacked(cls.LAYOUT, data, "greeting")
        if (first, second) != (nbd.NBDMAGIC, nbd.IHAVEOPT):
            raise WireError(f"greeting: magic 0x{first:x} 0x{second:x}")
        return cls(flags)

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.NBDMAGIC, nbd.IHAVEOPT, self.flags)


@dataclass(frozen=True)
class OptionHeader:
    """The head of each option that a client sends; ``nr_bytes`` of data follow."""

    option: int
    nr_bytes: int

    LAYOUT = struct.Struct(">QII")

    @classmethod
    def parse(cls, data: bytes) -> OptionHeader:
        magic, option, nr_bytes = _unpacked(cls.LAYOUT, data, "option")
        if magic != nbd.IHAVEOPT:
            raise WireError(f"option: magic 0x{magic:x}")
        return cls(option, nr_bytes)

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.IHAVEOPT, self.option, self.nr_bytes)


@dataclass(frozen=True)
class OptionReply:
    """The server's answer to an option."""

    option: int
    kind: int  #: NBD_REP_*
    data: bytes = b""

    LAYOUT = struct.Struct(">QIII")

    @classmethod
    def parse(cls, data: bytes) -> OptionReply:
        magic, option, kind, nr_bytes = _unpacked(cls.LAYOUT, data[: cls.LAYOUT.size], "option reply")
        if magic != nbd.NBD_REP_MAGIC:
            raise WireError(f"option reply: magic 0x{magic:x}")
        if len(data) != cls.LAYOUT.size + nr_bytes:
            raise WireError(f"option reply: {len(data) - cls.LAYOUT.size} bytes of data instead of {nr_bytes}")
        return cls(option, kind, data[cls.LAYOUT.size :])

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.NBD_REP_MAGIC, self.option, self.kind, len(self.data)) + self.data


@dataclass(frozen=True)
class InfoRequest:
    """The data of NBD_OPT_INFO and NBD_OPT_GO."""

    name: str
    infos: tuple[int, ...] = ()  #: NBD_INFO_* that the client asks for

    @classmethod
    def parse(cls, data: bytes) -> InfoRequest:
        name, at = _string(data, 0, "export name")
        rest = data[at:]
        if len(rest) < U16.size or len(rest) != U16.size * (1 + U16.unpack_from(rest)[0]):
            raise WireError(f"information requests: {len(rest)} bytes")
        return cls(name, tuple(U16.unpack_from(rest, at)[0] for at in range(U16.size, len(rest), U16.size)))

    def to_bytes(self) -> bytes:
        return _counted(self.name) + U16.pack(len(self.infos)) + b"".join(map(U16.pack, self.infos))


@dataclass(frozen=True)
class MetaContextRequest:
    """The data of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT."""

    name: str
    queries: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> MetaContextRequest:
        name, at = _string(data, 0, "export name")
        if len(data) - at < U32.size:
            raise WireError("metadata contexts: no number of queries")
        (count,) = U32.unpack_from(data, at)
        at += U32.size
        queries = []
        for _ in range(count):
            query, at = _string(data, at, "metadata context")
            queries.append(query)
        if at != len(data):
            raise WireError(f"metadata contexts: {len(data) - at} bytes too many")
        return cls(name, tuple(queries))

    def to_bytes(self) -> bytes:
        return _counted(self.name) + U32.pack(len(self.queries)) + b"".join(map(_counted, self.queries))


@dataclass(frozen=True)
class ExportInfo:
    """NBD_INFO_EXPORT."""

    size: int  #: bytes
    flags: int  #: transmission flags

    LAYOUT = struct.Struct(">HQH")
    OLD_LAYOUT = struct.Struct(">QH")  #: the answer to NBD_OPT_EXPORT_NAME, before its zeroes

    @classmethod
    def parse(cls, data: bytes) -> ExportInfo:
        kind, size, flags = _unpacked(cls.LAYOUT, data, "export")
        if kind != nbd.NBD_INFO_EXPORT:
            raise WireError(f"export: information type {kind}")
        return cls(size, flags)

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.NBD_INFO_EXPORT, self.size, self.flags)

    def to_old_bytes(self) -> bytes:
        return self.OLD_LAYOUT.pack(self.size, self.flags)


@dataclass(frozen=True)
class BlockSizes:
    """NBD_INFO_BLOCK_SIZE, in bytes."""

    minimum: int
    preferred: int
    maximum: int  #: of a request's payload

    LAYOUT = struct.Struct(">HIII")

    @classmethod
    def parse(cls, data: bytes) -> BlockSizes:
        kind, *sizes = _unpacked(cls.LAYOUT, data, "block sizes")
        if kind != nbd.NBD_INFO_BLOCK_SIZE:
            raise WireError(f"block sizes: information type {kind}")
        return cls(*sizes)

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.NBD_INFO_BLOCK_SIZE, self.minimum, self.preferred, self.maximum)


@dataclass(frozen=True)
class NameInfo:
    """NBD_INFO_NAME or NBD_INFO_DESCRIPTION."""

    kind: int
    text: str

    @classmethod
    def parse(cls, data: bytes) -> NameInfo:
        if len(data) < U16.size:
            raise WireError("information: no type")
        return cls(U16.unpack_from(data)[0], _text(data[U16.size :], "information"))

    def to_bytes(self) -> bytes:
        return U16.pack(self.kind) + self.text.encode()


@dataclass(frozen=True)
class ServerEntry:
    """NBD_REP_SERVER: an export of the list."""

    name: str
    details: str = ""

    @classmethod
    def parse(cls, data: bytes) -> ServerEntry:
        name, at = _string(data, 0, "export name")
        return cls(name, _text(data[at:], "details"))

    def to_bytes(self) -> bytes:
        return _counted(self.name) + self.details.encode()


@dataclass(frozen=True)
class MetaContext:
    """NBD_REP_META_CONTEXT."""

    number: int
    name: str

    @classmethod
    def parse(cls, data: bytes) -> MetaContext:
        if len(data) < U32.size:
            raise WireError("metadata context: no number")
        return cls(U32.unpack_from(data)[0], _text(data[U32.size :], "metadata context"))

    def to_bytes(self) -> bytes:
        return U32.pack(self.number) + self.name.encode()


# --- transmission -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Request:
    """The head of a request; NBD_CMD_WRITE has ``nr_bytes`` of data behind it."""

    kind: int  #: NBD_CMD_*
    cookie: int
    offset: int = 0
    nr_bytes: int = 0
    flags: int = 0  #: NBD_CMD_FLAG_*

    LAYOUT = struct.Struct(">IHHQQI")

    @classmethod
    def parse(cls, data: bytes) -> Request:
        magic, flags, kind, cookie, offset, nr_bytes = _unpacked(cls.LAYOUT, data, "request")
        if magic != nbd.NBD_REQUEST_MAGIC:
            raise WireError(f"request: magic 0x{magic:x}")
        return cls(kind, cookie, offset, nr_bytes, flags)

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.NBD_REQUEST_MAGIC, self.flags, self.kind, self.cookie, self.offset, self.nr_bytes)


@dataclass(frozen=True)
class SimpleReply:
    """The answer to a request; that of a successful NBD_CMD_READ has the data behind it."""

    error: int  #: NBD_E*, 0 for success
    cookie: int

    LAYOUT = struct.Struct(">IIQ")

    @classmethod
    def parse(cls, data: bytes) -> SimpleReply:
        magic, error, cookie = _unpacked(cls.LAYOUT, data, "simple reply")
        if magic != nbd.NBD_SIMPLE_REPLY_MAGIC:
            raise WireError(f"simple reply: magic 0x{magic:x}")
        return cls(error, cookie)

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.NBD_SIMPLE_REPLY_MAGIC, self.error, self.cookie)


@dataclass(frozen=True)
class Chunk:
    """The head of a piece of a structured reply; ``nr_bytes`` of payload follow."""

    kind: int  #: NBD_REPLY_TYPE_*
    cookie: int
    nr_bytes: int = 0
    flags: int = nbd.NBD_REPLY_FLAG_DONE

    LAYOUT = struct.Struct(">IHHQI")

    @classmethod
    def parse(cls, data: bytes) -> Chunk:
        magic, flags, kind, cookie, nr_bytes = _unpacked(cls.LAYOUT, data, "chunk")
        if magic != nbd.NBD_STRUCTURED_REPLY_MAGIC:
            raise WireError(f"chunk: magic 0x{magic:x}")
        return cls(kind, cookie, nr_bytes, flags)

    def to_bytes(self) -> bytes:
        return self.LAYOUT.pack(nbd.NBD_STRUCTURED_REPLY_MAGIC, self.flags, self.kind, self.cookie, self.nr_bytes)


@dataclass(frozen=True)
class ErrorPayload:
    """The payload of NBD_REPLY_TYPE_ERROR."""

    error: int
    message: str = ""

    LAYOUT = struct.Struct(">IH")

    @classmethod
    def parse(cls, data: bytes) -> ErrorPayload:
        error, length = _unpacked(cls.LAYOUT, data[: cls.LAYOUT.size], "error")
        if len(data) != cls.LAYOUT.size + length:
            raise WireError(f"error: {len(data) - cls.LAYOUT.size} bytes of message instead of {length}")
        return cls(error, _text(data[cls.LAYOUT.size :], "message"))

    def to_bytes(self) -> bytes:
        raw = self.message.encode()
        return self.LAYOUT.pack(self.error, len(raw)) + raw


@dataclass(frozen=True)
class BlockStatusPayload:
    """The payload of NBD_REPLY_TYPE_BLOCK_STATUS: extents as (length in bytes, flags)."""

    context: int
    extents: tuple[tuple[int, int], ...]

    EXTENT = struct.Struct(">II")

    @classmethod
    def parse(cls, data: bytes) -> BlockStatusPayload:
        if len(data) < U32.size or (len(data) - U32.size) % cls.EXTENT.size:
            raise WireError(f"block status: {len(data)} bytes")
        (context,) = U32.unpack_from(data)
        return cls(context, tuple(cls.EXTENT.iter_unpack(data[U32.size :])))

    def to_bytes(self) -> bytes:
        return U32.pack(self.context) + b"".join(self.EXTENT.pack(*extent) for extent in self.extents)
