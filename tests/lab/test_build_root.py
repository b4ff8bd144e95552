# SPDX-License-Identifier: MIT
"""Commands in a build root end with who started them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

PARENT = """
import subprocess, sys
from pathlib import Path
from blkmq.lab.build_root import BuildRoot

command = BuildRoot(Path("/")).command("sh", "-c", "sleep 1000 & echo up; sleep 1000", directory=Path(sys.argv[1]))
subprocess.run(command, pass_fds=[int(sys.argv[2])])
"""
PATIENCE_SEC = 30.0


def test_a_build_ends_with_who_is_killed(tmp_path: Path) -> None:
    may = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True, check=False)
    if may.returncode:
        pytest.skip(f"cannot be had: no namespaces of one's own: {may.stderr.strip()}")
    ours, theirs = os.pipe()  # all that runs there holds its end
    words = [sys.executable, "-c", PARENT, str(tmp_path), str(theirs)]
    with subprocess.Popen(words, pass_fds=[theirs], stdout=subprocess.PIPE, text=True) as parent:
        os.close(theirs)
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        assert not select.select([ours], [], [], 0)[0]
        parent.kill()
        assert select.select([ours], [], [], PATIENCE_SEC)[0]
        assert os.read(ours, 1) == b""
    os.close(ours)
