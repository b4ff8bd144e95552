# SPDX-License-Identifier: MIT
"""What verbs write: tables, JSON documents, errors.  On a terminal with colours, elsewhere as plain lines."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import click

JSON_OPTION = "--json"

json_option = click.option(JSON_OPTION, "as_json", is_flag=True, help="One JSON document on stdout, also for errors.")


def make_encodable() -> None:
    """Makes stdout and stderr take any text: what their encoding lacks is written with backslashes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def echo_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))


def echo_error(text: str, hint: str = "", *, kind: str = "error") -> None:
    """``error: …`` and ``hint: …`` on stderr."""
    color = False if os.environ.get("NO_COLOR") else None
    click.echo(f"{click.style(f'{kind}:', fg='red', bold=True)} {text}", err=True, color=color)
    if hint:
        click.echo(f"{click.style('hint:', fg='cyan')} {hint}", err=True, color=color)


@contextlib.contextmanager
def note_after(seconds: float, text: str) -> Iterator[None]:
    """Says on stderr what takes so long, if it does."""
    import threading

    timer = threading.Timer(seconds, echo_error, (text,), {"kind": "note"})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def log_as_notes() -> Iterator[None]:
    """Writes what blkmq logs as ``note: …`` on stderr, each once."""
    import logging

    class Notes(logging.Handler):
        told: ClassVar[set[str]] = set()

        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if text not in self.told:
                self.told.add(text)
                echo_error(text, kind="note")

    logger, notes = logging.getLogger("blkmq"), Notes()
    logger.addHandler(notes)
    try:
        yield
    finally:
        logger.removeHandler(notes)


def echo_table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Rows in columns: wrapped to a terminal's width, elsewhere a line each, whole."""
    if on_terminal():
        _rich_table(head, rows, title)
        return
    if title:
        click.echo(title)
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head, title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].style, table.columns[0].no_wrap = "bold", True
    for row in rows:
        table.add_row(*map(Text, row))  # Text: brackets of ours are no markup
    Console().print(table)
