# SPDX-License-Identifier: MIT
"""Attributes of a driver: what they are, and the values that they take."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from blkmq import ConfigError, Const, Live, Operations, s8, u8, u32, u64
from blkmq.mq.configuration import attributes_of, config_class_of, configuration_of


class IrqMode(IntEnum):
    NONE = 0
    SOFTIRQ = 1
    TIMER = 2


@dataclass(frozen=True, kw_only=True)
class Common:
    #: how requests end:
    #: at once, or later
    irqmode: Const[IrqMode] = IrqMode.SOFTIRQ


@dataclass(frozen=True, kw_only=True)
class Config(Common):
    """A disk's attributes."""

    size: u64 = 250  #: MiB
    blocksize: u32 = 512
    offset: s8 = -1  #: may be "negative", or not
    discard: bool = False  #: whether it has
    nr: u8

    def check(self) -> None:
        if self.blocksize.bit_count() != 1:
            raise ConfigError("blocksize", self.blocksize, "must be a power of two")


class Driver(Operations):
    config: Config


class Plain(Operations):
    pass


def test_attributes_tell_all_about_themselves() -> None:
    table = [(a.name, a.type_name, a.default, a.minimum, a.maximum, a.const, a.doc) for a in attributes_of(Driver)]
    assert table == [
        ("irqmode", "IrqMode", IrqMode.SOFTIRQ, 0, 2, True, "how requests end: at once, or later"),
        ("size", "u64", 250, 0, 2**63 - 1, False, "MiB"),
        ("blocksize", "u32", 512, 0, 2**32 - 1, False, ""),
        ("offset", "s8", -1, -128, 127, False, 'may be "negative", or not'),
        ("discard", "bool", False, 0, 1, False, "whether it has"),
        ("nr", "u8", None, 0, 255, False, ""),
    ]
    assert attributes_of(Driver)[0].enum is IrqMode
    assert config_class_of(Driver) is Config


def test_a_driver_without_config_has_no_attributes() -> None:
    assert attributes_of(Plain) == []
    assert configuration_of(Plain, {}) is None
    with pytest.raises(ConfigError, match="Plain has no such attribute\nhint: it has no attributes"):
        Plain(size=1)


def test_the_configuration_is_a_frozen_instance() -> None:
    driver = Driver(nr=3, size=1)
    assert driver.config == Config(nr=3, size=1)
    with pytest.raises(FrozenInstanceError):
        driver.config.size = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("size", "0x10", 16),
        ("size", " 7 ", 7),
        ("size", "1_000", 1000),
        ("offset", "-128", -128),
        ("discard", "Y", True),
        ("discard", "0", False),
        ("discard", "off", False),
        ("discard", 1, True),
        ("irqmode", "timer", IrqMode.TIMER),
        ("irqmode", "0x0", IrqMode.NONE),
        ("irqmode", 2, IrqMode.TIMER),
        ("irqmode", IrqMode.NONE, IrqMode.NONE),
    ],
)
def test_values_may_be_numbers_or_text(name: str, text: Any, value: Any) -> None:
    config = configuration_of(Driver, {"nr": 0, name: text})
    assert getattr(config, name) == value
    assert type(getattr(config, name)) is type(value)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"nr": 256}, "nr = 256: outside 0..255 of a u8\nhint: an integer 0..255"),
        (
            {"nr": 0, "size": -1},
            "size = -1: outside 0..9223372036854775807 of a u64\nhint: an integer 0..9223372036854775807, MiB",
        ),
        ({"nr": "many"}, "nr = 'many': is no u8\nhint: an integer 0..255"),
        ({"nr": 1.5}, "nr = 1.5: is no u8\nhint: an integer 0..255"),
        ({"nr": 0, "discard": "maybe"}, "discard = 'maybe': is no bool\nhint: Y or N"),
        ({"nr": 0, "irqmode": 7}, "irqmode = 7: is no IrqMode\nhint: one of NONE (0), SOFTIRQ (1), TIMER (2)"),
        ({"nr": 0, "blocksiez": 1}, "blocksiez = 1: Driver has no such attribute\nhint: did you mean blocksize?"),
        ({}, "nr = None: Driver needs it\nhint: give nr=…"),
        ({"nr": 0, "blocksize": 3}, "blocksize = 3: must be a power of two"),
    ],
)
def test_a_refused_value_names_place_value_and_next_step(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Driver(**attributes)
    assert str(caught.value) == message


def test_a_config_is_a_dataclass_of_integers() -> None:
    class NoDataclass:
        size: u64 = 1

    @dataclass(frozen=True)
    class Textual:
        label: str = ""

    for config, message in ((NoDataclass, "is no dataclass"), (Textual, "is no sized integer, bool, IntEnum or Path")):
        driver = type("Odd", (Operations,), {"__annotations__": {"config": config}})
        with pytest.raises(ConfigError, match=message):
            configuration_of(driver, {})


def test_an_unknown_name_that_resembles_none_gets_them_all() -> None:
    with pytest.raises(ConfigError) as caught:
        Driver(nr=0, x=1)
    assert caught.value.hint == "known attributes: irqmode, size, blocksize, offset, discard, nr"


@dataclass(frozen=True, kw_only=True)
class OnFileConfig:
    file: Path  #: where the data is
    log: Path = Path("disk.log")


class OnFile(Operations):
    config: OnFileConfig


def test_a_path_is_the_same_wherever_the_process_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = configuration_of(OnFile, {"file": "a/b.img"})
    assert (config.file, config.log) == (tmp_path / "a/b.img", tmp_path / "disk.log")
    assert configuration_of(OnFile, {"file": Path("/c")}).file == Path("/c")
    table = [(a.name, a.type_name, a.default, a.minimum, a.const, a.doc) for a in attributes_of(OnFile)]
    assert table == [
        ("file", "path", None, None, False, "where the data is"),
        ("log", "path", Path("disk.log"), None, False, ""),
    ]


@pytest.mark.parametrize("value", ["", "a\0b", 3, b"file"])
def test_what_is_no_path_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="is no path"):
        configuration_of(OnFile, {"file": value})


@dataclass(frozen=True, kw_only=True)
class LiveConfig:
    delay_nsec: Live[u64] = 0
    size: u64 = 0


@dataclass(frozen=True, kw_only=True)
class Both:
    mode: Const[Live[u8]] = 0


class Slow(Operations):
    config: LiveConfig


class Undecided(Operations):
    config: Both


def test_what_may_change_in_service_is_no_mode() -> None:
    assert [(a.name, a.live, a.const) for a in attributes_of(Slow)] == [
        ("delay_nsec", True, False), ("size", False, False),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"Both.mode.*is Const, compiled in, and Live"):
        attributes_of(Undecided)
