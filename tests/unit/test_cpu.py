# SPDX-License-Identifier: MIT
"""The processor that Numba compiles for."""

from __future__ import annotations

from pathlib import Path

import pytest

from blkmq.native.cpu import COMMON, FEATURES, choose_cpu, cpu_key

NEW = f"model name\t: x\nflags\t\t: fpu sse2 {' '.join(sorted(FEATURES))} avx512f\n"
OLD = "model name\t: x\nflags\t\t: fpu sse2 avx\n"


@pytest.mark.parametrize(
    ("cpuinfo", "environment", "chosen"),
    [
        (NEW, {}, {"NUMBA_CPU_NAME": COMMON, "NUMBA_CPU_FEATURES": ""}),
        (OLD, {}, {}),
        ("Features\t: fp asimd\n", {}, {}),
        (NEW, {"NUMBA_CPU_NAME": "generic"}, {"NUMBA_CPU_NAME": "generic"}),
    ],
)
def test_the_choice(tmp_path: Path, cpuinfo: str, environment: dict[str, str], chosen: dict[str, str]) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    choose_cpu(environment, path)
    assert environment == chosen


def test_no_proc(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    choose_cpu(environment, tmp_path / "cpuinfo")
    assert environment == {}


def test_numba_compiles_for_it() -> None:
    from numba.core import config

    own: dict[str, str] = {}
    choose_cpu(own)
    assert not own or vars(config)["CPU_NAME"] == COMMON


def test_processors_share_code_under_a_common_name_only(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("flags\t\t: fpu sse2\n")
    other.write_text("flags\t\t: fpu sse2 avx\n")
    assert cpu_key({}, one) != cpu_key({}, other)
    named = {"NUMBA_CPU_NAME": COMMON, "NUMBA_CPU_FEATURES": ""}
    assert cpu_key(named, one) == cpu_key(named, other) != cpu_key({**named, "NUMBA_CPU_NAME": "skylake"}, one)
    assert cpu_key({}, tmp_path / "none") == ""
