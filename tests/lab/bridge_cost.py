# SPDX-License-Identifier: MIT
"""What a test in a guest costs beside its own time: the last line of `python tests/lab/bridge_cost.py [KERNEL]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.lab()
@pytest.mark.parametrize("number", range(200))
def test_nothing(number): pass
"""


def main(kernel: str = "7.3") -> int:
    """Runs 200 tests that do nothing in one boot of a kernel."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "conftest.py").write_text('pytest_plugins = ["blkmq.testing.lab_tests"]\n')
        (Path(name) / "test_nothing.py").write_text(TESTS)
        return pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", name, "--lab-kernel", kernel, name])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
