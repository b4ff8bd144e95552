# SPDX-License-Identifier: MIT
"""What ended a verb before its time: the exit code, and how it is told."""

from __future__ import annotations

import contextlib
import errno as errnos
import os
import traceback
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import click

from blkmq.cli.output import echo_error, echo_json
from blkmq.mq.errors import BlkmqError, ConfigError


class ExitCode(IntEnum):
    """Documented in ``blkmq --help``."""

    DONE = 0
    NO = 1  #: the answer is no, or an I/O error
    USAGE = 2
    REFUSED = 3
    BUG = 70  #: EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130


@dataclass(frozen=True)
class Failure:
    """One error as users and programs see it."""

    code: IntEnum
    error: BaseException
    messages: tuple[tuple[str, str], ...]  #: text and hint
    more: dict[str, Any] = field(default_factory=dict)  #: for programs

    def show(self, *, as_json: bool) -> int:
        """Writes it, to stderr or as a JSON document to stdout; returns the exit code."""
        if os.environ.get("BLKMQ_DEBUG", "0") not in ("", "0"):
            click.echo("".join(traceback.format_exception(self.error)), err=True, nl=False)
        try:
            if as_json:
                text, hint = self.messages[0]
                kind = type(self.error).__name__
                echo_json({"error": {"kind": kind, "text": text, "hint": hint, "exit_code": self.code, **self.more}})
            else:
                for message in self.messages:
                    echo_error(*message)
        except OSError:  # nobody reads stdout
            with contextlib.suppress(OSError):
                echo_error(*self.messages[0])
        return self.code


def failure_of(error: BaseException) -> Failure:
    """Whose fault it is, and what to say."""
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt):
        return Failure(ExitCode.INTERRUPTED, error, (("interrupted", ""),))
    if isinstance(error, click.ClickException):
        ctx = getattr(error, "ctx", None)
        path = ctx.command_path if ctx else "blkmq"
        text = " ".join(error.format_message().split()).removesuffix(".")
        text = text[:1].lower() + text[1:]
        return Failure(ExitCode.USAGE, error, ((text, f"`{path} --help` shows how"),))
    if isinstance(error, BlkmqError):
        return _of_blkmq_error(error)
    if isinstance(error, OSError):
        place = error.filename or ("stdout" if error.errno in (errnos.ENOSPC, errnos.EPIPE) else "")
        text = f"{place}: {error.strerror or error}" if place else str(error)
        return Failure(ExitCode.NO, error, ((text, _hint_of(error)),))
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in ("numba", "llvmlite", "numpy"):
        return Failure(ExitCode.NO, error, ((f"Numba cannot be loaded: {error}", "`blkmq doctor` says more"),))
    text = f"internal error: {type(error).__name__}: {error}"
    hint = "this is a mistake of blkmq: please report it, with the traceback that BLKMQ_DEBUG=1 shows"
    return Failure(ExitCode.BUG, error, ((text, hint),))


def _hint_of(error: OSError) -> str:
    """The next step, where the errno says it."""
    return {
        errnos.ENOENT: "the directory must be there",
        errnos.EACCES: "look at the permissions of file and directory",
        errnos.EROFS: "that is mounted read-only: give another place",
        errnos.ENOSPC: "make room, or give another place",
    }.get(error.errno or 0, "")


def _of_blkmq_error(error: BlkmqError) -> Failure:
    from blkmq.compiler.frontend.refused import Refused
    from blkmq.device.driver_source import DriverSourceError
    from blkmq.lab.lab_error import LabError

    messages = ((error.text, error.hint),)
    if isinstance(error, Refused):
        refusals = [refusal_json(refusal) for refusal in error.refusals]
        return Failure(ExitCode.REFUSED, error, tuple((str(r), r.hint) for r in error.refusals), {"refusals": refusals})
    if isinstance(error, ConfigError):
        errno = errnos.errorcode[error.errno]
        more = {"field": error.field, "value": str(error.value), "rule": error.rule, "errno": errno}
        return Failure(ExitCode.USAGE, error, messages, more)
    if isinstance(error, LabError):
        return Failure(error.code, error, messages)
    usage = isinstance(error, DriverSourceError)
    return Failure(ExitCode.USAGE if usage else ExitCode.NO, error, messages)


def refusal_json(refusal: Any) -> dict[str, Any]:
    """A refusal's fields by name."""
    names = ("file", "line", "rule", "text", "source", "hint")
    return {name: getattr(refusal, name) for name in names}
