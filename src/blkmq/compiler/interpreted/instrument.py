# SPDX-License-Identifier: MIT
"""Rewrites a Python function so that the driver's rules raise at their line; file and lines stay as they are.

Operators call their twins of :mod:`.checked`, every back edge of a loop burns fuel, and a false ``assert`` raises
even under ``python -O``.  The twins come in as closure cells: modules are not touched.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Callable
from enum import IntEnum, IntFlag
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakSet

from blkmq.compiler.frontend.source import function_source, is_helper
from blkmq.compiler.interpreted import checked
from blkmq.compiler.interpreted.fuel import burn

PREFIX = "_blkmq_"
ANSWERS = ("queue_rq", "timeout")  #: callbacks whose answer can be wrong: what they return is noted with its line

SuperOf = Callable[[Any], Any]

_codes: WeakSet[CodeType] = WeakSet()


def is_instrumented(code: CodeType) -> bool:
    """Whether it is a driver's method, or a helper's, that was rewritten here."""
    return code in _codes


class Instrumenter:
    """Rewrites the functions of one driver, each once."""

    def __init__(self, package: str) -> None:
        self.package = package  #: the top-level package that the driver is from
        self._cells: dict[FunctionType, CellType] = {}

    def function(self, function: FunctionType, owner: str = "", super_of: SuperOf | None = None) -> FunctionType:
        """The rewritten twin of a function; itself where its source cannot be found.

        ``owner`` is the name of the class that it is a method of, ``super_of`` what ``super()`` is to give.
        """
        cell = self._cells.get(function)
        if cell is None:
            cell = self._cells[function] = CellType()  # known before it is made: helpers may call each other
            cell.cell_contents = self._rewritten(function, owner, super_of)
        return cell.cell_contents  # type: ignore[no-any-return]

    def helper(self, function: FunctionType) -> CellType:
        """A cell with the rewritten twin of a helper function."""
        if function not in self._cells:
            self.function(function)
        return self._cells[function]

    def _rewritten(self, function: FunctionType, owner: str, super_of: SuperOf | None) -> FunctionType:
        source = function_source(function)
        if source is None:
            return function
        node = copy.deepcopy(source.node)
        node.decorator_list = []
        rewriter = _Rewriter(self, function, node, super_of)
        node.body = rewriter.block(node.body)
        code = _compiled(node, source.file, owner, [*function.__code__.co_freevars, *rewriter.cells])
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)) | rewriter.cells
        twin = FunctionType(
            code.replace(co_qualname=function.__code__.co_qualname),
            function.__globals__,
            function.__name__,
            function.__defaults__,
            tuple(cells[name] for name in code.co_freevars),
        )
        _codes.add(twin.__code__)
        twin.__kwdefaults__ = function.__kwdefaults__
        twin.__annotations__ = function.__annotations__
        twin.__qualname__ = function.__qualname__
        twin.__module__ = function.__module__
        twin.__doc__ = function.__doc__
        twin.__dict__.update(function.__dict__)
        return twin


def _compiled(node: ast.FunctionDef, file: str, owner: str, free_names: list[str]) -> CodeType:
    """The function's code; ``free_names`` become its closure, and ``owner`` gives ``__private`` names their class."""
    inner: ast.stmt = node
    if owner:
        # Names are mangled without a class's leading underscores; and the method may mean its own class by the name.
        inner = ast.ClassDef("________" + owner, bases=[], keywords=[], body=[node], decorator_list=[])
    arguments = [ast.arg(name) for name in free_names if name != "__class__"]
    factory = ast.FunctionDef(
        f"{PREFIX}factory",
        ast.arguments(posonlyargs=[], args=arguments, kwonlyargs=[], kw_defaults=[], defaults=[]),
        body=[inner],
        decorator_list=[],
    )
    module = ast.fix_missing_locations(ast.Module([factory], []))
    code: CodeType = compile(module, file, "exec", dont_inherit=True)
    for _ in range(3 if owner else 2):
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name != "__annotate__")
    return code


