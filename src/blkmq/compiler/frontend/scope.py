# SPDX-License-Identifier: MIT
"""The function that is being lowered: its locals, the statements so far, and how to refuse."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blkmq.compiler.frontend.intervals import Interval, interval_of
from blkmq.compiler.frontend.refused import Refusal
from blkmq.compiler.frontend.rules import refusal
from blkmq.compiler.frontend.source import names_seen_by
from blkmq.compiler.program import Assign, Expr, Fetch, Int, Kind, Local, Place, Root, Stmt, Type

if TYPE_CHECKING:
    from blkmq.compiler.frontend.driver import Driver
    from blkmq.compiler.frontend.signatures import Signature


class Rejected(Exception):
    """A statement breaks a rule; ``refusal`` is None where it only follows from an earlier refusal."""

    def __init__(self, refusal: Refusal | None) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass
class LoopState:
    """What a loop's ``break`` statements leave assigned."""

    breaks: list[set[str]] = field(default_factory=list)


Lower = Callable[["Scope", Any], Expr]
LowerStatement = Callable[["Scope", Any], None]

EXPRESSIONS: dict[type[ast.expr], Lower] = {}
STATEMENTS: dict[type[ast.stmt], LowerStatement] = {}

#: What has a rule of its own; everything else of Python falls under the rule "construct".
REFUSED_EXPRESSIONS: dict[type[ast.expr], str] = {
    ast.Lambda: "nested-function", ast.JoinedStr: "string", ast.List: "collection", ast.Tuple: "collection",
    ast.Dict: "collection", ast.Set: "collection", ast.ListComp: "comprehension", ast.SetComp: "comprehension",
    ast.DictComp: "comprehension", ast.GeneratorExp: "comprehension", ast.Yield: "yield", ast.YieldFrom: "yield",
    ast.Await: "async", ast.Starred: "star-argument",
}  # fmt: skip
REFUSED_STATEMENTS: dict[type[ast.stmt], str] = {
    ast.FunctionDef: "nested-function", ast.ClassDef: "nested-function", ast.AsyncFunctionDef: "async",
    ast.AsyncFor: "async", ast.AsyncWith: "async", ast.Delete: "delete", ast.Raise: "raise", ast.Try: "try",
    ast.TryStar: "try", ast.Import: "import", ast.ImportFrom: "import", ast.Global: "global",
    ast.Nonlocal: "global", ast.Match: "match",
}  # fmt: skip


def lowers(*kinds: type[ast.expr]) -> Callable[[Lower], Lower]:
    """Marks the function that lowers expressions of these kinds."""

    def mark(function: Lower) -> Lower:
        EXPRESSIONS.update(dict.fromkeys(kinds, function))
        return function

    return mark


def lowers_statement(*kinds: type[ast.stmt]) -> Callable[[LowerStatement], LowerStatement]:
    """Marks the function that lowers statements of these kinds."""

    def mark(function: LowerStatement) -> LowerStatement:
        STATEMENTS.update(dict.fromkeys(kinds, function))
        return function

    return mark


