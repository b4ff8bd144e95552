# SPDX-License-Identifier: MIT
"""``blkmq completion``: the script by which a shell completes our words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print a script that completes blkmq's words in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that makes a shell complete verbs, drivers, attributes and options.

    \b
    Examples:
      eval "$(blkmq completion bash)"                                      in ~/.bashrc
      eval "$(blkmq completion zsh)"                                       in ~/.zshrc
      blkmq completion fish > ~/.config/fish/completions/blkmq.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "blkmq", "_BLKMQ_COMPLETE").source())
