# SPDX-License-Identifier: MIT
"""A disk's unique identifier. C twin: ``u8 id[16]`` of ``block_device_operations.get_unique_id``."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq.mq.integer import u32
from blkmq.mq.sized_record import SizedRecord


@dataclass(slots=True)
class UniqueId(SizedRecord):
    """What ``get_unique_id`` fills in: sixteen bytes as four big-endian words, of which it returns how many count."""

    word0: u32 = 0  #: bytes 0..3
    word1: u32 = 0  #: bytes 4..7
    word2: u32 = 0  #: bytes 8..11
    word3: u32 = 0  #: bytes 12..15

    def __bytes__(self) -> bytes:
        return b"".join(word.to_bytes(4, "big") for word in (self.word0, self.word1, self.word2, self.word3))
