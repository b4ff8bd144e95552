# SPDX-License-Identifier: MIT
"""What a kernel has of the C API that the glue uses, asked once of its headers and compiler."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from blkmq.abicheck.btf import BtfError
from blkmq.abicheck.btf_check import check_btf
from blkmq.abicheck.btf_file import read_btf
from blkmq.abicheck.compiled import answer, question
from blkmq.abicheck.expected import expected
from blkmq.abicheck.finding import Finding
from blkmq.kmod.kbuild import Headers, run_kbuild
from blkmq.kmod.sources import glue_sources
from blkmq.kmod.views import CONSTANTS, DRIVERS_FLAGS, drivers_limits
from blkmq.mq.errors import BlkmqError
from blkmq.native.cache import cache_directory

HINT = "the glue (blkmq/kmod/glue) must learn this kernel's C API"


@dataclass(frozen=True)
class KernelApi:
    """What is known of one kernel."""

    features: dict[str, bool]
    lacking: frozenset[str]  #: features, constants and limits that it has not, or otherwise

    def header(self) -> str:
        """``blkmq_kernel.h``."""
        lines = [f"#define BLKMQ_HAS_{name} {int(has)}" for name, has in sorted(self.features.items())]
        lines += [f"#define BLKMQ_HAS_LIMIT_{name} {int(name not in self.lacking)}" for name in drivers_limits()]
        flags = " | ".join(name for name in DRIVERS_FLAGS if name not in self.lacking)
        lines.append(f"#define BLKMQ_FLAGS ({flags}) /* that are a driver's to set */")
        return "/* SPDX-License-Identifier: GPL-2.0-only OR MIT */\n" + "".join(f"{line}\n" for line in lines)


def kernel_api(headers: Headers) -> KernelApi:
    """Of a kernel whose C API is as expected; else a BlkmqError with each difference."""
    things = list(expected())
    if headers.btf is not None and (findings := _by_btf(headers.btf)):
        raise BlkmqError(_told(headers, findings, "by its BTF"), hint=HINT)
    text = question(things, CONSTANTS, drivers_limits())
    stderr = _answered(headers, text)
    findings, features, lacking = answer(stderr, things, glue_sources())
    if findings:
        raise BlkmqError(_told(headers, findings, "by its headers"), hint=HINT)
    return KernelApi(features, frozenset(lacking) | {name for name, has in features.items() if not has})


@cache  # who builds several modules asks the same
def _by_btf(path: Path) -> list[Finding]:
    try:
        return check_btf(read_btf(path), expected(), glue_sources())
    except BtfError as error:
        raise BlkmqError(f"{path}: {error}", hint="--no-btf asks the headers alone") from None


def _told(headers: Headers, findings: list[Finding], how: str) -> str:
    head = f"the C API of {headers.path.name} is, {how}, not what the glue expects"
    return "\n".join([f"{head}:", *(f"  {finding}" for finding in findings)])


def _answered(headers: Headers, text: str) -> str:
    """What gcc says of the question; kept for these headers."""
    key = hashlib.sha256(json.dumps([text, headers.identity()]).encode()).hexdigest()
    kept = cache_directory() / "kernel_api" / key
    if kept.exists():
        return kept.read_text()
    with tempfile.TemporaryDirectory(prefix="blkmq-ask-") as temporary:
        directory = Path(temporary) / "module"
        directory.mkdir()
        (directory / "question.c").write_text(text)
        (directory / "Kbuild").write_text("obj-m := question.o\nccflags-y := -fmax-errors=0 -Wpointer-sign\n")
        run = run_kbuild(headers, directory)
    if run.returncode and not re.search(r"^(expected|limit|constant) ", run.stderr, re.MULTILINE):
        raise BlkmqError(f"{headers.path}: nothing builds with these headers:\n{(run.stderr or run.stdout).rstrip()}")
    kept.parent.mkdir(exist_ok=True)
    fresh = kept.with_suffix(".new")
    fresh.write_text(run.stderr)
    fresh.replace(kept)
    return run.stderr
