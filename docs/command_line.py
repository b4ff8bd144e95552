# SPDX-License-Identifier: MIT
"""The reference of the command line, from the parser itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from blkmq.cli import main


def command_line() -> str:
    """Every verb with its usage, text, examples and options."""
    root = click.Context(main, info_name="blkmq", **main.context_settings)
    return "# Command line\n\n" + "\n".join(line for ctx in _contexts(root) for line in _command(ctx))


def _contexts(ctx: click.Context) -> Iterator[click.Context]:
    """A command and the verbs below it, sorted by name."""
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name, verb in sorted(ctx.command.commands.items()):
            yield from _contexts(click.Context(verb, ctx, info_name=name))


def _command(ctx: click.Context) -> Iterator[str]:
    command, path = ctx.command, ctx.command_path
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield from (f"## {path}", "", "```text", f"{path} {usage}", "```", "")
    yield from _prose(command.help)
    yield from ("| option | what for |", "|---|---|")
    for parameter in command.get_params(ctx):
        name, text = parameter.get_help_record(ctx) or ("", "")
        if text:
            yield "| `{}` | {} |".format(*(cell.replace("|", "\\|") for cell in (name, text)))
    yield ""
    yield from _prose(command.epilog)


def _prose(text: str | None) -> Iterator[str]:
    """Paragraphs; those that click leaves as they are, as blocks."""
    for paragraph in inspect.cleandoc(text).split("\n\n") if text else ():
        if paragraph.startswith("\b"):
            yield from ("```text", paragraph.removeprefix("\b").strip("\n"), "```", "")
        else:
            yield from (paragraph, "")
