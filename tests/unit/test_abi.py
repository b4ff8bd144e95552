# SPDX-License-Identifier: MIT
"""``blkmq.abi`` against the kernel's own headers, and what ``blkmq.mq`` makes of its numbers."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections.abc import Callable
from dataclasses import fields
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from blkmq import abi
from blkmq.abi import blk_mq, blk_types, errno
from blkmq.mq.blk_eh import BlkEhTimerReturn
from blkmq.mq.blk_integrity import BlkIntegrity
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errno import Errno
from blkmq.mq.hctx_type import HctxType
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.req_op import ReqFlag, ReqOp

PROTOCOLS = ("nbd",)  #: numbers of another document than the kernel's headers; their transport's tests compare them
MODULES = [
    importlib.import_module(f"blkmq.abi.{found.name}")
    for found in pkgutil.iter_modules(abi.__path__)
    if found.name not in PROTOCOLS
]

# What the headers leave to the configuration and to the compiler.
GIVEN = {
    "CONFIG_PAGE_SHIFT": 12,
    "size_t": 8,
    "__u32": 4,
    "__u64": 8,
    "struct_blk_zone_report": 16,
    "struct_blk_zone_range": 16,
}
IOC_DIRECTION = {"_IO": 0, "_IOW": 1, "_IOR": 2, "_IOWR": 3}
CAST_BITS = {"unsigned short": 16, "int": 32, "unsigned int": 32, "long": 64, "long long": 64}

# Families of names that a module must have whole, so that a new member of the kernel's is noticed.
FAMILIES = {
    "blk_types": "REQ_|BLK_STS_|STAT_",
    "blk_mq": "BLK_MQ_|HCTX_|BLK_EH_|MQ_RQ_|RQF_",
    "blkdev": "BLK_FEAT_|BLK_FLAG_|BLK_OPEN_|BLK_INTEGRITY_|BLK_UID_|GENHD_FL_|BLKDEV_ZERO_",
    "blkzoned": "BLK",
    "blk_integrity": "BLK_",
    "errno": "E",
    "sizes": "SZ_",
}
C_TYPES = {
    "unsigned char": "u8",
    "enum blk_integrity_checksum": "u8",  # packed
    "unsigned short": "u16",
    "unsigned int": "u32",
    "blk_features_t": "u32",
    "blk_flags_t": "u32",
    "unsigned long": "u64",
    "struct blk_integrity": "BlkIntegrity",
}


class Header(dict[str, int]):
    """The constants of some header text: object-like macros and enumerators, evaluated when asked for."""

    def __init__(self, text: str, *others: Header) -> None:
        self.text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text.replace("\\\n", " "), flags=re.DOTALL)
        self.others = others
        self.expressions: dict[str, str] = {}
        for name, expression in re.findall(r"(?m)^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S.*)", self.text):
            if name != expression.strip():
                self.expressions.setdefault(name, expression)
        for body in re.findall(r"\benum\b[^{};()]*\{([^{}]*)\}", re.sub(r"(?m)^[ \t]*#.*", "", self.text)):
            expression = "-1"
            for enumerator in filter(None, map(str.strip, body.split(","))):
                name, _, given = enumerator.partition("=")
                expression = given or f"({expression}) + 1"
                self.expressions.setdefault(name.strip(), expression)

    def __missing__(self, name: str) -> int:
        """The value of a name in an expression, this header's or another's."""
        if name in GIVEN:
            return GIVEN[name]
        for header in (self, *self.others):
            if name in header.expressions:
                return header.value(name)
        raise KeyError(name)

    def value(self, name: str) -> int:
        """The value of one of this header's constants."""
        expression = self.expressions[name]
        expression = re.sub(r"\bstruct\s+(\w+)", r"struct_\1", expression)
        expression = re.sub(r"\(\s*__force\s+\w+\s*\)", "", expression)
        for cast, bits in CAST_BITS.items():
            expression = re.sub(rf"\(\s*{cast}\s*\)", f"{(1 << bits) - 1} & ", expression)
        expression = re.sub(r"\b_AC\(\s*(\w+)\s*,\s*\w+\s*\)", r"\1", expression)
        expression = re.sub(r"(~0|-1)U\b", str((1 << 32) - 1), expression)
        expression = re.sub(r"(~0|-1)ULL?\b", str((1 << 64) - 1), expression)
        expression = re.sub(r"(?i)\b(0x[0-9a-f]+|\d+)[ul]+\b", r"\1", expression)
        macros = {macro: ioctl_number(direction) for macro, direction in IOC_DIRECTION.items()}
        value = eval(expression.strip(), {"__builtins__": {}, **macros}, self)
        assert isinstance(value, int)
        return value


def ioctl_number(direction: int) -> Callable[..., int]:
    """``_IO`` and its kin, after ``include/uapi/asm-generic/ioctl.h``."""
    return lambda kind, number, size=0: direction << 30 | size << 16 | kind << 8 | number


def header_paths(module: ModuleType) -> list[str]:
    """Where the headers are that a module's docstring names."""
    return re.findall(r"``((?:include|block)/[\w./-]+\.h)``", module.__doc__ or "")


