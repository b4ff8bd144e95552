# SPDX-License-Identifier: MIT
"""The interpreted target: rules raise at their line, and whatever is not in the subset runs as ever."""

from __future__ import annotations

import sys
import timeit
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any

import pytest

import blkmq
from blkmq import (
    Array,
    BlkStatus,
    Errno,
    HrTimer,
    HwCtx,
    Operations,
    PageStore,
    ReqFlag,
    Request,
    SpinLock,
    s8,
    u8,
    u32,
    u64,
)  # fmt: skip
from blkmq.compiler.interpreted import checked, fuel
from blkmq.compiler.interpreted.target import NoFieldError, instrumented, interpret, record_class
from blkmq.mq.errors import (
    DriverAssertionError,
    DriverDivisionError,
    DriverError,
    DriverFuelError,
    DriverIndexError,
    DriverOverflowError,
    DriverShiftError,
    DriverValueError,
    DriverZeroDivisionError,
    StatusError,
)

MAX, MIN = (1 << 63) - 1, -(1 << 63)


class Colour(IntEnum):
    RED = 1
    BLUE = 2


def triple(n: int) -> int:
    return n * 3


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


@dataclass(frozen=True)
class Config:
    size: u64 = 5


class Base(Operations):
    def weigh(self, n: int) -> int:
        return n + MAX

    def describe(self) -> str:
        return "base"


class Driver(Base):
    config: Config
    count: u8
    small: s8 = -3
    colour: Colour
    status: BlkStatus
    flags: ReqFlag
    on: bool
    counts: Annotated[Array[u32], 4]
    store: PageStore
    lock: SpinLock
    last: Request | None
    log: list[str]
    __secret = 5

    class Pdu:
        n: u8
        timer: HrTimer

    class Shared:
        total: u64

        def init_request(self, rq: Request) -> Errno:
            self.total += MAX
            return Errno.OK

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.log = []

    def weigh(self, n: int) -> int:
        return super().weigh(n)

    def describe(self) -> str:
        return super().describe() + " and more"

    def secret(self) -> int:
        return self.__secret + 1

    @staticmethod
    def doubled(n: int) -> int:
        return n + n

    @classmethod
    def named(cls, n: int) -> str:
        return f"{cls.__name__} {n * n}"

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def run(self, name: str, *args: Any) -> Any:
        return getattr(self, name)(*args)

    def assigned(self, op: str, a: Any, b: Any) -> Any:
        match op:
            case "+":
                a += b
            case "-":
                a -= b
            case "*":
                a *= b
            case "<<":
                a <<= b
            case ">>":
                a >>= b
            case "//":
                a //= b
            case "%":
                a %= b
            case "**":
                a **= b
        return a

    def applied(self, op: str, a: Any, b: Any) -> Any:
        operations: dict[str, Callable[[], Any]] = {
            "-": lambda: a - b, "*": lambda: a * b, "<<": lambda: a << b, ">>": lambda: a >> b, "//": lambda: a // b,
            "%": lambda: a % b, "**": lambda: a**b, "neg": lambda: -a, "abs": lambda: abs(a), "+": lambda: a + b,
            "colour": lambda: Colour(a), "status": lambda: BlkStatus(a), "triple": lambda: triple(a),
        }  # fmt: skip
        return operations[op]()

    def must(self, condition: bool) -> None:
        assert condition, "what must be"

    def spin(self, turns: int) -> int:
        done = 0
        while True:
            for _ in range(2):
                continue
            done += 1
            if done == turns:
                break
        return done

    def shared_state(self) -> list[int]:
        rows = [[1], [2]]
        alias = rows[0]
        rows[0] += [5]
        rows[self.index()][0] += 40
        return [*alias, *rows[1]]

    def index(self) -> int:
        self.count += 1
        return self.count

    def generated(self) -> list[int]:
        def numbers() -> Iterator[int]:
            for i in range(3):
                if i == 1:
                    continue
                yield i * 2

        return [n - 1 for n in numbers()] + sorted({*[3, 4]}, key=lambda n: -n)

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        return BlkStatus.OK


@pytest.fixture
def driver() -> Any:
    return interpret(Driver())


# --- arithmetic ----------------------------------------------------------------------------------------
FAILURES = [
    ("+", MAX, 1, DriverOverflowError),
    ("-", MIN, 1, DriverOverflowError),
    ("*", MAX, 2, DriverOverflowError),
    ("<<", 1, 63, DriverOverflowError),
    ("<<", 1, 64, DriverShiftError),
    ("<<", 1, -1, DriverShiftError),
    (">>", 1, 64, DriverShiftError),
    ("//", 1, 0, DriverZeroDivisionError),
    ("%", 1, 0, DriverZeroDivisionError),
    ("//", MIN, -1, DriverDivisionError),
    ("%", MIN, -1, DriverDivisionError),
    ("**", 2, 63, DriverOverflowError),
]


