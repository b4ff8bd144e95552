# SPDX-License-Identifier: MIT
"""``blkmq lab kernels``: the matrix, with what is here of it."""

from __future__ import annotations

from typing import Any

import click

from blkmq.cli.output import echo_json, echo_table, json_option


@click.command(short_help="Show the kernels that the lab knows, and what is here.")
@json_option
def kernels(as_json: bool) -> None:
    """Show the kernels that `--kernel` takes, where they come from, what they have, and what is here.

    \b
    Examples:
      blkmq lab kernels
      blkmq lab kernels --json
    """
    from blkmq.lab.build_root import has_headers
    from blkmq.lab.directory import in_mib, size_of
    from blkmq.lab.fetch import fetched, kernel_directory
    from blkmq.lab.kernel import kernels as matrix

    rows: list[dict[str, Any]] = []
    for kernel in matrix():
        here = fetched(kernel)
        rows.append(
            {
                "kernel": kernel.name,
                "suite": kernel.suite,
                "has": list(kernel.has),
                "modules": f"gcc of {kernel.gcc}" if kernel.gcc else "",
                "here": here.release if here else "",
                "headers": here is not None and has_headers(kernel, here.release),
                "bytes": size_of(kernel_directory(kernel)) if here else 0,
                "note": (kernel.gone and f"gone: {kernel.gone}") or kernel.note,
            }
        )
    if as_json:
        echo_json({"kernels": rows})
        return
    table = [
        [
            row["kernel"],
            row["suite"],
            ", ".join(row["has"]) or "-",
            row["modules"] or "no headers",
            f"{row['here']}, {in_mib(row['bytes'])}{', headers' * row['headers']}" if row["here"] else "-",
            row["note"],
        ]
        for row in rows
    ]
    echo_table(["kernel", "suite", "has", "modules built by", "here", "note"], table, "")
