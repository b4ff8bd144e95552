# SPDX-License-Identifier: MIT
"""``blkmq completion``, and what shells ask afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli_runs import GOOD, answer, complaint, run, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script(shell: str) -> None:
    script = answer("completion", shell)
    assert f"_BLKMQ_COMPLETE={shell}_complete" in script
    assert "_blkmq_completion" in script


def test_a_shell_that_we_do_not_know() -> None:
    assert "'tcsh' is not one of" in complaint("completion", "tcsh", code=2)


def completed(line: str) -> list[str]:
    """What bash would offer for the last word of a line."""
    words = line.split(" ")
    done = run(_BLKMQ_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert (done.exit_code, done.stderr) == (0, "")
    return [row.removeprefix("plain,") for row in done.stdout.splitlines() if row]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("blkmq che", ["check"]),
        ("blkmq bench ram", ["ramdisk"]),
        ("blkmq bench null", ["null_blk"]),
        ("blkmq drivers goo", ["good.py"]),
        ("blkmq check de", ["deep/er/one.py", "deep/er/two.py"]),
        ("blkmq check wi", ["wide/", "wild.py"]),
        ("blkmq check ./goo", ["./good.py"]),
        ("blkmq check nowhere/", []),
        ("blkmq emit good.py --to ", ["numba", "c"]),
        ("blkmq completion ", ["bash", "zsh", "fish"]),
        ("blkmq check good.py ", ["mode=", "blocksize=", "quiet=", "status="]),
        ("blkmq check good.py mo", ["mode=", "mode=1"]),
        ("blkmq check good.py qu", ["quiet=", "quiet=Y", "quiet=N"]),
        ("blkmq check good.py quiet=", ["quiet=Y", "quiet=N"]),
        ("blkmq check good.py status=ZONE_O", ["status=ZONE_OPEN_RESOURCE"]),
        ("blkmq check good.py quiet =", ["Y", "N"]),
        ("blkmq check good.py status = NOS", ["NOSPC"]),
        ("blkmq check good.py nothing =", []),
        ("blkmq check broken.py ", []),
        ("blkmq check nowhere.py ", []),
    ],
)
def test_what_is_offered(line: str, offered: list[str]) -> None:
    Path("deep/er").mkdir(parents=True)
    Path("wide").mkdir()
    for name in ("deep/er/one.py", "deep/er/two.py", "deep/er/notes.txt", "wild.py"):
        Path(name).write_text(GOOD)
    Path("broken.py").write_text("print('loud')\n1 / 0\n")
    assert completed(line) == offered


def test_bash_takes_the_script() -> None:
    Path("script").write_text(answer("completion", "bash"))
    done = subprocess.run(
        ["bash", "--norc", "-c", "source ./script && complete -p blkmq"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "complete -o nosort -F _blkmq_completion blkmq\n"
