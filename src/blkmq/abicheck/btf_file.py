# SPDX-License-Identifier: MIT
"""Where BTF is: a file of its own, an ELF file, or a compressed kernel."""

from __future__ import annotations

import lzma
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from blkmq.abicheck.btf import MAGIC, Btf, BtfError

RUNNING = Path("/sys/kernel/btf/vmlinux")
ELF = b"\x7fELF"
#: Of a bzImage: Documentation/arch/x86/boot.rst.
SETUP_SECTORS, BOOT_MAGIC, PAYLOAD = 0x1F1, 0x202, 0x248
SECTOR_BYTES = 512


def read_btf(path: Path) -> Btf:
    """The BTF of a kernel; a BtfError says why there is none."""
    data = path.read_bytes()
    if data[BOOT_MAGIC : BOOT_MAGIC + 4] == b"HdrS":
        data = _unpacked(data)
    if data.startswith(ELF):
        data = _section(data, b".BTF")
    if data[:2] != MAGIC.to_bytes(2, "little"):
        raise BtfError(f"{path} has no BTF")
    return Btf(data)


def _unpacked(image: bytes) -> bytes:
    """The vmlinux in a bzImage."""
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = (image[SETUP_SECTORS] + 1) * SECTOR_BYTES + offset
    payload = image[start : start + length]
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(payload)
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        if shutil.which("zstd") is None:
            raise BtfError("no zstd: this kernel is packed with it (apt-get install zstd)")
        done = subprocess.run(["zstd", "-dcq"], input=payload, capture_output=True, check=False)
        return done.stdout  # four bytes of its length stand behind it, which zstd complains of
    raise BtfError(f"packed in a way that is not known here: {payload[:4].hex()}")


def _section(elf: bytes, name: bytes) -> bytes:
    """A section of a 64-bit ELF file; b"" if it has none of that name."""
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count, strings = struct.unpack_from("<HHH", elf, 58)

    def header(index: int) -> tuple[int, int, int]:
        name_offset, _, _, _, offset, length = struct.unpack_from("<IIQQQQ", elf, table + index * size)
        return name_offset, offset, length

    _, names, _ = header(strings)
    for index in range(count):
        name_offset, offset, length = header(index)
        if elf[names + name_offset :].startswith(name + b"\0"):
            return elf[offset : offset + length]
    return b""
