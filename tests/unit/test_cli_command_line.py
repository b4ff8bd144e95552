# SPDX-License-Identifier: MIT
"""What all verbs share: help, exit codes, errors."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import blkmq
from blkmq.cli import main
from blkmq.cli.failure import ExitCode
from blkmq.cli.verdict import TARGETS
from blkmq.device import target
from tests.cli_runs import GOOD, answer, command, complaint, environment, run, run_process, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]

HEAVY = {"numba", "llvmlite", "numpy", "rich", "asyncio"}


def test_version() -> None:
    assert answer("--version") == f"blkmq, version {blkmq.__version__}\n"


def test_help_has_all_verbs_exit_codes_and_examples() -> None:
    text = answer("--help")
    for word in (*main.commands, "Examples:", *(f"\n    {code:<4} " for code in ExitCode)):
        assert word in text


@pytest.mark.parametrize("verb", main.commands)
def test_each_verb_has_help_with_examples(verb: str) -> None:
    text = answer(verb, "--help")
    assert f"Usage: blkmq {verb}" in text
    assert "Examples:" in text


@pytest.mark.parametrize("words", [["--help"], ["bench", "--help"], ["completion", "zsh"], ["drivers", "ramdisk"]])
def test_quick_verbs_load_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\nfrom blkmq.cli import main\ntry:\n    main(sys.argv[1:])\n"
        f"finally:\n    print({HEAVY!r} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


def test_help_does_not_load_the_layers_below() -> None:
    program = "import sys, blkmq.cli\nprint(sorted(n for n in sys.modules if n.startswith('blkmq.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for layer in ("compiler", "native", "dispatch", "transport", "device", "drivers"):
        assert f"'blkmq.{layer}" not in done.stdout


def test_the_targets_are_those_of_device() -> None:
    assert TARGETS == target.TARGETS


def test_no_verb_shows_the_help_and_is_wrong_usage() -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Exit codes:" in result.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["emits"], "no verb 'emits': did you mean emit?"),
        (["quux"], "no verb 'quux': verbs: add, bench, build, check"),
        (["check"], "missing argument 'DRIVER'"),
        (["check", "good.py", "--jsn"], "no such option"),
        (["check", "good.py", "blocksize"], "'blocksize' is no ATTR=VALUE"),
        (["check", "good.py", "=3"], "'=3' is no ATTR=VALUE"),
        (["check", "good.py", "mode=1", "mode=2"], "mode is given twice"),
        (["emit", "good.py"], "missing option '--to'. Choose from: numba, c"),
        (["emit", "good.py", "--to", "rust"], "'rust' is not one of"),
        (["bench", "good.py", "--depth", "0"], "'--depth'"),
        (["bench", "good.py", "--target", "gpu"], "'gpu' is not one of"),
    ],
)
def test_wrong_usage(words: list[str], text: str) -> None:
    told = complaint(*words, code=2)
    assert text in told
    assert "\nhint: `" in told
    assert "--help` shows how\n" in told


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["emits", "--json"], 2, "UsageError"),
        (["check", "nowhere.py", "--json"], 2, "DriverSourceError"),
        (["check", "good.py", "mode=x", "--json"], 2, "ConfigError"),
        (["bench", "refused.py", "--target", "host", "--json"], 3, "Refused"),
    ],
)
def test_errors_as_json(words: list[str], code: int, kind: str) -> None:
    error = json.loads(answer(*words, code=code))["error"]
    assert (error["kind"], error["exit_code"]) == (kind, code)
    assert isinstance(error["text"], str)
    assert isinstance(error["hint"], str)
    for refusal in error.get("refusals", []):
        assert {"file", "line", "rule", "text", "source", "hint"} == set(refusal)


@pytest.mark.parametrize(
    ("word", "text", "hint"),
    [
        ("mod=1", "mod = '1': Good has no such attribute", "did you mean mode?"),
        ("mode=x", "mode = 'x': is no u8", "an integer 0..255, what it does"),
        ("mode=256", "mode = '256': outside 0..255 of a u8", "an integer 0..255"),
        ("mode=", "mode = '': is no u8", "an integer 0..255"),
        ("quiet=perhaps", "quiet = 'perhaps': is no bool", "Y or N"),
        ("status=FINE", "status = 'FINE': is no BlkStatus", "one of OK (0)"),
        ("blocksize=1024", "good.py:18: ValueError: not this one", "BLKMQ_DEBUG=1"),
    ],
)
@pytest.mark.parametrize("verb", ["check", "emit", "bench"])
def test_wrong_attributes(verb: str, word: str, text: str, hint: str) -> None:
    told = complaint(verb, "good.py", word, *(["--to", "c"] if verb == "emit" else []), code=2)
    assert f"error: {text}" in told.splitlines()[0]
    assert f"hint: {hint}" in told.splitlines()[1]


def test_a_mistake_of_ours_asks_for_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(driver: type) -> None:
        raise RuntimeError("some bug")

    monkeypatch.setattr("blkmq.mq.configuration.attributes_of", broken)
    told = complaint("drivers", "good.py", code=70)
    assert told.startswith("error: internal error: RuntimeError: some bug\nhint: this is a mistake of blkmq")
    monkeypatch.setenv("BLKMQ_DEBUG", "1")
    result = run("drivers", "good.py")
    assert "Traceback (most recent call last):" in result.stderr
    assert 'raise RuntimeError("some bug")' in result.stderr


def test_debug_shows_the_driver_authors_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("broken.py").write_text("def f():\n    return 1 / 0\nf()\n")
    assert complaint("check", "broken.py", code=2).startswith("error: broken.py:2: ZeroDivisionError")
    monkeypatch.setenv("BLKMQ_DEBUG", "1")
    assert ", line 3, in <module>" in run("check", "broken.py").stderr


@pytest.mark.parametrize(("words", "text"), [([], "error: interrupted\n"), (["--json"], '"text": "interrupted"')])
def test_interrupted(words: list[str], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(driver: type) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("blkmq.mq.configuration.attributes_of", interrupt)
    result = run("drivers", "good.py", *words)
    assert result.exit_code == 130
    assert text in result.output


def test_the_drivers_own_output_is_no_part_of_the_answer() -> None:
    Path("loud.py").write_text(f'print("hello")\n{GOOD_WITHOUT_FUTURE}')
    result = run("check", "loud.py", "--json")
    assert result.stderr == "hello\n"
    assert json.loads(result.stdout)["class"] == "Good"


def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run_process("emit", "ramdisk", "--to", "c", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk_is_an_io_error() -> None:
    with open("/dev/full", "w") as full:
        done = run_process("ops", "ramdisk", stdout=full, stderr=subprocess.PIPE)
    told = "error: stdout: No space left on device\nhint: make room, or give another place\n"
    assert (done.returncode, done.stderr) == (1, told)
    with open("/dev/full", "w") as full:
        done = run_process("check", "ramdisk", "--json", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize(("encoding", "text"), [("latin-1", "größe \\u2192 5"), ("utf-8", "größe → 5")])
def test_a_narrow_encoding_loses_nothing_but_beauty(encoding: str, text: str) -> None:
    Path("good.py").write_text(GOOD.replace("what it does", "größe → 5"), encoding="utf-8")
    env = environment(PYTHONIOENCODING=encoding)
    done = run_process("drivers", "good.py", capture_output=True, encoding=encoding, env=env)
    assert done.returncode == 0
    assert text in done.stdout


def test_errors_on_a_terminal_are_coloured() -> None:
    assert b"\x1b[31m\x1b[1merror:\x1b[0m" in on_terminal("check", "nowhere.py")


def on_terminal(*words: str) -> bytes:
    """What a run writes to a terminal."""
    ours, theirs = pty.openpty()
    env = environment(TERM="xterm-256color", COLUMNS="100")
    with subprocess.Popen(command(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=env):
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # EIO: the other side is closed
                break
            written += piece
    os.close(ours)
    return written


def test_tables_on_a_terminal_are_drawn() -> None:
    written = on_terminal("drivers", "good.py").decode()
    assert "\u2500\u2500\u2500" in written
    assert "blocksize" in written


def test_emitted_text_on_a_terminal_is_highlighted() -> None:
    written = on_terminal("emit", "good.py", "--to", "c").decode()
    assert "\x1b[" in written
    assert "good_queue_rq" in written


def test_bench_on_a_terminal_shows_progress() -> None:
    written = on_terminal("bench", "good.py", "--target", "interpreted", "--rounds", "1", "--requests", "64").decode()
    assert "round 1 of 1: interpreted" in written


GOOD_WITHOUT_FUTURE = """
from blkmq import BlkStatus, HwCtx, Operations, Request
class Good(Operations):
    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        rq.end(BlkStatus.OK)
        return BlkStatus.OK
"""
