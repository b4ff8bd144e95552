# SPDX-License-Identifier: MIT
"""Parameters and results of a driver's own functions, read from their annotations."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from blkmq.compiler.frontend.nouns import NONE, SINGLES, Formal, constant, in_flight
from blkmq.compiler.frontend.refused import Refusal
from blkmq.compiler.frontend.rules import refusal
from blkmq.compiler.frontend.source import FunctionSource, names_seen_by
from blkmq.compiler.program import Kind, Place, Type


@dataclass(frozen=True)
class Signature:
    """One of the driver's own functions, before its body is looked at."""

    name: str  #: in the program
    source: FunctionSource
    parameters: tuple[Formal, ...]
    returns: Type
    self_place: Place | None  #: None: a module's helper function
    annotations: tuple[Any, ...] = field(default=(), compare=False)  #: of the parameters and the result, evaluated
    broken: bool = False  #: refused: calls of it are not looked at


def read_signature(name: str, source: FunctionSource, self_place: Place | None, refusals: list[Refusal]) -> Signature:
    """Reads a function's annotations; what is wrong with them goes to ``refusals``."""
    reader = _Reader(source, refusals)
    node, arguments = source.node, source.node.args
    for decorator in node.decorator_list:
        reader.refuse("decorator", decorator)
    if arguments.vararg or arguments.kwarg:
        reader.refuse("star-argument", node)
    hints = reader.hints()
    written = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if self_place is not None:
        written = written[1:]
    parameters = [reader.parameter(argument, hints) for argument in written] if hints is not None else []
    returns = reader.returns(hints) if hints is not None else NONE
    annotations = tuple((hints or {}).get(n) for n in [*(a.arg for a in written), "return"])
    return Signature(name, source, tuple(parameters), returns, self_place, annotations, reader.broken)


class _Reader:
    def __init__(self, source: FunctionSource, refusals: list[Refusal]) -> None:
        self.source = source
        self.refusals = refusals
        self.broken = False
        self.parameters = inspect.signature(source.function).parameters

    def refuse(self, rule: str, node: ast.AST, detail: str = "") -> None:
        self.broken = True
        line = getattr(node, "lineno", self.source.node.lineno)
        shown = f"def {node.name}" if isinstance(node, ast.FunctionDef) else ast.unparse(node)
        self.refusals.append(refusal(rule, self.source.file, line, shown, detail=detail))

    def hints(self) -> dict[str, Any] | None:
        function = self.source.function
        try:
            return get_type_hints(function, localns=names_seen_by(function), include_extras=True)
        except NameError as error:
            self.refuse("annotation-name", self.source.node, f"no {error.name} there")
            return None

    def parameter(self, argument: ast.arg, hints: dict[str, Any]) -> Formal:
        name = argument.arg
        written = self.parameters[name]
        by_position = written.kind is not inspect.Parameter.KEYWORD_ONLY
        by_name = written.kind is not inspect.Parameter.POSITIONAL_ONLY
        hint = hints.get(name)
        if isinstance(hint, type) and hint in SINGLES:
            return Formal(name, None, SINGLES[hint], by_position=by_position, by_name=by_name)
        kind = in_flight(hint) if hint is not None else None
        if kind is None or kind.kind is Kind.NONE:
            self.refuse("parameter-annotation", argument)
            return Formal(name, NONE)
        if kind.kind is Kind.SEGMENT:
            self.refuse("segment", argument)
        default = None
        if written.default is not inspect.Parameter.empty:
            default = constant(written.default)
            if default is None:
                self.refuse("constant", argument, "as a default")
        return Formal(name, kind, default=default, by_position=by_position, by_name=by_name)

    def returns(self, hints: dict[str, Any]) -> Type:
        node = self.source.node
        if node.returns is None:
            self.refuse("return-annotation", node)
            return NONE
        kind = in_flight(hints["return"])
        if kind is None or kind.kind in (Kind.REQUEST_LIST, Kind.BATCH):
            self.refuse("return-annotation", node.returns)
            return NONE
        if kind.kind is Kind.SEGMENT:
            self.refuse("segment", node.returns)
        return kind
