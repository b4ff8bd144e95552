# SPDX-License-Identifier: MIT
"""Pages that the code itself writes: verbs, rules, states, slots.  ``conf.py`` calls :func:`write` at each build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from command_line import command_line

from blkmq.compiler.frontend.rules import RULES
from blkmq.dispatch.ownership import TABLE, State
from blkmq.mq.operations import SLOTS, Family
from blkmq.testing.misbehaviour.markdown import rows_as_markdown

FOLDER = Path(__file__).parent / "reference" / "generated"


def states() -> str:
    """The request's states, drawn and listed from ``dispatch/ownership.py``."""
    lines = ["# States of a request", "", "```{raw} html", drawing(), "```", ""]
    lines += ["| verb | from | to |", "|---|---|---|"]
    lines += [f"| {verb} | {source.name} | {target.name} |" for (verb, source), target in TABLE.items()]
    return "\n".join(lines) + "\n"


BOX_WIDTH, BOX_HEIGHT, GAP, BASE = 110, 34, 60, 150


def drawing() -> str:
    """The table as a picture: states in a row, arrows forward above them, backward below."""
    left = {state: 20 + i * (BOX_WIDTH + GAP) for i, state in enumerate(State)}
    parts = []
    for state, x in left.items():
        parts.append(f'<rect x="{x}" y="{BASE}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" class="state"/>')
        parts.append(f'<text x="{x + BOX_WIDTH / 2}" y="{BASE + 22}">{state.name}</text>')
    arrows: dict[tuple[State, State], list[str]] = {}
    for (verb, source), target in TABLE.items():
        arrows.setdefault((source, target), []).append(verb)
    for (source, target), verbs in arrows.items():
        forward = target > source
        start = left[source] + BOX_WIDTH * (0.65 if forward else 0.35)
        end = left[target] + BOX_WIDTH * (0.35 if forward else 0.65)
        edge = BASE if forward else BASE + BOX_HEIGHT
        bend = edge + (-1 if forward else 1) * (18 + 0.16 * abs(end - start))
        parts.append(f'<path d="M{start} {edge} C{start} {bend} {end} {bend} {end} {edge}" class="move"/>')
        parts.append(
            f'<text x="{(start + end) / 2}" y="{0.25 * edge + 0.75 * bend}" class="verb">{", ".join(verbs)}</text>'
        )
    width = 40 + len(left) * (BOX_WIDTH + GAP) - GAP
    style = (
        "text{font:12px sans-serif;text-anchor:middle;fill:currentColor}.verb{font-size:10px}"
        ".state{fill:none;stroke:currentColor}.move{fill:none;stroke:currentColor;marker-end:url(#tip)}"
    )
    tip = (
        '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="currentColor"/></marker>'
    )
    return f'<svg viewBox="0 0 {width} 330" role="img"><style>{style}</style><defs>{tip}</defs>{"".join(parts)}</svg>'


def rules() -> str:
    """The rules that a compiled driver keeps."""
    lines = ["# Rules for compiled drivers", "", "| rule | says | hint |", "|---|---|---|"]
    lines += [f"| `{rule.name}` | {_cell(rule.text)} | {_cell(rule.hint)} |" for rule in RULES.values()]
    return "\n".join(lines) + "\n"


def slots() -> str:
    """Every callback that a driver may fill."""
    titles = {
        Family.BLK_MQ_OPS: "struct blk_mq_ops",
        Family.BLOCK_DEVICE_OPERATIONS: "struct block_device_operations",
        Family.BLKMQ: "blkmq's own",
    }
    lines = ["# Callbacks", ""]
    for family, title in titles.items():
        lines += [f"## {title}", "", "| callback | gets | gives | may sleep | what for |", "|---|---|---|---|---|"]
        for slot in SLOTS:
            if slot.family is family:
                gets = ", ".join(f"{name}: {kind.__name__}" for name, kind in slot.parameters)
                gives = slot.returns.__name__ if slot.returns else "-"
                lines.append(
                    f"| `{slot.name}` | {gets or '-'} | {gives} | {'yes' if slot.sleeps else 'no'} | {slot.doc} |"
                )
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES: dict[str, Callable[[], str]] = {
    "command_line": command_line,
    "states": states,
    "rules": rules,
    "callbacks": slots,
    "misbehaviour": rows_as_markdown,
}


def write() -> None:
    """Writes every page whose text has changed."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path, text = FOLDER / f"{name}.md", page()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