@pytest.mark.parametrize("form", ["applied", "assigned"])
@pytest.mark.parametrize(("op", "a", "b", "error"), FAILURES)
def test_integers_keep_the_64_bit_rules(
    driver: Any, form: str, op: str, a: int, b: int, error: type[DriverError]
) -> None:
    with pytest.raises(error) as caught:
        getattr(driver, form)(op, a, b)
    assert str(caught.traceback[1].path) == __file__


@pytest.mark.parametrize(
    ("op", "a", "b", "result"),
    [
        ("+", MAX, 0, MAX), ("+", "a", "b", "ab"), ("+", 1.5, 1, 2.5), ("*", [1], 2, [1, 1]), ("*", 1 << 62, -2, MIN),
        ("%", "%d", 5, "5"), ("%", -7, 3, 2), ("//", -7, 3, -3), ("//", 7.0, 2, 3.0), ("<<", -1, 63, MIN),
        ("-", {1, 2}, {2}, {1}), ("-", True, True, 0), ("+", Colour.RED, 1, 2), ("**", 2, 62, 1 << 62),
        ("**", 2, -1, 0.5), (">>", -8, 1, -4),
    ],
)  # fmt: skip
def test_everything_else_is_as_in_python(driver: Any, op: str, a: Any, b: Any, result: Any) -> None:
    for form in (driver.applied, driver.assigned):
        outcome = form(op, a, b)
        assert outcome == result
        assert type(outcome) is type(result)


def test_unary_minus_abs_enums_and_helpers_are_checked_too(driver: Any) -> None:
    assert driver.applied("neg", 5, None) == -5
    assert driver.applied("neg", 1.5, None) == -1.5
    assert driver.applied("abs", -5, None) == 5
    assert driver.applied("colour", 2, None) is Colour.BLUE
    for op, value, error in (
        ("neg", MIN, DriverOverflowError), ("abs", MIN, DriverOverflowError), ("colour", 3, DriverValueError),
        ("status", 99, StatusError), ("triple", MAX, DriverOverflowError),
    ):  # fmt: skip
        with pytest.raises(error):
            driver.applied(op, value, None)
    assert triple(MAX) == 3 * MAX  # outside the driver the module is as it was


def test_helpers_may_call_each_other() -> None:
    class Parity(Operations):
        def check(self, n: int) -> bool:
            return even(n)

    driver: Any = interpret(Parity())
    assert driver.check(6) is True


def test_errors_carry_the_drivers_line(driver: Any) -> None:
    with pytest.raises(DriverOverflowError) as caught:
        driver.add(MAX, 1)
    frames = traceback.extract_tb(caught.value.__traceback__)
    own = [frame for frame in frames if frame.name == "add" and frame.filename == __file__]
    assert [frame.line for frame in own] == ["return a + b"]


def test_breakpoints_hit_the_drivers_lines(driver: Any) -> None:
    lines = []

    def trace(frame: Any, event: str, _: object) -> Any:
        if frame.f_code.co_filename == __file__ and frame.f_code.co_name == "must" and event == "line":
            lines.append(frame.f_lineno)
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        driver.must(True)
    finally:
        sys.settrace(previous)
    first = Driver.must.__code__.co_firstlineno
    assert lines == [first + 1]


def test_a_false_assertion_is_the_drivers_error(driver: Any) -> None:
    driver.must(True)
    with pytest.raises(DriverAssertionError, match="what must be"):
        driver.must(False)


# --- fuel --------------------------------------------------------------------------------------------------
@pytest.fixture
def tank() -> Iterator[fuel.Tank]:
    before = fuel.frame.meter
    fuel.frame.meter = tank = fuel.Tank(100)
    yield tank
    fuel.frame.meter = before


def test_each_back_edge_burns_one_and_a_break_none(driver: Any, tank: fuel.Tank) -> None:
    assert driver.spin(5) == 5
    assert tank.fuel == 100 - 5 * 2 - 4


def test_a_loop_without_end_runs_out_of_fuel(driver: Any, tank: fuel.Tank) -> None:
    with pytest.raises(DriverFuelError) as caught:
        driver.spin(-1)
    assert tank.fuel == -1
    own = [f for f in traceback.extract_tb(caught.value.__traceback__) if f.name == "spin"]
    assert own[-1].line in ("while True:", "for _ in range(2):")


