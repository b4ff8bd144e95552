# SPDX-License-Identifier: MIT
"""``python -m blkmq.bench``: the tour; with ``--write FILE``, the figures of the docs."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from blkmq.bench import tour


@click.command()
@click.option("--write", type=click.Path(path_type=Path), help="Measure at length and write the docs' page of figures.")
@click.option("--cells", type=click.Path(path_type=Path), help="Measure the NBD door at length and write this page.")
@click.option("--only", default="", metavar="WORDS", help="Of the cells, those with these words in their title.")
@click.option("--rounds", default=9, show_default=True, help="Rounds of the page's comparisons.")
def main(write: Path | None, cells: Path | None, only: str, rounds: int) -> None:
    """Runs the drivers on every target, verifies their data and shows how fast they are."""
    console = Console()
    if cells is not None:
        from blkmq.bench.cells import write_cells

        write_cells(cells, only, console)
    elif write is not None:
        from blkmq.bench.page import write_page

        write_page(write, rounds, console)
    else:
        tour.run(console)


if __name__ == "__main__":
    main()
