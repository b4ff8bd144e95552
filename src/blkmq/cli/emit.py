# SPDX-License-Identifier: MIT
"""``blkmq emit``: the text that a target compiles."""

from __future__ import annotations

import os
from pathlib import Path

import click

from blkmq.cli.check import fold_option
from blkmq.cli.driver_argument import attributes_argument, driver_argument, load, new
from blkmq.cli.output import echo_json, json_option, on_terminal
from blkmq.cli.verdict import printed, program_of

LEXERS = {"numba": "python", "c": "c"}


@click.command(short_help="Print the Numba or C text that a driver becomes.")
@driver_argument
@attributes_argument
@click.option("--to", "language", type=click.Choice(list(LEXERS)), required=True, help="What to print.")
@click.option(
    "-o", "output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to FILE; `-` is stdout, the default."
)
@click.option("--lines/--no-lines", default=True, show_default=True, help="Say for each statement where it comes from.")
@fold_option
@json_option
def emit(
    driver: str, attributes: dict[str, str], language: str, output: str | None, lines: bool, fold: bool, as_json: bool
) -> None:
    """Print what DRIVER becomes: a module for Numba, or the C that a kernel would get.

    On a terminal it is coloured; a file or a pipe gets the pure text. `#line` and `call->at` lead a compiler, a
    debugger and an error's message back to the Python; --no-lines leaves them out, for reading.

    \b
    Examples:
      blkmq emit ramdisk --to c --no-lines | less
      blkmq emit my_disk.py --to numba blocksize=4096 -o my_disk_numba.py
    """
    cls = load(driver)
    made = new(cls, attributes) if fold or attributes else None
    text = printed(program_of(cls, made, fold=fold), language, lines=lines)
    path = Path(output) if output not in (None, "-") else None
    if path:
        _write(path, text)
    if as_json:
        echo_json({"driver": driver, "class": cls.__name__, "to": language, "output": output, "text": text})
    elif not path and on_terminal() and not os.environ.get("NO_COLOR"):
        _show(text, LEXERS[language])
    elif not path:
        click.echo(text, nl=False)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _show(text: str, lexer: str) -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    syntax = Syntax(text, lexer, theme="ansi_dark", background_color="default", tab_size=8)
    Console().print(syntax.highlight(text), end="", soft_wrap=True)
