# SPDX-License-Identifier: MIT
"""The processor that Numba compiles for: a common one, so that machines and guests share what is compiled."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

COMMON = "x86-64-v3"  #: of the psABI: AVX2, BMI2, FMA; what LLVM calls it, too
#: What Linux calls the features that it has beyond x86-64-v2.
FEATURES = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"})
CPUINFO = Path("/proc/cpuinfo")


def choose_cpu(environment: MutableMapping[str, str] = os.environ, cpuinfo: Path = CPUINFO) -> None:
    """Makes Numba compile for ``COMMON`` where this processor has all of that, unless a user chose another one.

    The name is part of every cache's key.  It has an effect only before Numba is loaded; later, code is compiled for
    this very processor, and nothing is shared.
    """
    if "NUMBA_CPU_NAME" in environment or "NUMBA_CPU_FEATURES" in environment:
        return
    if FEATURES.issubset(_flags(cpuinfo).split()):
        environment["NUMBA_CPU_NAME"] = COMMON
        environment["NUMBA_CPU_FEATURES"] = ""


def cpu_key(environment: Mapping[str, str] = os.environ, cpuinfo: Path = CPUINFO) -> str:
    """What tells code for one processor from code for another."""
    if "NUMBA_CPU_NAME" in environment:
        return f"{environment['NUMBA_CPU_NAME']} {environment.get('NUMBA_CPU_FEATURES')}"
    return _flags(cpuinfo)


def _flags(cpuinfo: Path) -> str:
    try:
        with cpuinfo.open() as file:
            return next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return ""