class Scope:
    """One function on its way into the typed program."""

    def __init__(self, driver: Driver, signature: Signature) -> None:
        self.driver = driver
        self.signature = signature
        self.function = signature.source.function
        self.file = signature.source.file
        self.line = signature.source.node.lineno
        self.out: list[Stmt] = []
        self.loops: list[LoopState] = []
        self.rejected = False  #: whether a statement was refused
        self.walruses: set[ast.NamedExpr] = set()  #: those that stand where they may

        node = signature.source.node
        self.self_name = node.args.args[0].arg if signature.self_place and node.args.args else ""
        self.types: dict[str, Type] = {p.name: p.type for p in signature.parameters if p.type is not None}
        self.singles: dict[str, Root] = {p.name: p.root for p in signature.parameters if p.root is not None}
        self.assigned: set[str] | None = set(self.types)  #: None: not reachable
        self.poisoned: set[str] = set()  #: their assignment was refused
        self.ranges: dict[str, Interval] = {}
        self.temps: dict[str, Type] = {}
        self.live_temps: set[str] = set()

        self.names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {a.arg for a in node.args.args}
        self.assignments = assignment_counts(node)
        self.closure = names_seen_by(self.function)

    # --- refusing -------------------------------------------------------------------------------
    def refused(self, rule: str, node: ast.AST, detail: str = "", *, hint: str = "") -> Rejected:
        """What to raise to reject the statement that is being lowered, because of ``node``."""
        line = getattr(node, "lineno", self.line)
        return Rejected(refusal(rule, self.file, line, source_of(node), detail=detail, hint=hint))

    # --- statements and temporaries ---------------------------------------------------------------
    def emit(self, statement: Stmt) -> None:
        self.out.append(statement)

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        """Collects what is emitted inside into a list of its own."""
        saved, self.out = self.out, []
        try:
            yield self.out
        finally:
            self.out = saved

    def temp(self, name: str, kind: Type) -> Local:
        """A new temporary, named after what it holds; free again when the statement is over."""
        unique, count = name, 1
        while unique in self.names or unique in self.live_temps or self.temps.get(unique, kind) != kind:
            count += 1
            unique = f"{name}_{count}"
        self.temps[unique] = kind
        self.live_temps.add(unique)
        self.ranges.pop(unique, None)
        return Local(kind, unique)

    def spill(self, expr: Expr, name: str = "t") -> Local:
        """The expression's present value in a temporary."""
        local = self.temp(name, expr.type)
        if expr.type.kind is Kind.S64:
            self.ranges[local.name] = interval_of(expr, self.ranges)
        self.emit(Assign(self.line, local.name, expr))
        return local

    def held(self, expr: Expr, name: str = "t") -> Expr:
        """A local or constant with the expression's value: what a check may read twice."""
        return expr if isinstance(expr, Local | Int) else self.spill(expr, name)

    def interval(self, expr: Expr) -> Interval:
        return interval_of(expr, self.ranges)

    # --- lowering -----------------------------------------------------------------------------------
    def value(self, node: ast.expr) -> Expr:
        """Lowers an expression: emits what may raise, and returns what is left, which cannot."""
        lower = EXPRESSIONS.get(type(node))
        if lower is None:
            raise self.refused(REFUSED_EXPRESSIONS.get(type(node), "construct"), node)
        saved, self.line = self.line, node.lineno
        try:
            return lower(self, node)
        finally:
            self.line = saved

    def statement(self, node: ast.stmt) -> None:
        """Lowers a statement, or notes why it is refused."""
        if self.assigned is None:  # not reachable
            return
        self.line = node.lineno
        live = set(self.live_temps)
        try:
            lower = STATEMENTS.get(type(node))
            if lower is None:
                raise self.refused(REFUSED_STATEMENTS.get(type(node), "construct"), node)
            lower(self, node)
        except Rejected as rejected:
            if rejected.refusal:
                self.driver.refusals.append(rejected.refusal)
            self.rejected = True
            self._poison(node)
        self.live_temps = live

    def statements(self, nodes: Sequence[ast.stmt]) -> list[Stmt]:
        """Lowers statements into a block of their own."""
        with self.block() as block:
            for node in nodes:
                self.statement(node)
        return block

    def _poison(self, node: ast.stmt) -> None:
        for name in assignment_counts(node):
            if name not in self.types or self.assigned is None or name not in self.assigned:
                self.poisoned.add(name)

    # --- names ------------------------------------------------------------------------------------------
    def global_value(self, node: ast.Name) -> object:
        """The Python object that a name means which is no local."""
        for names in (self.closure, self.function.__globals__, vars(builtins)):
            if node.id in names:
                return names[node.id]
        known = [*self.types, *self.closure, *self.function.__globals__]
        raise self.refused("name", node, hint=self.driver.near(node.id, known))

    @property
    def self_place(self) -> Place | None:
        """What ``self`` is: the disk, or the tag set's Shared."""
        return self.signature.self_place


def assignment_counts(node: ast.AST) -> dict[str, int]:
    """How often each local is assigned somewhere below a node."""
    counts: dict[str, int] = {}
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            counts[child.id] = counts.get(child.id, 0) + 1
    return counts


def source_of(node: ast.AST) -> str:
    """The text of a node in one line, cut where it is long."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return f"{'def' if isinstance(node, ast.FunctionDef) else 'class'} {node.name}"
    text = " ".join(ast.unparse(node).split("\n", 1)[0].split())
    return text if len(text) <= 80 else text[:77] + "..."


def harmless(statements: Sequence[Stmt]) -> bool:
    """Whether statements only load what is always there, so that they may as well run when not asked for."""
    return all(isinstance(s, Fetch) and not s.raises for s in statements)
