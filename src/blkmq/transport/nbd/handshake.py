# SPDX-License-Identifier: MIT
"""The newstyle handshake as a state machine without I/O: bytes go in, bytes to send and the outcome come out.

A client that does not keep to the rules gets the error reply that the protocol has for it, or, where there is none,
the end of the connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from blkmq.abi import nbd
from blkmq.transport.nbd.wire import (
    U32,
    BlockSizes,
    ExportInfo,
    Greeting,
    InfoRequest,
    MetaContext,
    MetaContextRequest,
    NameInfo,
    OptionHeader,
    OptionReply,
    ServerEntry,
    WireError,
)

BASE_ALLOCATION = "base:allocation"
BASE_ALLOCATION_NUMBER = 1  #: ours; the client learns it when it selects the context
OPTION_BYTES_MAX = 64 << 10  #: of an option that is read at all; a longer one is skipped and refused
KNOWN_CLIENT_FLAGS = nbd.NBD_FLAG_C_FIXED_NEWSTYLE | nbd.NBD_FLAG_C_NO_ZEROES
EXPORT_NAME_ZEROES = 124  #: behind the answer to NBD_OPT_EXPORT_NAME, for a client that wants them


class State(Enum):
    """How far the handshake is."""

    FLAGS = "waits for the client's flags"
    OPTION = "waits for an option"
    DATA = "waits for an option's data"
    TRANSMISSION = "over: the client has chosen an export"
    CLOSED = "over: the connection ends"


@dataclass(frozen=True)
class Offer:
    """An export as the handshake describes it."""

    name: str
    size: int  #: bytes
    flags: int  #: transmission flags; NBD_FLAG_SEND_DF is added with structured replies
    block_sizes: BlockSizes
    description: str = ""


@dataclass(frozen=True)
class Agreement:
    """What client and server will talk in the transmission phase."""

    export: int  #: index of the offer
    structured: bool
    base_allocation: bool  #: the client may ask for NBD_CMD_BLOCK_STATUS


class Handshake:
    """One client's handshake. ``offers[0]`` is also the default export, whose name is empty."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self.offers = offers
        self.state = State.FLAGS
        self.agreement: Agreement | None = None
        self.reason = ""  #: why the connection ends, for the log; "" if all is well
        self._no_zeroes = False
        self._fixed = False
        self._structured = False
        self._context_of: str | None = None  #: the export for which base:allocation is selected
        self._received = bytearray()
        self._skip = 0  #: bytes of an option that is too long, still to come
        self._option = OptionHeader(0, 0)

    def greeting(self) -> bytes:
        """What the server sends first."""
        return Greeting(nbd.NBD_FLAG_FIXED_NEWSTYLE | nbd.NBD_FLAG_NO_ZEROES).to_bytes()

    @property
    def over(self) -> bool:
        return self.state in (State.TRANSMISSION, State.CLOSED)

    @property
    def rest(self) -> bytes:
        """What the client sent beyond the handshake: the transmission phase's first bytes."""
        return bytes(self._received)

    def receive(self, data: bytes) -> bytes:
        """Takes what the client sent; what to send back, in order."""
        self._received += data
        replies = bytearray()
        while not self.over and (step := self._take()) is not None:
            try:
                for reply in self._step(step):
                    replies += reply
            except WireError as error:
                self._close(str(error))
        return bytes(replies)

    def end_of_stream(self) -> None:
        """The client has closed its side."""
        if not self.over:
            self._close("" if self.state is State.OPTION and not self._received else "the client is gone")

    # --- the stream in pieces -----------------------------------------------------------------------------
    def _take(self) -> bytes | None:
        """The next complete piece of the stream; None while it is not there."""
        if self._skip:
            gone = min(self._skip, len(self._received))
            del self._received[:gone]
            self._skip -= gone
            if self._skip:
                return None
        wanted = {
            State.FLAGS: U32.size,
            State.OPTION: OptionHeader.LAYOUT.size,
            State.DATA: min(self._option.nr_bytes, OPTION_BYTES_MAX + 1),
        }[self.state]
        if len(self._received) < wanted:
            return None
        piece = bytes(self._received[:wanted])
        del self._received[:wanted]
        return piece

    def _step(self, piece: bytes) -> Iterator[bytes]:
        if self.state is State.FLAGS:
            self._client_flags(U32.unpack(piece)[0])
        elif self.state is State.OPTION:
            self._option = OptionHeader.parse(piece)
            self.state = State.DATA
            if self._option.nr_bytes > OPTION_BYTES_MAX:
                self._skip = self._option.nr_bytes
                self._option = OptionHeader(self._option.option, 0)
                self.state = State.OPTION
                yield self._too_long()
        else:
            self.state = State.OPTION
            yield from self._answer(piece)

    def _close(self, reason: str = "") -> None:
        self.state = State.CLOSED
        self.reason = reason

    def _client_flags(self, flags: int) -> None:
        if flags & ~KNOWN_CLIENT_FLAGS:
            self._close(f"unknown client flags 0x{flags:x}")
            return
        self._fixed = bool(flags & nbd.NBD_FLAG_C_FIXED_NEWSTYLE)
        self._no_zeroes = bool(flags & nbd.NBD_FLAG_C_NO_ZEROES)
        self.state = State.OPTION

    # --- options ------------------------------------------------------------------------------------------
    def _reply(self, kind: int, data: bytes = b"") -> bytes:
        return OptionReply(self._option.option, kind, data).to_bytes()

    def _error(self, kind: int, text: str) -> bytes:
        return self._reply(kind, text.encode())

    def _too_long(self) -> bytes:
        if self._option.option == nbd.NBD_OPT_EXPORT_NAME:
            self._close("an export name that is too long")
            return b""
        return self._error(nbd.NBD_REP_ERR_TOO_BIG, f"an option's data may have {OPTION_BYTES_MAX} bytes")

    def _answer(self, data: bytes) -> Iterator[bytes]:
        option = self._option.option
        if option == nbd.NBD_OPT_EXPORT_NAME:
            yield from self._export_name(data)
        elif not self._fixed:
            self._close("an option from a client without fixed newstyle")
        elif option == nbd.NBD_OPT_ABORT:
            self._close()
            yield self._reply(nbd.NBD_REP_ACK)
        elif option in (nbd.NBD_OPT_LIST, nbd.NBD_OPT_STRUCTURED_REPLY) and data:
            yield self._error(nbd.NBD_REP_ERR_INVALID, "this option has no data")
        elif option == nbd.NBD_OPT_LIST:
            for offer in self.offers:
                yield self._reply(nbd.NBD_REP_SERVER, ServerEntry(offer.name).to_bytes())
            yield self._reply(nbd.NBD_REP_ACK)
        elif option == nbd.NBD_OPT_STRUCTURED_REPLY:
            self._structured = True
            yield self._reply(nbd.NBD_REP_ACK)
        elif option in (nbd.NBD_OPT_INFO, nbd.NBD_OPT_GO):
            yield from self._info(data)
        elif option in (nbd.NBD_OPT_LIST_META_CONTEXT, nbd.NBD_OPT_SET_META_CONTEXT):
            yield from self._meta_context(data)
        else:
            yield self._error(nbd.NBD_REP_ERR_UNSUP, f"option {option} is not known here")

    def _find(self, name: str) -> int | None:
        if name == "":
            return 0
        return next((index for index, offer in enumerate(self.offers) if offer.name == name), None)

    def _flags(self, offer: Offer) -> int:
        return offer.flags | (nbd.NBD_FLAG_SEND_DF if self._structured else 0)

    def _agree(self, index: int) -> None:
        selected = self._context_of is not None and self._find(self._context_of) == index
        self.agreement = Agreement(index, self._structured, selected)
        self.state = State.TRANSMISSION

    def _export_name(self, data: bytes) -> Iterator[bytes]:
        index = self._find(data.decode(errors="replace"))
        if index is None:  # there is no error reply to this option
            self._close(f"no export {data.decode(errors='replace')!r}")
            return
        offer = self.offers[index]
        self._agree(index)
        yield ExportInfo(offer.size, self._flags(offer)).to_old_bytes()
        if not self._no_zeroes:
            yield bytes(EXPORT_NAME_ZEROES)

    def _info(self, data: bytes) -> Iterator[bytes]:
        try:
            asked = InfoRequest.parse(data)
        except WireError as error:
            yield self._error(nbd.NBD_REP_ERR_INVALID, str(error))
            return
        index = self._find(asked.name)
        if index is None:
            yield self._error(nbd.NBD_REP_ERR_UNKNOWN, f"no export {asked.name!r}")
            return
        offer = self.offers[index]
        infos = [ExportInfo(offer.size, self._flags(offer)).to_bytes(), offer.block_sizes.to_bytes()]
        if nbd.NBD_INFO_NAME in asked.infos:
            infos.append(NameInfo(nbd.NBD_INFO_NAME, offer.name).to_bytes())
        if nbd.NBD_INFO_DESCRIPTION in asked.infos and offer.description:
            infos.append(NameInfo(nbd.NBD_INFO_DESCRIPTION, offer.description).to_bytes())
        for info in infos:
            yield self._reply(nbd.NBD_REP_INFO, info)
        yield self._reply(nbd.NBD_REP_ACK)
        if self._option.option == nbd.NBD_OPT_GO:
            self._agree(index)

    def _meta_context(self, data: bytes) -> Iterator[bytes]:
        selects = self._option.option == nbd.NBD_OPT_SET_META_CONTEXT
        if selects:
            self._context_of = None  # a failed selection too replaces the one before
        if not self._structured:
            yield self._error(nbd.NBD_REP_ERR_INVALID, "structured replies come first")
            return
        try:
            asked = MetaContextRequest.parse(data)
        except WireError as error:
            yield self._error(nbd.NBD_REP_ERR_INVALID, str(error))
            return
        if self._find(asked.name) is None:
            yield self._error(nbd.NBD_REP_ERR_UNKNOWN, f"no export {asked.name!r}")
            return
        if BASE_ALLOCATION in asked.queries or (not selects and (not asked.queries or "base:" in asked.queries)):
            number = BASE_ALLOCATION_NUMBER if selects else 0
            yield self._reply(nbd.NBD_REP_META_CONTEXT, MetaContext(number, BASE_ALLOCATION).to_bytes())
            if selects:
                self._context_of = asked.name
        yield self._reply(nbd.NBD_REP_ACK)
