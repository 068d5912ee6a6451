"""Sums: exact where they can be, and the same however the events are cut into batches and ranges."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import ProjectionError, _core

from .library import Library

ROWS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NOISE: list[tuple[str, dict[str, Any]]] = [("Noise", {})] * 10_500


def sum_of(kind: str, places: int = 0, initial: Any = 0) -> dict[str, Any]:
    amount = {"kind": kind, "keys": ["amount"], "places": places}
    column = {"column": "total", "kind": kind, "op": "sum", "from": [["Paid", "amount"]], "cleared_by": []}
    return {
        "name": "model",
        "table": "model",
        "key": [{"column": "k", "field": "k", "kind": "integer"}],
        "columns": [column | {"initial": initial, "places": places}],
        "delete_on": [],
        "handlers": [],
        "events": {"Paid": {"k": {"kind": "integer", "keys": ["k"]}, "amount": amount}},
    }


def paid(amount: Any) -> tuple[str, dict[str, Any]]:
    return ("Paid", {"k": 1, "amount": amount})


def test_a_thousand_dimes_are_a_hundred(library: Library) -> None:
    spec = sum_of("decimal", 2)
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    for _ in range(1000):
        library.append([paid("0.10")], read_models)
    assert library.table(spec) == {1: (100,)}
    library.append([paid("0.07")], read_models)
    assert library.table(spec) == {1: (100.07,)}
    assert library.replay(spec)["updated"] == 0


@ROWS
@given(
    places=st.integers(0, 18),
    amounts=st.lists(st.decimals(-(10**6), 10**6, places=6), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
def test_decimals_beyond_fifteen_digits_come_out_the_same_lived_and_replayed(
    library: Library, places: int, amounts: list[Decimal], cut: int
) -> None:
    spec = sum_of("decimal", places)
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    events = [paid(f"{amount:.{places}f}") for amount in amounts]
    library.append(events[:cut], read_models)
    for event in events[cut:]:
        library.append([event], read_models)
    assert library.replay(spec)["updated"] == 0
    exact = sum(Decimal(f"{amount:.{places}f}") for amount in amounts)
    # each amount is off by half of a double's last bit, the sum by half of its last place
    assert library.table(spec)[1][0] == pytest.approx(float(exact), rel=1e-12, abs=10.0**-places + 12 * 2.0**-33)


@settings(ROWS, max_examples=20)
@given(
    kind=st.sampled_from(["integer", "decimal", "any"]),
    amounts=st.lists(st.sampled_from([0, 1, -1, 3, 2**61, 2**62, -(2**62), 2**50, 2**53]), min_size=4, max_size=6),
    fraction=st.booleans(),
)
def test_ranges_near_a_limit_are_summed_as_one_thread_does(
    library: Library, kind: str, amounts: list[int], fraction: bool
) -> None:
    spec = sum_of(kind)
    library.start(spec)
    written: list[Any] = [str(amount) if kind == "decimal" else amount for amount in amounts]
    if fraction and kind == "any":
        written[-2] = 0.1
    library.append([*map(paid, written[:2]), *NOISE, *map(paid, written[2:]), *NOISE])

    def outcome(threads: int) -> str:
        try:
            return repr(library.fold(spec, threads))
        except ProjectionError as error:
            return str(error)

    assert outcome(2) == outcome(3) == outcome(1)


def test_a_sum_beyond_64_bits_is_refused_and_says_where(library: Library) -> None:
    spec = sum_of("integer")
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    library.append([paid(2**63 - 1)], read_models)
    with pytest.raises(ProjectionError, match=r'model, the event Paid at position \d+: the column "total" has grown'):
        library.append([paid(1)], read_models)
    assert library.table(spec) == {1: (2**63 - 1,)}
