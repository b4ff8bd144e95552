# SPDX-License-Identifier: MIT
"""What a module, its configfs tree and its disks are called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from blkmq.mq.configuration import config_class_of
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations

NAME_LENGTH_MAX = 19  #: CONFIGFS_ITEM_NAME_LEN, its zero left out


@dataclass(frozen=True)
class Names:
    """C: ``null_blk``, ``nullb`` and ``nullb0``."""

    module: str
    tree: str
    disk: str  #: before its number

    @classmethod
    def of(cls, driver: type[Operations], snake_name: str, asked: str | None) -> Names:
        """As the driver's config says (``module_names = ("null_blk", "nullb", "nullb")``), or after ``asked``."""
        if asked is None:
            told = getattr(config_class_of(driver), "module_names", None)
            return cls(*told) if told else cls.of(driver, snake_name, snake_name)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", asked) or len(asked) > NAME_LENGTH_MAX:
            raise BlkmqError(
                f"--name {asked!r}: no name for a module",
                hint=f"small letters, digits and _, beginning with a letter, {NAME_LENGTH_MAX} at most",
            )
        return cls(asked, asked, f"{asked}b")
