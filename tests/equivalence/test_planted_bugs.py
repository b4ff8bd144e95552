# SPDX-License-Identifier: MIT
"""The comparison can fail: a bug that is planted in a printer, the front end or a target is found soon."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import pytest

from blkmq.compiler.c import build, expression
from blkmq.compiler.c.printer import print_c
from blkmq.compiler.c.statement import FunctionPrinter
from blkmq.compiler.frontend import arithmetic, intervals, logic
from blkmq.compiler.interpreted import checked
from blkmq.compiler.numba.expression import Expressions
from blkmq.compiler.numba.printer import _Body
from blkmq.compiler.program import Binary, Expr
from tests.equivalence.sampling import Samples

Plant = Callable[[pytest.MonkeyPatch], None]
INCLUDE = '#include "contract.h"\n'
WITHIN = 240  #: programs; most bugs show in the first thirty


def test_there_is_no_difference_without_a_bug(samples: Samples) -> None:
    assert samples.first_difference("interpreted", "c", within=60) is None


# --- in the C ------------------------------------------------------------------------------------------------
def rewriting(pattern: str, by: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        printed = print_c
        patch.setattr(build, "print_c", lambda program: re.sub(pattern, by, printed(program)))

    return plant


def defining(name: str, text: str) -> Plant:
    """Another meaning of a function of the contract."""
    return rewriting(INCLUDE, f"{INCLUDE}#define {name} {text}\n")


def shifting_in_zeroes(patch: pytest.MonkeyPatch) -> None:
    printed = expression._binary

    def binary(expr: Binary) -> tuple[str, int]:
        text, level = printed(expr)
        left, operator, right = text.partition(" >> ")
        return (f"(s64)((u64)({left}) >> ({right}))", level) if expr.op == ">>" and operator else (text, level)

    patch.setattr(expression, "_binary", binary)


def leaving_without_unlocking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FunctionPrinter, "_unlock", lambda self, outer, line: None)


def noting_no_lines(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FunctionPrinter, "_mark", lambda self, line: None)


IN_C: dict[str, Plant] = {
    "division rounds to zero": defining("blkmq_div(a, b)", "((s64)(a) / (b))"),
    "remainder has the left side's sign": defining("blkmq_mod(a, b)", "((s64)(a) % (b))"),
    "no range check": defining("blkmq_bad_value(call, value, low, high)", "false"),
    "index check off by one": defining("blkmq_bad_index(call, i, n)", "blkmq_bad_index(call, i, (n) + 1)"),
    "loops burn twice": defining("blkmq_burn(call, amount)", "blkmq_burn(call, 2 * (amount))"),
    "shift by 64 is fine": defining("blkmq_bad_shift(call, n)", "((n) > 64)"),
    "an assert holds": defining("blkmq_bad_assert(call, holds)", "blkmq_bad_assert(call, (holds) || true)"),
    "end only starts": defining("blkmq_request_end(call, rq, status)", "blkmq_request_start(call, rq)"),
    "shift fills in zeroes": shifting_in_zeroes,
    "return keeps the lock": leaving_without_unlocking,
    "errors have no line": noting_no_lines,
    "min is max": rewriting(r"\bmin_t\b", "max_t"),
    "< is <=": rewriting(r"(if \(.*) < ", r"\1 <= "),
}


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("plant", IN_C.values(), ids=IN_C)
def test_a_bug_in_the_c_is_found(plant: Plant, samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert samples.first_difference("interpreted", "c", within=WITHIN)


# --- in what Numba gets ----------------------------------------------------------------------------------------
def numba_divides_floats(patch: pytest.MonkeyPatch) -> None:
    printed = Expressions.text

    def text(self: Expressions, expr: Expr) -> str:
        done = printed(self, expr)
        if isinstance(expr, Binary) and expr.op == "//":
            return f"i64({self.text(expr.left)} / {self.text(expr.right)})"
        return done

    patch.setattr(Expressions, "text", text)


def numba_stores_anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_Body, "in_range", lambda self, value, sized: None)


IN_NUMBA: dict[str, Plant] = {
    "division goes over floats": numba_divides_floats,
    "no range check": numba_stores_anything,
}


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("plant", IN_NUMBA.values(), ids=IN_NUMBA)
def test_a_bug_in_the_numba_text_is_found(
    plant: Plant, small_samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert small_samples.first_difference("c", "host", within=WITHIN // 4)


# --- in the front end and in the interpreted target ------------------------------------------------------------
def everything_is_evaluated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(logic, "harmless", lambda statements: True)


def operands_change_under_us(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(arithmetic, "as_it_was", lambda scope, expr, at: expr)


def any_number_is_small(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(intervals, "ANY", (1, 63))


def interpreted_rounds_to_zero(patch: pytest.MonkeyPatch) -> None:
    def truncating(left: Any, right: Any) -> Any:
        checked.check_division(left, "//", right)
        return abs(left) // abs(right) * (1 if (left < 0) is (right < 0) else -1)

    patch.setitem(checked.OPERATORS, ast.FloorDiv, ("floordiv", truncating, truncating))


ELSEWHERE: dict[str, Plant] = {
    "and, or evaluate everything": everything_is_evaluated,
    "a later operand changes an earlier one": operands_change_under_us,
    "any number is taken for 1..63": any_number_is_small,
    "interpreted rounds to zero": interpreted_rounds_to_zero,
}


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("plant", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_bug_elsewhere_is_found(plant: Plant, samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert samples.first_difference("interpreted", "c", within=WITHIN)
