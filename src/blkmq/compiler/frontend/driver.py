# SPDX-License-Identifier: MIT
"""The driver that is being translated: its records, the functions found so far, and what was refused."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterable
from types import FunctionType
from typing import Any

from blkmq.compiler.frontend.nouns import noun_records
from blkmq.compiler.frontend.records import record_name, records_of
from blkmq.compiler.frontend.refused import Refusal
from blkmq.compiler.frontend.rules import refusal
from blkmq.compiler.frontend.scope import Scope
from blkmq.compiler.frontend.signatures import Signature, read_signature
from blkmq.compiler.frontend.source import FunctionSource, class_node, function_source, is_python_function
from blkmq.compiler.program import Field, Function, Kind, Parameter, Place, Root, Type
from blkmq.compiler.walk import statements_in
from blkmq.mq.configuration import config_class_of
from blkmq.mq.operations import Operations

#: Rules that a field's annotation may break.
FIELD_RULES = frozenset({"annotation", "annotation-name", "plain-int", "noun-place", "field-default"})


class Driver:
    """What the lowering of all functions of one driver shares."""

    def __init__(self, cls: type[Operations], folded: dict[str, int]) -> None:
        self.cls = cls
        self.folded = folded
        self.refusals: list[Refusal] = []
        self.own_records = records_of(cls, self.refusals)
        self.records = {record.name: record for record in self.own_records} | noun_records()
        self.files: list[str] = []
        self.functions: list[Function] = []
        self.signatures: dict[tuple[FunctionType, Any], Signature] = {}
        self._lowered: dict[str, bool] = {}  #: name → whether it is finished
        found = class_node(cls)
        self.file, self.line = (found[1], found[0].lineno) if found else (cls.__module__, 0)
        self.file_index(self.file)

    # --- what the lowering asks ------------------------------------------------------------------------
    def record_name(self, role: str) -> str:
        return record_name(self.cls, role)

    def is_own(self, function: object) -> bool:
        """Whether a function is the driver's or its base classes', not blkmq's."""
        return is_python_function(function) and function.__module__ != Operations.__module__

    def is_refused_field(self, record: str, name: str) -> bool:
        """Whether a record lacks a field only because its annotation was refused: that was told."""
        if not FIELD_RULES.intersection(refusal.rule for refusal in self.refusals):
            return False
        classes = (config_class_of(self.cls), self.cls, self.cls.Pdu, self.cls.Hw, self.cls.Shared)
        home = {own.name: cls for own, cls in zip(self.own_records, classes, strict=True)}.get(record)
        return home is not None and any(name in vars(base).get("__annotations__", {}) for base in home.__mro__)

    def has(self, name: str) -> bool:
        """Whether the driver's class has an attribute of this name."""
        return inspect.getattr_static(self.cls, name, None) is not None

    def method_names(self) -> list[str]:
        return [n for n in dir(self.cls) if self.is_own(inspect.getattr_static(self.cls, n, None))]

    def near(self, name: str, known: Iterable[str]) -> str:
        """A hint with the names that resemble one that does not exist."""
        names = sorted({n for n in known if not n.startswith("__")})
        near = difflib.get_close_matches(name, names, n=3)
        return f"did you mean {' or '.join(near)}?" if near else ""

    def file_index(self, file: str) -> int:
        if file not in self.files:
            self.files.append(file)
        return self.files.index(file)

    def refuse(
        self, rule: str, source: str, file: str = "", line: int = 0, *, detail: str = "", hint: str = ""
    ) -> None:
        """Notes a refusal; without a place it is the class's own."""
        place = (file, line) if file else (self.file, self.line)
        self.refusals.append(refusal(rule, *place, source, detail=detail, hint=hint))

    # --- functions ----------------------------------------------------------------------------------------
    def method(self, function: FunctionType, owner: type) -> Signature:
        """A method of the driver, or of its Shared."""
        shared = owner is self.cls.Shared
        root, role = (Root.SHARED, "shared") if shared else (Root.SELF, "")
        place = Place(root, (), Field("self", record=self.record_name(role)))
        return self._signature(function, place, owner)

    def helper(self, function: FunctionType) -> Signature:
        """A helper function of a module."""
        return self._signature(function, None, None)

    def _signature(self, function: FunctionType, place: Place | None, owner: type | None) -> Signature:
        key = (function, place and place.root)
        if key not in self.signatures:
            source = function_source(function)
            if source is None:
                code = function.__code__
                self.refuse("source", f"def {function.__name__}", code.co_filename, code.co_firstlineno)
                source = FunctionSource(function, _empty(function.__name__), code.co_filename)
                self.signatures[key] = Signature(function.__name__, source, (), Type(Kind.NONE), place, broken=True)
            else:
                name = self._unique(function, owner)
                self.signatures[key] = read_signature(name, source, place, self.refusals)
        return self.signatures[key]

    def _unique(self, function: FunctionType, owner: type | None) -> str:
        name = function.__name__
        taken = {signature.name for signature in self.signatures.values()}
        overridden = owner is not None and inspect.getattr_static(self.cls, name, None) is not function
        if name in taken or overridden or (owner is None and hasattr(self.cls, name)):
            prefix = owner.__name__ if owner else function.__module__.rpartition(".")[2]
            name = f"{prefix}_{name}"
        while name in taken:
            name += "_"
        return name

    def lower(self, signature: Signature, caller: Scope | None = None, call: ast.AST | None = None) -> None:
        """Adds a function to the program, and before it those that it calls."""
        if signature.broken or self._lowered.get(signature.name):
            return
        if signature.name in self._lowered:
            assert caller is not None
            assert call is not None
            raise caller.refused("recursion", call)
        self._lowered[signature.name] = False
        scope = Scope(self, signature)
        body = scope.statements(signature.source.node.body)
        self._check_end(scope)
        self._lowered[signature.name] = True
        names = {getattr(s, "target", "") for s in statements_in(body)}
        types = {**scope.types, **scope.temps}
        parameters = tuple(Parameter(p.name, p.type) for p in signature.parameters if p.type is not None)
        taken = {p.name for p in parameters}
        self.functions.append(
            Function(
                signature.name, parameters, signature.returns, body,
                {n: types[n] for n in types if n in names and n not in taken},
                self.file_index(signature.source.file), signature.source.node.lineno,
                method=signature.self_place is not None,
            )
        )  # fmt: skip

    def _check_end(self, scope: Scope) -> None:
        signature = scope.signature
        if scope.assigned is not None and not scope.rejected and signature.returns.kind is not Kind.NONE:
            node = signature.source.node
            self.refuse("missing-return", f"def {node.name}", signature.source.file, node.lineno)


def _empty(name: str) -> ast.FunctionDef:
    (node,) = ast.parse(f"def {name}(): pass").body
    assert isinstance(node, ast.FunctionDef)
    return node
