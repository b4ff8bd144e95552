# SPDX-License-Identifier: MIT
"""A shell in a guest, on this terminal."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from blkmq.lab.guest import enter, environment, exports
from blkmq.lab.run import ARTIFACTS_VARIABLE
from blkmq.lab.vm import Machine, machine_options, virtme, virtme_environment
from blkmq.native.cache import cache_directory


def shell(machine: Machine, directory: Path, working_directory: Path) -> int:
    """Boots a guest with a shell on this terminal; returns when that ends."""
    artifacts, cache = directory / "artifacts", cache_directory()
    artifacts.mkdir()
    (cache / "numba").mkdir(exist_ok=True)
    variables = environment({ARTIFACTS_VARIABLE: str(artifacts), "BLKMQ_CACHE_DIR": str(cache)})
    shared = [directory, cache / "numba"]
    inner, program = directory / "shell.sh", directory / "enter"
    inner.write_text(f"{exports(variables)}\ncd {shlex.quote(str(working_directory))}\nexec bash -i\n")
    program.write_text("#!/bin/bash\n" + enter(["bash", str(inner)], shared))
    program.chmod(0o755)
    options = machine_options(machine, shared)
    done = subprocess.run(virtme(*options, "--shell", str(program)), env=virtme_environment(directory), check=False)
    return done.returncode
