# SPDX-License-Identifier: MIT
"""The handshake as a state machine: every option by the protocol's rules, and any bytes at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blkmq.abi import nbd
from blkmq.transport.nbd.handshake import BASE_ALLOCATION, OPTION_BYTES_MAX, Agreement, Handshake, Offer, State
from blkmq.transport.nbd.wire import (
    BlockSizes,
    ExportInfo,
    InfoRequest,
    MetaContext,
    MetaContextRequest,
    NameInfo,
    OptionHeader,
    OptionReply,
    ServerEntry,
)

SIZES = BlockSizes(512, 4096, 32 << 20)
OFFERS = (Offer("one", 1 << 20, 5, SIZES, "the first"), Offer("two", 2 << 20, 7, SIZES))
FLAGS = (nbd.NBD_FLAG_C_FIXED_NEWSTYLE | nbd.NBD_FLAG_C_NO_ZEROES).to_bytes(4, "big")
OLD_FLAGS = bytes(4)


def begun(flags: bytes = FLAGS) -> Handshake:
    handshake = Handshake(OFFERS)
    assert handshake.receive(flags) == b""
    return handshake


def option(number: int, data: bytes = b"") -> bytes:
    return OptionHeader(number, len(data)).to_bytes() + data


def replies(raw: bytes) -> Iterator[OptionReply]:
    head = OptionReply.LAYOUT.size
    while raw:
        end = head + int.from_bytes(raw[head - 4 : head], "big")
        yield OptionReply.parse(raw[:end])
        raw = raw[end:]


def ask(handshake: Handshake, number: int, data: bytes = b"") -> list[OptionReply]:
    answers = list(replies(handshake.receive(option(number, data))))
    assert all(answer.option == number for answer in answers)
    return answers


def kinds(answers: list[OptionReply]) -> list[int]:
    return [answer.kind for answer in answers]


def test_list_names_every_export() -> None:
    answers = ask(begun(), nbd.NBD_OPT_LIST)
    assert kinds(answers) == [nbd.NBD_REP_SERVER, nbd.NBD_REP_SERVER, nbd.NBD_REP_ACK]
    assert [ServerEntry.parse(answer.data).name for answer in answers[:2]] == ["one", "two"]


@pytest.mark.parametrize(("name", "index"), [("", 0), ("one", 0), ("two", 1)])
def test_go_agrees_on_an_export(name: str, index: int) -> None:
    handshake = begun()
    answers = ask(handshake, nbd.NBD_OPT_GO, InfoRequest(name).to_bytes())
    assert kinds(answers) == [nbd.NBD_REP_INFO, nbd.NBD_REP_INFO, nbd.NBD_REP_ACK]
    assert ExportInfo.parse(answers[0].data) == ExportInfo(OFFERS[index].size, OFFERS[index].flags)
    assert BlockSizes.parse(answers[1].data) == SIZES
    assert handshake.state is State.TRANSMISSION
    assert handshake.agreement == Agreement(index, structured=False, base_allocation=False)


def test_info_tells_the_same_and_goes_on() -> None:
    handshake = begun()
    wanted = InfoRequest("one", (nbd.NBD_INFO_NAME, nbd.NBD_INFO_DESCRIPTION, 4711)).to_bytes()
    *infos, ack = ask(handshake, nbd.NBD_OPT_INFO, wanted)
    assert ack.kind == nbd.NBD_REP_ACK
    assert [NameInfo.parse(info.data) for info in infos[2:]] == [
        NameInfo(nbd.NBD_INFO_NAME, "one"),
        NameInfo(nbd.NBD_INFO_DESCRIPTION, "the first"),
    ]
    assert handshake.state is State.OPTION


@pytest.mark.parametrize("number", [nbd.NBD_OPT_INFO, nbd.NBD_OPT_GO])
def test_an_unknown_export_is_refused_and_another_may_follow(number: int) -> None:
    handshake = begun()
    assert kinds(ask(handshake, number, InfoRequest("three").to_bytes())) == [nbd.NBD_REP_ERR_UNKNOWN]
    assert kinds(ask(handshake, nbd.NBD_OPT_GO, InfoRequest("two").to_bytes()))[-1] == nbd.NBD_REP_ACK


@pytest.mark.parametrize(
    ("number", "data"),
    [
        (nbd.NBD_OPT_LIST, b"x"),
        (nbd.NBD_OPT_STRUCTURED_REPLY, b"x"),
        (nbd.NBD_OPT_GO, b""),
        (nbd.NBD_OPT_GO, b"\0\0\0\5abc\0\0"),
        (nbd.NBD_OPT_GO, b"\0\0\0\1\xff\0\0"),
        (nbd.NBD_OPT_INFO, b"\0\0\0\0\0\1"),
        (nbd.NBD_OPT_SET_META_CONTEXT, MetaContextRequest("", ("base:allocation",)).to_bytes()),
    ],
)
def test_invalid_options_are_refused_by_name(number: int, data: bytes) -> None:
    handshake = begun()
    assert kinds(ask(handshake, number, data)) == [nbd.NBD_REP_ERR_INVALID]
    assert handshake.state is State.OPTION


@pytest.mark.parametrize(
    "number", [nbd.NBD_OPT_PEEK_EXPORT, nbd.NBD_OPT_STARTTLS, nbd.NBD_OPT_EXTENDED_HEADERS, 0, 99, (1 << 32) - 1]
)
@pytest.mark.parametrize("data", [b"", b"whatever"])
def test_unknown_options_are_refused_and_the_haggling_goes_on(number: int, data: bytes) -> None:
    handshake = begun()
    assert kinds(ask(handshake, number, data)) == [nbd.NBD_REP_ERR_UNSUP]
    assert kinds(ask(handshake, nbd.NBD_OPT_LIST))[-1] == nbd.NBD_REP_ACK


@pytest.mark.parametrize("length", [OPTION_BYTES_MAX + 1, (1 << 32) - 1])
def test_an_option_that_is_too_long_is_skipped_without_being_kept(length: int) -> None:
    handshake = begun()
    (answer,) = replies(handshake.receive(OptionHeader(nbd.NBD_OPT_GO, length).to_bytes()))
    assert answer.kind == nbd.NBD_REP_ERR_TOO_BIG
    left = length
    for piece in (1, 1000, 1 << 20):
        assert handshake.receive(bytes(min(piece, left))) == b""
        left -= min(piece, left)
        assert len(handshake.rest) <= 1 << 10
    if length == OPTION_BYTES_MAX + 1:
        assert kinds(ask(handshake, nbd.NBD_OPT_LIST))[-1] == nbd.NBD_REP_ACK


def test_abort_is_acknowledged() -> None:
    handshake = begun()
    assert kinds(ask(handshake, nbd.NBD_OPT_ABORT)) == [nbd.NBD_REP_ACK]
    assert handshake.state is State.CLOSED
    assert handshake.reason == ""


@pytest.mark.parametrize(("flags", "zeroes"), [(FLAGS, 0), (OLD_FLAGS, 124)])
def test_export_name_answers_the_old_way(flags: bytes, zeroes: int) -> None:
    handshake = begun(flags)
    answer = handshake.receive(option(nbd.NBD_OPT_EXPORT_NAME, b"two"))
    assert answer == (2 << 20).to_bytes(8, "big") + b"\0\7" + bytes(zeroes)
    assert handshake.agreement == Agreement(1, structured=False, base_allocation=False)


@pytest.mark.parametrize("name", [b"three", b"\xff"])
def test_export_name_has_no_error_but_the_end(name: bytes) -> None:
    handshake = begun()
    assert handshake.receive(option(nbd.NBD_OPT_EXPORT_NAME, name)) == b""
    assert handshake.state is State.CLOSED
    assert "no export" in handshake.reason


def test_a_client_without_fixed_newstyle_may_only_name_an_export() -> None:
    handshake = begun(OLD_FLAGS)
    assert handshake.receive(option(nbd.NBD_OPT_LIST)) == b""
    assert handshake.state is State.CLOSED


def test_structured_replies_bring_df_and_metadata() -> None:
    handshake = begun()
    assert kinds(ask(handshake, nbd.NBD_OPT_STRUCTURED_REPLY)) == [nbd.NBD_REP_ACK]
    context, ack = ask(
        handshake, nbd.NBD_OPT_SET_META_CONTEXT, MetaContextRequest("", (BASE_ALLOCATION, "x:y")).to_bytes()
    )
    assert MetaContext.parse(context.data).name == BASE_ALLOCATION
    assert ack.kind == nbd.NBD_REP_ACK
    info, *_ = ask(handshake, nbd.NBD_OPT_GO, InfoRequest("one").to_bytes())
    assert ExportInfo.parse(info.data).flags & nbd.NBD_FLAG_SEND_DF
    assert handshake.agreement == Agreement(0, structured=True, base_allocation=True)


@pytest.mark.parametrize(
    ("queries", "found"),
    [((), True), (("base:",), True), ((BASE_ALLOCATION,), True), (("base:nothing",), False), (("x-mine:",), False)],
)
def test_contexts_are_listed_by_query(queries: tuple[str, ...], found: bool) -> None:
    handshake = begun()
    ask(handshake, nbd.NBD_OPT_STRUCTURED_REPLY)
    answers = ask(handshake, nbd.NBD_OPT_LIST_META_CONTEXT, MetaContextRequest("one", queries).to_bytes())
    assert kinds(answers) == [nbd.NBD_REP_META_CONTEXT] * found + [nbd.NBD_REP_ACK]


@pytest.mark.parametrize(
    "second", [MetaContextRequest("one").to_bytes(), MetaContextRequest("three", (BASE_ALLOCATION,)).to_bytes(), b"?"]
)
def test_a_new_selection_replaces_the_old_one_even_when_it_fails(second: bytes) -> None:
    handshake = begun()
    ask(handshake, nbd.NBD_OPT_STRUCTURED_REPLY)
    ask(handshake, nbd.NBD_OPT_SET_META_CONTEXT, MetaContextRequest("one", (BASE_ALLOCATION,)).to_bytes())
    ask(handshake, nbd.NBD_OPT_SET_META_CONTEXT, second)
    ask(handshake, nbd.NBD_OPT_GO, InfoRequest("one").to_bytes())
    assert handshake.agreement == Agreement(0, structured=True, base_allocation=False)


def test_a_context_holds_for_the_export_it_was_selected_for() -> None:
    handshake = begun()
    ask(handshake, nbd.NBD_OPT_STRUCTURED_REPLY)
    ask(handshake, nbd.NBD_OPT_SET_META_CONTEXT, MetaContextRequest("two", (BASE_ALLOCATION,)).to_bytes())
    ask(handshake, nbd.NBD_OPT_GO, InfoRequest("one").to_bytes())
    assert handshake.agreement == Agreement(0, structured=True, base_allocation=False)


@pytest.mark.parametrize("raw", [b"\0\0\0\4", b"\xff\xff\xff\xff"])
def test_unknown_client_flags_end_the_connection(raw: bytes) -> None:
    handshake = begun(raw)
    assert handshake.state is State.CLOSED
    assert "flags" in handshake.reason


def test_a_wrong_magic_ends_the_connection() -> None:
    handshake = begun()
    assert handshake.receive(b"GET / HTTP/1.1\r\n") == b""
    assert handshake.state is State.CLOSED
    assert "magic" in handshake.reason


@pytest.mark.parametrize(("sent", "reason"), [(b"", ""), (b"IHAVE", "the client is gone")])
def test_a_client_may_leave(sent: bytes, reason: str) -> None:
    handshake = begun()
    handshake.receive(sent)
    handshake.end_of_stream()
    assert (handshake.state, handshake.reason) == (State.CLOSED, reason)


def test_what_follows_the_handshake_is_kept() -> None:
    handshake = begun()
    handshake.receive(option(nbd.NBD_OPT_GO, InfoRequest("").to_bytes()) + b"first request")
    assert handshake.rest == b"first request"


OPTIONS = st.one_of(
    st.sampled_from([nbd.NBD_OPT_LIST, nbd.NBD_OPT_STRUCTURED_REPLY, 99]).map(option),
    st.builds(
        option,
        st.sampled_from([nbd.NBD_OPT_INFO, nbd.NBD_OPT_GO]),
        st.builds(lambda name: InfoRequest(name).to_bytes(), st.sampled_from(["", "one", "two", "three"])),
    ),
    st.builds(option, st.integers(3, 12), st.binary(max_size=20)),
)


@given(options=st.lists(OPTIONS, max_size=6), cuts=st.lists(st.integers(0, 200), max_size=10))
def test_it_does_not_matter_how_the_stream_is_cut(options: list[bytes], cuts: list[int]) -> None:
    stream = FLAGS + b"".join(options)
    whole, pieces = Handshake(OFFERS), Handshake(OFFERS)
    at_once = whole.receive(stream)
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    in_pieces = b"".join(pieces.receive(stream[a:b]) for a, b in itertools.pairwise(ends))
    assert in_pieces == at_once
    assert (pieces.state, pieces.agreement, pieces.rest) == (whole.state, whole.agreement, whole.rest)


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_any_bytes_do_no_harm(pieces: list[bytes]) -> None:
    handshake = begun()
    for piece in pieces:
        handshake.receive(piece)
    handshake.end_of_stream()
    assert handshake.over
