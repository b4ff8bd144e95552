# SPDX-License-Identifier: MIT
"""The NBD messages: what is written is what is read, and nothing else is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blkmq.abi import nbd
from blkmq.transport.nbd import wire

u16, u32, u64 = (st.integers(0, (1 << bits) - 1) for bits in (16, 32, 64))
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)

MESSAGES: dict[Any, st.SearchStrategy[Any]] = {
    wire.Greeting: st.builds(wire.Greeting, u16),
    wire.OptionHeader: st.builds(wire.OptionHeader, u32, u32),
    wire.OptionReply: st.builds(wire.OptionReply, u32, u32, st.binary(max_size=64)),
    wire.InfoRequest: st.builds(wire.InfoRequest, text, st.lists(u16, max_size=8).map(tuple)),
    wire.MetaContextRequest: st.builds(wire.MetaContextRequest, text, st.lists(text, max_size=5).map(tuple)),
    wire.ExportInfo: st.builds(wire.ExportInfo, u64, u16),
    wire.BlockSizes: st.builds(wire.BlockSizes, u32, u32, u32),
    wire.NameInfo: st.builds(wire.NameInfo, u16, text),
    wire.ServerEntry: st.builds(wire.ServerEntry, text, text),
    wire.MetaContext: st.builds(wire.MetaContext, u32, text),
    wire.Request: st.builds(wire.Request, u16, u64, u64, u32, u16),
    wire.SimpleReply: st.builds(wire.SimpleReply, u32, u64),
    wire.Chunk: st.builds(wire.Chunk, u16, u64, u32, u16),
    wire.ErrorPayload: st.builds(wire.ErrorPayload, u32, text),
    wire.BlockStatusPayload: st.builds(
        wire.BlockStatusPayload, u32, st.lists(st.tuples(u32, u32), max_size=5).map(tuple)
    ),
}


def test_every_message_of_the_wire_is_tested() -> None:
    assert set(MESSAGES) == {
        kind for kind in vars(wire).values() if hasattr(kind, "to_bytes") and hasattr(kind, "parse")
    }


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_messages_survive_the_wire(kind: Any, data: st.DataObject) -> None:
    message = data.draw(MESSAGES[kind])
    assert kind.parse(message.to_bytes()) == message


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@given(raw=st.binary(max_size=80))
def test_any_bytes_are_a_message_or_refused(kind: Any, raw: bytes) -> None:
    """What is taken for a message is that message: it is written as the same bytes again."""
    try:
        message = kind.parse(raw)
    except wire.WireError:
        return
    assert message.to_bytes() == raw


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_messages_that_are_cut_off_are_refused(kind: Any, data: st.DataObject) -> None:
    raw = data.draw(MESSAGES[kind]).to_bytes()
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    try:
        message = kind.parse(cut)
    except wire.WireError:
        return
    assert message.to_bytes() == cut  # a text that ends with its message is shorter now, and nothing else


def test_bytes_on_the_wire_are_those_of_the_document() -> None:
    """Written out by hand from the protocol's layouts."""
    request = wire.Request(nbd.NBD_CMD_WRITE, 0x0102030405060708, 0x1000, 0x200, nbd.NBD_CMD_FLAG_FUA)
    assert request.to_bytes().hex(" ", 4) == "25609513 00010001 01020304 05060708 00000000 00001000 00000200"
    assert wire.SimpleReply(5, 0x0102030405060708).to_bytes().hex(" ", 4) == "67446698 00000005 01020304 05060708"
    chunk = wire.Chunk(nbd.NBD_REPLY_TYPE_OFFSET_DATA, 0x0102030405060708, 520)
    assert chunk.to_bytes().hex(" ", 4) == "668e33ef 00010001 01020304 05060708 00000208"
    assert wire.Greeting(3).to_bytes() == b"NBDMAGICIHAVEOPT\0\3"
    assert (
        wire.OptionReply(7, nbd.NBD_REP_ERR_UNSUP).to_bytes().hex(" ", 4)
        == "0003e889 045565a9 00000007 80000001 00000000"
    )


def test_numbers_are_those_that_a_client_library_has() -> None:
    """libnbd publishes some of them: an oracle of another project."""
    library = _libnbd()
    ours = vars(nbd)
    theirs = {name: value for name, value in library.items() if name in ours}
    assert len(theirs) > 5
    assert theirs == {name: ours[name] for name in theirs}


def _libnbd() -> dict[str, int]:
    """What is here of it: the constants of its Python module's text."""
    place = Path("/usr/lib/python3/dist-packages/nbd.py")
    if not place.exists():
        pytest.skip("python3-libnbd is not installed")
    found = re.findall(r"(?m)^((?:CMD_FLAG|STATE)_\w+) = (\w+)", place.read_text())
    return {f"NBD_{name}": int(value, 0) for name, value in found}
