# SPDX-License-Identifier: MIT
"""``blkmq lab``: its verbs as far as they need no guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from blkmq.cli.lab import lab
from blkmq.lab import own_kernel
from blkmq.lab.fetch import kernel_directory
from blkmq.lab.kernel import find_kernel, kernels
from blkmq.lab.lab_error import LabExit
from tests.cli_runs import answer, complaint, document, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]


@pytest.fixture(autouse=True)
def empty_cache(surroundings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.parametrize("verb", lab.commands)
def test_each_verb_has_help_with_examples(verb: str) -> None:
    text = answer("lab", verb, "--help")
    assert f"Usage: blkmq lab {verb}" in text
    assert "Examples:" in text


def test_the_matrix_is_shown() -> None:
    told = document("lab", "kernels")["kernels"]
    assert [row["kernel"] for row in told] == [kernel.name for kernel in kernels()]
    assert all(row["here"] == "" for row in told)
    assert "gone: the archive has lost its modules package" in answer("lab", "kernels")


def test_an_unknown_kernel() -> None:
    for words in (["fetch", "7.33"], ["run", "--kernel", "7.33", "--", "true"], ["clean", "7.33"]):
        text = complaint("lab", *words, code=LabExit.UNKNOWN_KERNEL)
        assert "did you mean 7.3?" in text
        assert "6.12" in text


def test_a_kernel_without_headers_is_refused_before_anything_is_fetched() -> None:
    assert "no headers for 6.18" in complaint("lab", "fetch", "6.18", "--headers", code=LabExit.GONE)


def test_a_kernel_that_is_gone_names_the_way_out() -> None:
    assert "--vmlinuz PATH" in complaint("lab", "fetch", "7.1", code=LabExit.GONE)


def test_a_kernel_that_must_be_built_says_how() -> None:
    text = complaint("lab", "run", "--kernel", "debug", "--", "true", code=LabExit.GONE)
    assert "blkmq lab kernel-build debug" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "missing argument"),
        (["run", "--memory", "2", "--", "true"], "'2' is not a number with K, M or G behind it"),
        (["run", "--icount", "--accel", "kvm", "--", "true"], "--icount needs TCG"),
        (["run", "--modules", ".", "--", "true"], "--modules goes with --vmlinuz"),
        (["run", "--icount", "--cpus", "2", "--", "true"], "--icount counts on one CPU"),
        (["run", "--kernel", "6.12", "--vmlinuz", __file__, "--", "true"], "two kernels"),
        (["run", "--timeout", "nan", "--", "true"], "'nan' is not a number"),
        (["run", "--vmlinuz", "missing", "--", "true"], "does not exist"),
        (["run", "--timeout", "0", "--", "true"], "0"),
        (["shell"], "a shell needs a terminal"),
        (["kernel-build", "other"], "debug"),
    ],
)
def test_wrong_usage(words: list[str], said: str) -> None:
    assert said in complaint("lab", *words, code=2)


def test_no_kernel_image(tmp_path: Path) -> None:
    (tmp_path / "image").write_text("text")
    text = complaint("lab", "run", "--vmlinuz", tmp_path / "image", "--", "true", code=LabExit.VM_BROKE)
    assert "not a Linux kernel image" in text


def test_modules_of_another_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_kernel, "_release", lambda _: "6.12.1-mine")
    modules = tmp_path / "7.3.4-other"
    modules.mkdir()
    (modules / "modules.dep").touch()
    (tmp_path / "image").touch()
    own = "--vmlinuz", tmp_path / "image", "--modules", modules
    text = complaint("lab", "run", *own, "--", "true", code=LabExit.VM_BROKE)
    assert f"{modules}: not of {tmp_path / 'image'}, which is 6.12.1-mine" in text
    assert "hint: give lib/modules/6.12.1-mine" in text


def test_clean() -> None:
    (kernel_directory(find_kernel("7.3"))).mkdir()
    (kernel_directory(find_kernel("7.3")) / "file").write_bytes(bytes(2 << 20))
    assert answer("lab", "clean", "6.12") == "removed 0 MiB\n"
    assert answer("lab", "clean") == "removed 2 MiB\n"
    assert not kernel_directory(find_kernel("7.3")).exists()
