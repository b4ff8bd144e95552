# SPDX-License-Identifier: MIT
"""A client made for tests: it speaks the protocol message by message, right or wrong as it is told."""

from __future__ import annotations

import itertools
import socket
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

from blkmq.abi import nbd
from blkmq.transport.nbd.handshake import BASE_ALLOCATION
from blkmq.transport.nbd.wire import (
    BlockStatusPayload,
    Chunk,
    ErrorPayload,
    ExportInfo,
    Greeting,
    InfoRequest,
    MetaContextRequest,
    OptionHeader,
    OptionReply,
    Request,
    SimpleReply,
)

PATIENCE_SEC = 30.0


def connected(uri: str) -> socket.socket:
    """A socket to the server of an NBD URI."""
    parts = urlsplit(uri)
    if parts.scheme == "nbd+unix":
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(PATIENCE_SEC)
        stream.connect(parse_qs(parts.query)["socket"][0])
        return stream
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 0), PATIENCE_SEC)


def export_name(uri: str) -> str:
    return unquote(urlsplit(uri).path.removeprefix("/"))


@dataclass
class Answer:
    """What came back for one request."""

    error: int = 0
    data: bytes = b""
    extents: tuple[tuple[int, int], ...] = ()
    chunks: list[Chunk] = field(default_factory=list)


class NbdClient:
    """A connection in the transmission phase."""

    def __init__(self, uri: str, *, structured: bool = False, base_allocation: bool = False, name: str | None = None):
        self.socket = connected(uri)
        self.cookies = itertools.count(1)
        self.structured = structured
        self.answers: dict[int, Answer] = {}
        self.asked: dict[int, Request] = {}
        export = export_name(uri) if name is None else name
        Greeting.parse(self.take(Greeting.LAYOUT.size))
        self.socket.sendall((3).to_bytes(4, "big"))
        if structured:
            assert self.option(nbd.NBD_OPT_STRUCTURED_REPLY)[-1].kind == nbd.NBD_REP_ACK
        if base_allocation:
            self.option(nbd.NBD_OPT_SET_META_CONTEXT, MetaContextRequest(export, (BASE_ALLOCATION,)).to_bytes())
        info, *_ = self.option(nbd.NBD_OPT_GO, InfoRequest(export).to_bytes())
        self.info = ExportInfo.parse(info.data)

    def take(self, nr_bytes: int) -> bytes:
        """Exactly so many bytes; EOFError if the server has closed."""
        data = bytearray()
        while len(data) < nr_bytes:
            piece = self.socket.recv(nr_bytes - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def option(self, number: int, data: bytes = b"") -> list[OptionReply]:
        self.socket.sendall(OptionHeader(number, len(data)).to_bytes() + data)
        replies: list[OptionReply] = []
        while not replies or (replies[-1].kind != nbd.NBD_REP_ACK and not replies[-1].kind & nbd.NBD_REP_FLAG_ERROR):
            head = self.take(OptionReply.LAYOUT.size)
            replies.append(OptionReply.parse(head + self.take(int.from_bytes(head[-4:], "big"))))
        return replies

    # --- requests -----------------------------------------------------------------------------------------
    def encode(
        self, kind: int, offset: int = 0, nr_bytes: int = 0, flags: int = 0, data: bytes = b""
    ) -> tuple[int, bytes]:
        """A new request's cookie and bytes."""
        request = Request(kind, next(self.cookies), offset, nr_bytes or len(data), flags)
        self.asked[request.cookie] = request
        return request.cookie, request.to_bytes() + data

    def send(self, kind: int, offset: int = 0, nr_bytes: int = 0, flags: int = 0, data: bytes = b"") -> int:
        cookie, raw = self.encode(kind, offset, nr_bytes, flags, data)
        self.socket.sendall(raw)
        return cookie

    def receive(self, cookie: int) -> Answer:
        """The answer to a request; those of others that come before are kept."""
        while cookie not in self.answers:
            self._receive_one()
        return self.answers.pop(cookie)

    def _receive_one(self) -> None:
        head = self.take(SimpleReply.LAYOUT.size)
        if int.from_bytes(head[:4], "big") == nbd.NBD_SIMPLE_REPLY_MAGIC:
            reply = SimpleReply.parse(head)
            request = self.asked.pop(reply.cookie)
            answer = Answer(reply.error)
            if request.kind == nbd.NBD_CMD_READ and not reply.error:
                assert not self.structured
                answer.data = self.take(request.nr_bytes)
            self.answers[reply.cookie] = answer
            return
        chunk = Chunk.parse(head + self.take(Chunk.LAYOUT.size - len(head)))
        request = self.asked[chunk.cookie]
        answer = getattr(self, "partial", {}).pop(chunk.cookie, Answer())
        answer.chunks.append(chunk)
        payload = self.take(chunk.nr_bytes)
        if chunk.kind == nbd.NBD_REPLY_TYPE_OFFSET_DATA:
            assert int.from_bytes(payload[:8], "big") == request.offset + len(answer.data)
            answer.data += payload[8:]
        elif chunk.kind == nbd.NBD_REPLY_TYPE_ERROR:
            answer.error = ErrorPayload.parse(payload).error
        elif chunk.kind == nbd.NBD_REPLY_TYPE_BLOCK_STATUS:
            answer.extents = BlockStatusPayload.parse(payload).extents
        else:
            assert chunk.kind == nbd.NBD_REPLY_TYPE_NONE
        if chunk.flags & nbd.NBD_REPLY_FLAG_DONE:
            del self.asked[chunk.cookie]
            self.answers[chunk.cookie] = answer
        else:
            self.partial = {**getattr(self, "partial", {}), chunk.cookie: answer}

    def ask(self, kind: int, offset: int = 0, nr_bytes: int = 0, flags: int = 0, data: bytes = b"") -> Answer:
        return self.receive(self.send(kind, offset, nr_bytes, flags, data))

    def read(self, offset: int, nr_bytes: int) -> bytes:
        answer = self.ask(nbd.NBD_CMD_READ, offset, nr_bytes)
        assert answer.error == 0, answer.error
        return answer.data

    def write(self, offset: int, data: bytes, flags: int = 0) -> None:
        answer = self.ask(nbd.NBD_CMD_WRITE, offset, flags=flags, data=data)
        assert answer.error == 0, answer.error

    def is_closed(self) -> bool:
        """Whether the server closes the connection, now or soon, without another word."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> NbdClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