# --- classes ------------------------------------------------------------------------------------------------
def test_super_private_names_and_other_methods_work(driver: Any) -> None:
    assert driver.describe() == "base and more"
    assert driver.secret() == 6
    assert driver.doubled(4) == 8
    assert driver.named(3) == "Driver 9"
    assert driver.generated() == [-1, 3, 4, 3]
    assert driver.shared_state() == [1, 5, 42]
    assert driver.count == 1
    calls: list[Callable[[], object]] = [
        lambda: driver.weigh(1),
        lambda: driver.doubled(MAX),
        lambda: driver.named(MAX),
    ]
    for call in calls:
        with pytest.raises(DriverOverflowError):
            call()


def test_the_driver_stays_itself(driver: Any) -> None:
    assert isinstance(driver, Driver)
    assert type(driver).__name__ == "Driver"
    assert interpret(driver) is driver
    assert instrumented(Driver) is type(driver)
    assert driver.add.__doc__ is None
    assert driver.config == Config(size=5)


def test_fields_check_what_enters_them(driver: Any) -> None:
    assert (driver.count, driver.small, driver.on, driver.last) == (0, -3, False, None)
    assert driver.status is BlkStatus.OK
    assert driver.flags is ReqFlag(0)
    driver.count, driver.small, driver.on = 255, -128, True
    driver.status = 10
    assert driver.status is BlkStatus.IOERR
    driver.colour = Colour.BLUE
    driver.flags = ReqFlag.FUA | ReqFlag.SYNC
    driver.counts[3] = 7
    driver.log = ["any", "object"]
    driver.anything = 5
    assert list(driver.counts) == [0, 0, 0, 7]
    refusals: list[tuple[Callable[[], None], type[DriverError]]] = [
        (lambda: setattr(driver, "count", 256), DriverValueError),
        (lambda: setattr(driver, "count", -1), DriverValueError),
        (lambda: setattr(driver, "count", 1.0), DriverValueError),
        (lambda: setattr(driver, "small", 128), DriverValueError),
        (lambda: setattr(driver, "status", 99), StatusError),
        (lambda: setattr(driver, "colour", 0), DriverValueError),
        (lambda: setattr(driver, "on", 2), DriverValueError),
        (lambda: setattr(driver, "store", PageStore()), DriverValueError),
        (lambda: setattr(driver, "counts", [1]), DriverValueError),
        (lambda: setattr(driver, "last", 5), DriverValueError),
        (lambda: driver.counts.__setitem__(4, 1), DriverIndexError),
        (lambda: driver.counts.__getitem__(-1), DriverIndexError),
        (lambda: driver.counts.__setitem__(0, 1 << 32), DriverValueError),
    ]
    for refused, error in refusals:
        with pytest.raises(error):
            refused()


def test_records_know_their_fields_only() -> None:
    pdu = record_class(Driver, "pdu")()
    assert pdu.n == 0
    assert isinstance(pdu.timer, HrTimer)
    pdu.n = 200
    with pytest.raises(DriverValueError, match=r"n: 256 outside 0\.\.255 of a u8"):
        pdu.n = 256
    with pytest.raises(NoFieldError, match="Pdu has no field m"):
        pdu.m = 1
    assert record_class(Driver, "pdu") is record_class(Driver, "pdu")


def test_nouns_are_made_by_whoever_runs_the_driver() -> None:
    made = []

    def make(field: Any) -> object:
        made.append((field.name, field.noun, field.slot))
        return field.name

    pdu = record_class(Driver, "pdu")(make)
    assert pdu.timer == "timer"
    assert made == [("timer", "HrTimer", 24)]


def test_methods_of_shared_are_instrumented() -> None:
    shared = record_class(Driver, "shared")()
    shared.total = 1
    with pytest.raises(DriverOverflowError):
        shared.init_request(None)


def test_blkmqs_own_functions_are_left_alone() -> None:
    class Clock(Operations):
        def now(self) -> int:
            return blkmq.ktime_get_ns() + 1

    assert interpret(Clock()).now() > 0


def test_an_addition_costs_little_more_than_a_call() -> None:
    """About 100 ns where a call takes 50; on whatever machine this is, not much more than that."""

    def seconds(add: Callable[[Any, Any], Any]) -> float:
        return min(timeit.repeat("add(3, 4)", globals={"add": add}, number=5_000, repeat=20))

    assert seconds(checked.add) < 4 * seconds(lambda left, right: left + right)
