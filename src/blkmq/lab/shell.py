# SPDX-License-Identifier: MIT
"""A shell in a guest, on this terminal."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from blkmq.lab.guest import environment
from blkmq.lab.run import ARTIFACTS_VARIABLE
from blkmq.lab.vm import Machine, machine_options, virtme, virtme_environment
from blkmq.native.cache import cache_directory

SHELL = """\
#!/bin/bash
{exports}
cd {directory}
exec bash -i
"""


def shell(machine: Machine, directory: Path, working_directory: Path) -> int:
    """Boots a guest with a shell on this terminal; returns when that ends."""
    artifacts, cache = directory / "artifacts", cache_directory()
    artifacts.mkdir()
    (cache / "numba").mkdir(exist_ok=True)
    variables = environment({ARTIFACTS_VARIABLE: str(artifacts), "BLKMQ_CACHE_DIR": str(cache)})
    program = directory / "shell"
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    program.write_text(SHELL.format(exports=exports, directory=shlex.quote(str(working_directory))))
    program.chmod(0o755)
    options = machine_options(machine, shared=[directory, cache / "numba"], written=[working_directory, cache])
    done = subprocess.run(virtme(*options, "--shell", str(program)), env=virtme_environment(directory), check=False)
    return done.returncode