class _Rewriter(ast.NodeTransformer):
    """Rewrites one function's body, collecting the cells that it needs."""

    def __init__(
        self, home: Instrumenter, function: FunctionType, node: ast.FunctionDef, super_of: SuperOf | None
    ) -> None:
        self.home = home
        self.function = function
        self.super_of = super_of
        self.cells: dict[str, CellType] = {}
        self.loops: list[int] = []  #: lines of the loops around
        self.nr_kept = 0
        arguments = [*node.args.posonlyargs, *node.args.args]
        self.self_name = arguments[0].arg if arguments else ""
        self.own_names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        self.own_names |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in body:
            done = self.visit(statement)
            out.extend(done if isinstance(done, list) else [done])
        return out

    def twin(self, name: str, value: object) -> ast.Name:
        """A name for something that comes in through the closure."""
        cell = value if isinstance(value, CellType) else CellType(value)
        self.cells.setdefault(PREFIX + name, cell)
        return ast.Name(PREFIX + name, ast.Load())

    def call(self, name: str, value: object, *arguments: ast.expr, at: ast.AST) -> ast.Call:
        made = ast.copy_location(ast.Call(self.twin(name, value), list(arguments), []), at)
        return ast.fix_missing_locations(made)

    # --- operators ------------------------------------------------------------------------------
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if type(node.op) not in checked.OPERATORS:
            return node
        if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
            return node
        name, plain, _ = checked.OPERATORS[type(node.op)]
        return self.call(name, plain, node.left, node.right, at=node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if type(node.op) not in checked.UNARY or isinstance(node.operand, ast.Constant):
            return node
        return self.call(*checked.UNARY[type(node.op)], node.operand, at=node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if type(node.op) not in checked.OPERATORS:
            return node
        name, _, augmented = checked.OPERATORS[type(node.op)]
        before: list[ast.stmt] = []
        target = node.target
        if isinstance(target, ast.Attribute):
            target = ast.Attribute(self._kept(target.value, before), target.attr, ast.Store())
        elif isinstance(target, ast.Subscript):
            base = self._kept(target.value, before)
            target = ast.Subscript(base, self._kept(target.slice, before), ast.Store())
        ast.copy_location(target, node.target)  # not the statement's: Python places an attribute at its end
        old = copy.deepcopy(target)
        old.ctx = ast.Load()
        value = self.call("i" + name, augmented, old, node.value, at=node)
        assign = ast.fix_missing_locations(ast.copy_location(ast.Assign([target], value), node))
        return [*before, assign]

    def _kept(self, node: ast.expr, before: list[ast.stmt]) -> ast.expr:
        """The expression, evaluated once: a name or constant as it is, else kept in a local."""
        if isinstance(node, ast.Name | ast.Constant):
            return node
        self.nr_kept += 1
        name = f"{PREFIX}kept_{self.nr_kept}"
        assign = ast.Assign([ast.Name(name, ast.Store())], node)
        before.append(ast.fix_missing_locations(ast.copy_location(assign, node)))
        return ast.Name(name, ast.Load())

    # --- calls ------------------------------------------------------------------------------------
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        func = node.func
        if isinstance(func, ast.Name) and func.id == "super" and not node.args and self.super_of:
            own = ast.Name(self.self_name, ast.Load())
            return self.call("super", self.super_of, own, at=node)
        value = self._global(func)
        is_enum = isinstance(value, type) and issubclass(value, IntEnum | IntFlag)
        if is_enum and len(node.args) == 1 and not node.keywords:
            return self.call("member", checked.member, func, *node.args, at=node)
        if value is abs:
            node.func = ast.copy_location(self.twin("abs", checked.absolute), func)
        elif is_helper(value, self.home.package):
            name = f"helper_{ast.unparse(func).replace('.', '_')}"
            node.func = ast.copy_location(self.twin(name, self.home.helper(value)), func)
        return node

    def _global(self, node: ast.expr) -> object:
        """What ``name`` or ``module.name`` means in the function's module; None if it is something else."""
        if isinstance(node, ast.Name) and node.id not in self.own_names:
            return self.function.__globals__.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            base = self._global(node.value)
            return getattr(base, node.attr, None) if isinstance(base, ModuleType) else None
        return None

    # --- statements -----------------------------------------------------------------------------------
    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.generic_visit(node)
        message = node.msg or ast.Constant(ast.unparse(node.test))
        body = ast.Expr(self.call("fail", checked.fail, message, at=node))
        test = ast.UnaryOp(ast.Not(), node.test)
        return ast.fix_missing_locations(ast.copy_location(ast.If(test, [body], []), node))

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if node.value is not None and self.function.__name__ in ANSWERS:
            node.value = self.call("answer", checked.answer, node.value, at=node)
        return node

    def _loop(self, node: ast.While | ast.For | ast.AsyncFor) -> ast.AST:
        self.loops.append(node.lineno)
        body = self.block(node.body)
        self.loops.pop()
        node.body = [*body, self._burn(node.lineno, node)]
        node.orelse = self.block(node.orelse)
        if isinstance(node, ast.While):
            node.test = self.visit(node.test)
        else:
            node.iter = self.visit(node.iter)
        return node

    visit_While = _loop
    visit_For = _loop
    visit_AsyncFor = _loop

    def visit_Continue(self, node: ast.Continue) -> list[ast.stmt]:
        return [self._burn(self.loops[-1], node), node]

    def _burn(self, line: int, at: ast.AST) -> ast.stmt:
        statement = ast.copy_location(ast.Expr(self.call("burn", burn, ast.Constant(1), at=at)), at)
        for part in ast.walk(statement):
            if isinstance(part, ast.expr | ast.stmt):
                part.lineno = part.end_lineno = line
                part.end_col_offset = part.col_offset  # the loop may end on another line, further left
        return statement
