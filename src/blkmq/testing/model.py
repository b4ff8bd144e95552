# SPDX-License-Identifier: MIT
"""The oracle: what a disk holds, told by a bytearray."""

from __future__ import annotations


class ByteArrayDisk:
    """A disk that cannot be wrong, with the calls of ``InProcessDisk``; offsets and lengths are bytes.

    A discard clears what it covers of the disk's discard granules, and leaves the rest of them alone.
    """

    def __init__(self, size: int, *, discard_granularity: int = 512) -> None:
        self.data = bytearray(size)
        self.stable = bytearray(size)  #: what survives the loss of power, whatever else does
        self.discard_granularity = discard_granularity

    def read(self, offset: int, nr_bytes: int) -> bytes:
        self._check(offset, nr_bytes)
        return bytes(self.data[offset : offset + nr_bytes])

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        self._check(offset, len(data))
        self.data[offset : offset + len(data)] = data
        if fua:
            self.stable[offset : offset + len(data)] = data

    def flush(self) -> None:
        self.stable[:] = self.data

    def discard(self, offset: int, nr_bytes: int) -> None:
        self._check(offset, nr_bytes)
        granule = self.discard_granularity
        first, end = -(-offset // granule) * granule, (offset + nr_bytes) // granule * granule
        if first < end:
            self.data[first:end] = bytes(end - first)
            self.stable[first:end] = bytes(end - first)

    def write_zeroes(self, offset: int, nr_bytes: int) -> None:
        self.write(offset, bytes(nr_bytes))

    def lose_power(self) -> None:
        """Forgets what was neither flushed nor written with FUA."""
        self.data[:] = self.stable

    def _check(self, offset: int, nr_bytes: int) -> None:
        if offset < 0 or nr_bytes < 0 or offset + nr_bytes > len(self.data):
            raise ValueError(f"{nr_bytes} bytes at {offset} are not within {len(self.data)}")
