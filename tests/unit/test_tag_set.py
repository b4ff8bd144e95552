# SPDX-License-Identifier: MIT
"""The rules of ``blk_mq_alloc_tag_set`` (``block/blk-mq.c``, Linux 7.3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blkmq.abi.blkdev import BLK_FEAT_IO_STAT, BLK_FEAT_NOWAIT, BLK_FEAT_POLL
from blkmq.mq.errors import ConfigError, DriverValueError
from blkmq.mq.hctx_type import HctxType
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.tag_set import TagSet

CPUS = 8


def validated(**settings: Any) -> TagSet:
    tag_set = TagSet(**settings)
    tag_set.validate(nr_cpu_ids=CPUS)
    return tag_set


def test_defaults() -> None:
    assert validated() == TagSet(
        nr_hw_queues=1,
        queue_depth=64,
        nr_maps=1,
        nr_default_queues=1,
        nr_read_queues=0,
        nr_poll_queues=0,
        reserved_tags=0,
        timeout_msec=30_000,
        flags=0,
        numa_node=-1,
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"queue_depth": 1}, {"queue_depth": 1}),
        ({"queue_depth": 10240}, {"queue_depth": 10240}),
        ({"queue_depth": 10241}, {"queue_depth": 10240}),
        ({"queue_depth": 2, "reserved_tags": 1}, {"queue_depth": 2, "reserved_tags": 1}),
        ({"timeout_msec": 0}, {"timeout_msec": 30_000}),
        ({"timeout_msec": 5_000}, {"timeout_msec": 5_000}),
        ({"nr_maps": 0}, {"nr_maps": 1, "nr_default_queues": 1}),
        ({"nr_hw_queues": 100}, {"nr_hw_queues": CPUS, "nr_default_queues": CPUS}),
        ({"nr_hw_queues": 4, "nr_default_queues": 2}, {"nr_default_queues": 4}),  # one map: all are default
        ({"nr_hw_queues": 100, "nr_maps": 2}, {"nr_hw_queues": 100, "nr_default_queues": 100}),
        ({"nr_hw_queues": 5, "nr_maps": 3, "nr_poll_queues": 2}, {"nr_default_queues": 3}),
        (
            {"nr_hw_queues": 6, "nr_maps": 3, "nr_read_queues": 2, "nr_poll_queues": 3},
            {"nr_default_queues": 1},
        ),
        ({"nr_hw_queues": 6, "nr_maps": 3, "nr_default_queues": 1}, {"nr_default_queues": 1}),
    ],
)
def test_accepted(settings: dict[str, int], expected: dict[str, int]) -> None:
    tag_set = validated(**settings)
    assert {field: getattr(tag_set, field) for field in expected} == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nr_hw_queues": 0}, "nr_hw_queues = 0: must be at least 1"),
        ({"queue_depth": 0}, "queue_depth = 0: must be at least 1"),
        (
            {"queue_depth": 8, "reserved_tags": 8},
            "reserved_tags = 8: must leave a tag for ordinary requests; queue_depth is 8",
        ),
        (
            {"queue_depth": 20_000, "reserved_tags": 10_240},
            "reserved_tags = 10240: must leave a tag for ordinary requests; queue_depth is 10240",
        ),
        ({"reserved_tags": 0xFFFFFFFF}, "reserved_tags = 4294967295: must leave a tag"),
        ({"nr_maps": 4}, "nr_maps = 4: must be at most 3: default, read, poll"),
        ({"nr_hw_queues": 2, "nr_read_queues": 1}, "nr_read_queues = 1: needs a read map"),
        ({"nr_hw_queues": 2, "nr_maps": 2, "nr_poll_queues": 1}, "nr_poll_queues = 1: needs a poll map"),
        (
            {"nr_hw_queues": 2, "nr_maps": 3, "nr_poll_queues": 2},
            "nr_hw_queues = 2: has no room for any default, 0 read and 2 poll queues",
        ),
        (
            {
                "nr_hw_queues": 3,
                "nr_maps": 3,
                "nr_default_queues": 2,
                "nr_read_queues": 1,
                "nr_poll_queues": 1,
            },
            "nr_hw_queues = 3: has no room for 2 default, 1 read and 1 poll queues",
        ),
    ],
)
def test_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validated(**settings)
    assert str(refused.value).startswith(message)
    assert refused.value.field == message.split()[0]


def test_a_value_that_does_not_fit_is_refused_where_it_enters() -> None:
    tag_set = TagSet()
    with pytest.raises(DriverValueError, match="queue_depth: -1 outside"):
        tag_set.queue_depth = -1
    with pytest.raises(DriverValueError, match="numa_node"):
        TagSet(numa_node=1 << 31)
    with pytest.raises(AttributeError, match="queue_dept"):
        tag_set.queue_dept = 1  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_this_machines_cpus_are_the_default() -> None:
    tag_set = TagSet(nr_hw_queues=0xFFFFFFFF)
    tag_set.validate()
    assert 1 <= tag_set.nr_hw_queues < 0xFFFFFFFF


def test_queues_are_numbered_map_after_map() -> None:
    tag_set = validated(nr_hw_queues=9, nr_maps=3, nr_default_queues=4, nr_read_queues=3, nr_poll_queues=2)
    assert [tag_set.queues(kind) for kind in HctxType] == [range(4), range(4, 7), range(7, 9)]
    assert not validated(nr_maps=3).queues(HctxType.POLL)


def test_disks_inherit_features() -> None:
    assert TagSet(nr_maps=2).queue_features == BLK_FEAT_IO_STAT | BLK_FEAT_NOWAIT
    assert TagSet(nr_maps=3).queue_features == BLK_FEAT_IO_STAT | BLK_FEAT_NOWAIT | BLK_FEAT_POLL


def test_tag_to_rq_needs_a_callback() -> None:
    with pytest.raises(NotImplementedError, match="outside a callback"):
        TagSet().tag_to_rq(HwCtx(), 0)


@given(
    st.builds(
        TagSet,
        nr_hw_queues=st.integers(0, 20),
        queue_depth=st.integers(0, 20_000),
        nr_maps=st.integers(0, 4),
        nr_default_queues=st.integers(0, 9),
        nr_read_queues=st.integers(0, 9),
        nr_poll_queues=st.integers(0, 9),
        reserved_tags=st.integers(0, 20_000),
        timeout_msec=st.integers(0, 0xFFFFFFFF),
    )
)
def test_a_valid_set_stays_as_it_is_and_maps_its_queues(tag_set: TagSet) -> None:
    try:
        tag_set.validate(nr_cpu_ids=CPUS)
    except ConfigError:
        return
    before = repr(tag_set)
    tag_set.validate(nr_cpu_ids=CPUS)
    assert repr(tag_set) == before
    assert 0 < tag_set.queue_depth - tag_set.reserved_tags <= 10240
    mapped = [queue for kind in HctxType for queue in tag_set.queues(kind)]
    assert mapped == list(range(len(mapped)))
    assert 0 < len(mapped) <= tag_set.nr_hw_queues
