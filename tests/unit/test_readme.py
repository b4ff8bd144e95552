# SPDX-License-Identifier: MIT
"""What the README shows, runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.slow
def test_the_readmes_driver_and_its_use_run(tmp_path: Path) -> None:
    driver, use = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "slow_ram.py").write_text(driver)
    done = subprocess.run([sys.executable, "-c", use], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("b'Hello'\n262144\n")
    assert "nr_errors': 0" in done.stdout
    command = [str(Path(sys.executable).with_name("blkmq")), "check", "./slow_ram.py"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