def tree() -> Path:
    """The kernel's headers, or its whole source."""
    place = os.environ.get("BLKMQ_KERNEL_SOURCE")
    if not place:
        pytest.skip("BLKMQ_KERNEL_SOURCE names no linux-headers-*-common or linux-source tree: `make kernel-source`")
    assert (Path(place) / "include/linux/blkdev.h").is_file(), f"no kernel headers in {place}: `make kernel-source`"
    return Path(place)


def kernel_text(path: str) -> str:
    """A file of the kernel's."""
    if not (file := tree() / path).is_file():
        pytest.skip(f"cannot be had: {path} is in the kernel's source, not among its installed headers")
    return file.read_text()


@cache
def all_headers(root: Path) -> Header:
    """One namespace of all headers, for what one takes from another."""
    paths = {root / path for module in MODULES for path in header_paths(module)}
    return Header("\n".join(path.read_text() for path in sorted(paths) if path.is_file()))


def header_of(module: ModuleType) -> Header:
    return Header("\n".join(map(kernel_text, header_paths(module))), all_headers(tree()))


def constants(module: ModuleType, prefix: str = "", *, but: tuple[str, ...] = ("__",)) -> dict[str, int]:
    """The module's constants whose names begin with ``prefix``, and with none of ``but``."""
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and name.startswith(prefix) and not name.startswith(but)
    }


def members(enum: type[IntEnum | IntFlag], prefix: str) -> dict[str, int]:
    return {prefix + name: int(member) for name, member in enum.__members__.items()}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_module_names_its_header_and_kernel(module: ModuleType) -> None:
    assert header_paths(module)
    assert "Linux 7.3" in (module.__doc__ or "")
    assert all(type(value) is int for value in constants(module).values())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_number_is_the_headers(module: ModuleType) -> None:
    header, ours = header_of(module), constants(module)
    assert ours
    assert ours == {name: header.value(name) for name in ours if name in header.expressions}


@pytest.mark.parametrize("name", FAMILIES)
def test_families_are_whole(name: str) -> None:
    module = importlib.import_module(f"blkmq.abi.{name}")
    theirs = {found for found in header_of(module).expressions if re.match(FAMILIES[name], found)}
    assert theirs
    assert theirs <= constants(module).keys()


@pytest.mark.parametrize(("struct", "twin"), [("queue_limits", QueueLimits), ("blk_integrity", BlkIntegrity)])
def test_structures_have_the_headers_fields(struct: str, twin: type[QueueLimits | BlkIntegrity]) -> None:
    text = Header(kernel_text("include/linux/blkdev.h")).text
    body = re.search(rf"(?s)\bstruct {struct} \{{(.*?)\n\}}", text)
    assert body
    theirs = [(name, C_TYPES[kind]) for kind, name in re.findall(r"(\w[\w ]*?)\s+(\w+);", body[1])]
    assert [(field.name, field.type) for field in fields(twin)] == theirs


def test_block_statuses_have_the_kernels_errnos() -> None:
    table = re.findall(r"(?m)^\tENT\((\w+),\s*-?(\w+),", kernel_text("block/blk-core.c"))
    theirs = {name: Errno.OK if number == "0" else Errno[number] for name, number in table}
    assert {status.name: status.to_errno() for status in BlkStatus} == theirs


def test_enums_have_every_constant() -> None:
    not_ops = ("REQ_OP_BITS", "REQ_OP_MASK", "REQ_OP_LAST")
    assert members(ReqOp, "REQ_OP_") == constants(blk_types, "REQ_OP_", but=not_ops)
    assert members(ReqFlag, "REQ_") == constants(blk_types, "REQ_", but=("REQ_OP_", "REQ_FLAG_BITS"))
    assert members(BlkStatus, "BLK_STS_") == constants(blk_types, "BLK_STS_")
    assert members(HctxType, "HCTX_TYPE_") == constants(blk_mq, "HCTX_TYPE_")
    assert members(BlkEhTimerReturn, "BLK_EH_") == constants(blk_mq, "BLK_EH_")
    assert members(Errno, "") == {"OK": 0} | {name: -value for name, value in constants(errno).items()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("#define A ((__force blk_status_t)7) /* seven */", 7),
        ("#define A \\\n\t(B | 1)\n#define B (1u << 4)", 17),
        ("enum {\n\tX = 3, /* here */\n\tY,\n\tA,\n};", 5),
        ("enum op {\n\tA = 9,\n#define A A\n};", 9),
        ("#define A (-1U)", 0xFFFFFFFF),
        ("#define A ((unsigned short)~0U)", 0xFFFF),
        ("#define A _AC(0x100000000, ULL)", 1 << 32),
        ("#define A (~(B - 1))\n#define B (_AC(1,UL) << CONFIG_PAGE_SHIFT)", -4096),
        ("#define A _IOWR(0x12, 130, struct blk_zone_report)", 0xC0101282),
    ],
)
def test_header_text_is_understood(text: str, value: int) -> None:
    assert Header(text).value("A") == value
