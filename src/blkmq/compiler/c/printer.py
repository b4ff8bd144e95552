# SPDX-License-Identifier: MIT
"""The typed program as C: what a ``.ko`` is built from, and the ``c`` target for tests.

The text uses nothing but ``contract.h`` (``native/c``), which the kernel's glue and the user-space stand-in
both implement, so that one text serves both.  A value that may change under it is read once into a local;
what may raise leaves its line in ``call->at`` first and is followed by a look at ``call->error``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from blkmq.compiler.c.expression import c_name, snake
from blkmq.compiler.c.lines import CLine, apart, function_name, functions_apart
from blkmq.compiler.c.statement import FunctionPrinter
from blkmq.compiler.program import Entry, Field, Function, Kind, Program, Record
from blkmq.compiler.renaming import without_locals_named

MAX_COLUMNS = 100  #: checkpatch.pl's max_line_length

#: How an argument of ``blkmq_entry``, an s64, becomes a value of each kind.
_FROM_WORD = {
    Kind.S64: "{}",
    Kind.BOOL: "{} != 0",
    Kind.REQUEST: "blkmq_rq_from_word({})",
    Kind.HW_CTX: "blkmq_hw_ctx_from_word({})",
    Kind.REQUEST_LIST: "blkmq_request_list_from_word({})",
    Kind.BATCH: "blkmq_io_completion_batch_from_word({})",
}


def print_c(program: Program, *, lines: bool = True) -> str:
    """The C text of a driver.

    With ``lines``, ``#line`` says for each statement where it comes from, and ``call->at`` for each that may raise;
    without, the text is for readers.
    """
    program = without_locals_named(program, {function_name(program, f.name) for f in program.functions})
    text: list[CLine] = []
    found = functions_apart(program)
    for function in program.functions:
        name = PurePath(program.files[function.file]).name
        text += [CLine(f"/* {_comment(f'{function.name}, {name}:{function.line}')} */")]
        text += [*_mapped(program, function, found, lines), CLine("")]
        if function.name in found:
            text += [CLine(apart(program, function)), CLine("")]
    if lines:
        text.append(CLine('#line 1 "entry"'))
    text += _entry(program)
    return print_records(program) + _joined(text)


def print_records(program: Program) -> str:
    """The text up to the functions."""
    text = [*_head(program)]
    for record in program.records:
        text += [*_record(program, record), CLine("")]
    return _joined(text)


def _joined(text: Iterable[CLine]) -> str:
    return "".join(f"{part}\n" for line in text for part in wrapped(line.text))


def _head(program: Program) -> Iterator[CLine]:
    yield CLine("// SPDX-License-Identifier: GPL-2.0-only OR MIT")
    yield CLine(f"/* Driver {program.name}, printed by blkmq: change the Python, not this.")
    yield CLine(" *")
    for number, file in enumerate(program.files):
        yield CLine(f" * file {number}: {_comment(PurePath(file).name)}")
    for name, value in program.folded.items():
        yield CLine(f" * {name} is {value} in this text")
    yield CLine(" */")
    yield CLine('#include "contract.h"')
    yield CLine("")


def _record(program: Program, record: Record) -> Iterator[CLine]:
    yield CLine(f"struct {record.name} {{")
    for field in record.fields:
        length = f"[{field.length}]" if field.length else ""
        text = f"\t{_field_type(field)} {c_name(field.name)}{length};"
        comment = f" /* {words} */" if (words := _comment(": ".join(filter(None, (field.enum, field.unit))))) else ""
        if _columns(text + comment) > MAX_COLUMNS:
            yield CLine(f"\t{comment.strip()}")
            comment = ""
        yield CLine(text + comment)
    if not record.fields:
        yield CLine("\ts64 nothing;")
    yield CLine("};")


def _comment(text: str) -> str:
    """Any text on one line of a comment."""
    return " ".join(text.split()).replace("*/", "* /")


def _field_type(field: Field) -> str:
    if field.record:
        return f"struct {field.record}"
    if field.noun == "Request":
        return "struct blkmq_kept_request"
    if field.noun:
        return f"struct blkmq_{snake(field.noun)}"
    assert field.sized is not None
    return field.sized.name


def _mapped(program: Program, function: Function, found: frozenset[str], lines: bool) -> Iterator[CLine]:
    """A function's lines, with a ``#line`` wherever counting on would be wrong; the first one names the file."""
    name = program.files[function.file].replace("\\", "\\\\").replace('"', '\\"')
    file = f' "{name}"'
    counted = 0
    for line in FunctionPrinter(program, function, found, lines).lines():
        if lines and line.line and line.line != counted:
            yield CLine(f"#line {line.line}{file}")
            file = ""
            counted = line.line
        for part in wrapped(line.text):
            yield CLine(part)
            counted += 1


def wrapped(text: str) -> Iterator[str]:
    """A line of C, broken behind a comma or an operator where it is longer than the kernel likes."""
    indent = "\t" * (len(text) - len(text.lstrip("\t")) + 2)
    while _columns(text) > MAX_COLUMNS and not text.startswith("#"):
        fitting = [[e for e in _ends(mark, text) if _columns(text[:e]) <= MAX_COLUMNS] for mark in _BREAKS]
        ends = next(filter(None, fitting), _ends(_BREAKS[0], text)[:1])
        if not ends:
            break
        end = min(ends, key=lambda end: (text.count("(", 0, end) - text.count(")", 0, end), -end))
        yield text[:end].rstrip()
        text = indent + text[end:]
    yield text


#: Behind what a line is broken, outside of as many parentheses as can be; the second only where the first does not
#: help.  Not within a comment.
_BREAKS = (re.compile(r"\S(,|\|\||&&) "), re.compile(r"\S (<<|>>|[-+&|^?:]|(?<!/)\*) "))


def _ends(mark: re.Pattern[str], text: str) -> list[int]:
    return [match.end() for match in mark.finditer(text)]


def _columns(text: str) -> int:
    return len(text.rstrip().expandtabs(8))


def _entry(program: Program) -> Iterator[CLine]:
    """User space calls the callbacks through one function, the kernel's glue each by its name."""
    functions = {function.name: function for function in program.functions}
    yield CLine("#ifdef BLKMQ_USER_SPACE")
    yield CLine("s64 blkmq_entry(s64 slot, struct blkmq_call *call, s64 a, s64 b, s64 c)")
    yield CLine("{")
    yield CLine(f"\tstruct {program.snake_name} *self = blkmq_driver(call);")
    yield CLine("")
    yield CLine("\tswitch (slot) {")
    for entry in program.entries:
        yield CLine(f"\tcase {entry.number}:")
        yield from _callback(program, entry, functions[entry.function])
    yield CLine("\t}")
    yield CLine("\treturn 0;")
    yield CLine("}")
    yield CLine("#endif")


def _callback(program: Program, entry: Entry, function: Function) -> Iterator[CLine]:
    arguments = ["call", "self"] if function.method else ["call"]
    for word, parameter in zip("abc", function.parameters, strict=False):
        arguments.append(_FROM_WORD[parameter.type.kind].format(word))
    text = f"{function_name(program, entry.function)}({', '.join(arguments)});"
    if function.returns.kind is Kind.NONE:
        yield CLine(f"\t\t{text}")
        yield CLine("\t\treturn 0;")
    else:
        yield CLine(f"\t\treturn {text}")
