# SPDX-License-Identifier: MIT
"""Verbs of the nouns."""

from __future__ import annotations

import ast

from blkmq.compiler.frontend.arguments import bound
from blkmq.compiler.frontend.nouns import CALLERS, NONE, VERB_CLASSES, VerbSignature, signature_of_verb, verbs_of
from blkmq.compiler.frontend.places import Known, Thing, fetch, reach_before, reaching_raises
from blkmq.compiler.frontend.scope import Scope
from blkmq.compiler.program import Absent, Do, Expr, Kind, Local, Place, Root


def call_verb(scope: Scope, node: ast.Call, func: ast.Attribute, base: Thing) -> Expr:
    """``self.store.get(index)``, ``rq.end(status)``, ``segment.zero()``; ``base`` is what stands before the dot."""
    assert not isinstance(base, Known)
    if isinstance(base, Place) and base.field.noun == "Request":
        base = fetch(scope, base, func.value)  # a kept handle is used like any other
    if isinstance(base, Expr):
        subject, place, noun = base, None, base.type.kind.value
        if noun == "Request" and func.attr == "segments":
            raise scope.refused("segments", node)
    else:
        subject, place, noun = None, base, base.field.noun or base.field.record
    signature = signature_of_verb(noun, func.attr) if noun in VERB_CLASSES else None
    if signature is None or func.attr.startswith("__"):
        known = verbs_of(noun) if noun in VERB_CLASSES else scope.driver.method_names()
        raise scope.refused("verb", node, hint=scope.driver.near(func.attr, known))
    return do(scope, node, signature, subject, place)


def do(
    scope: Scope, node: ast.Call, verb: VerbSignature, subject: Expr | None = None, place: Place | None = None
) -> Expr:
    """A verb; its subject is evaluated before its arguments."""
    segment = ""
    if subject is not None and subject.type.kind is Kind.SEGMENT:
        assert isinstance(subject, Local)
        segment = subject.name
        subject = None
    elif subject is not None:
        subject = scope.held(subject, verb.noun.lower())
    at = len(scope.out)
    args = bound(scope, node, verb.parameters)
    if (thing := place or subject) is not None:
        reach_before(scope, thing, at)
    # A timer or work in the Pdu serves a request, one in the driver serves the disk.
    if place is not None and verb.noun in CALLERS and args and isinstance(args[-1], Absent) is (place.root is Root.PDU):
        raise scope.refused("caller-request", node)
    slot = place.field.slot if place is not None else -1
    fallible = verb.fallible or (place is not None and reaching_raises(scope, place))
    result: Local | None = None if verb.result == NONE else scope.temp(_result_name(verb), verb.result)
    target = result.name if result else ""
    scope.emit(Do(scope.line, target, verb.noun, verb.name, subject, place, segment, args, verb.result, fallible, slot))
    return result or Expr(NONE)


def _result_name(verb: VerbSignature) -> str:
    named = {Kind.PAGE: "page", Kind.REQUEST: "rq"}
    return named.get(verb.result.kind, f"{verb.name}_result")
