"""Whatever was appended, and whatever is done to the rows by SQL: verify finds just that, and a repair undoes it."""

from django.db import connection, models
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from eventfold.django import drift
from tests.django.shelves.helpers import all_rows
from tests.django.shelves.read_models import Author, Clearing, Diary, Place, Word
from tests.django.test_read_models_programs import STEPS
from tests.django.test_read_models_programs import run as run_step

KEYS = {Place: ["shelf", "row"], Diary: ["shelf"], Clearing: ["shelf"], Author: ["name"], Word: ["name"]}
COLUMNS = {
    model: [field.column for field in model._meta.concrete_fields if field.column not in ["id", *keys]]
    for model, keys in KEYS.items()
}
# The DB-API way, and Django's own cursor, show null for a moment that is none.
DAMAGED = {
    model: [name for name in names if not isinstance(model._meta.get_field(name), models.DateTimeField)]
    for model, names in COLUMNS.items()
}
MODELS = st.sampled_from(list(KEYS))
NUMBERS = st.integers(0, 5)
DAMAGES = st.lists(
    st.one_of(
        st.tuples(st.just("update"), MODELS, NUMBERS, st.integers(0, 20), st.sampled_from([0, 7, 2.5, "", "x", "[]"])),
        st.tuples(st.just("delete"), MODELS, NUMBERS),
        st.tuples(st.just("insert"), MODELS, NUMBERS),
    ),
    max_size=6,
)


def damage(what, model, number, *rest):
    table = f'"{model._meta.db_table}"'
    row = f"rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {number})"
    with connection.cursor() as cursor:
        if what == "delete":
            cursor.execute(f"DELETE FROM {table} WHERE {row}")
        elif what == "update":
            column = DAMAGED[model][rest[0] % len(DAMAGED[model])]
            cursor.execute(f'UPDATE {table} SET "{column}" = %s WHERE {row}', [rest[1]])
        else:
            named = [*KEYS[model], *COLUMNS[model]]
            values = [f"new {number}" if name in ("shelf", "name") else number for name in named]
            cursor.execute(
                f"INSERT OR IGNORE INTO {table} ({', '.join(named)}) VALUES ({', '.join(['%s'] * len(named))})", values
            )


def rows():
    """By model and key, the values of all other columns, as the database has them."""
    found = {}
    with connection.cursor() as cursor:
        for model, keys in KEYS.items():
            names = ", ".join(f'"{name}"' for name in [*keys, *COLUMNS[model]])
            for row in cursor.execute(f'SELECT {names} FROM "{model._meta.db_table}"').fetchall():
                found[model, row[: len(keys)]] = dict(zip(COLUMNS[model], row[len(keys) :], strict=True))
    return found


def expected(before, after):
    differences = {}
    for place in before.keys() | after.keys():
        if place not in after:
            differences[place] = ("missing", {})
        elif place not in before:
            differences[place] = ("extra", {})
        elif before[place] != after[place]:
            differences[place] = (
                "changed",
                {name: (old, after[place][name]) for name, old in before[place].items() if old != after[place][name]},
            )
    return differences


def found():
    differences = {}
    for model in KEYS:
        for verified in drift.verify(model, "default", limit=1000):
            if verified.model is model:
                for each in verified.differences:
                    differences[model, tuple(each.key.values())] = (each.what, each.columns)
                assert verified.count == len(verified.differences)
    return differences


class Programs(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(program=st.lists(STEPS, max_size=10), damages=DAMAGES)
    def test_verify_finds_just_what_was_damaged_and_a_repair_leaves_nothing(self, program, damages):
        for step in program:
            run_step(step)
        before, right = rows(), all_rows()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = 1")
            for each in damages:
                damage(*each)
            cursor.execute("PRAGMA ignore_check_constraints = 0")
        after = rows()
        assert found() == expected(before, after)
        assert rows() == after
        for model in KEYS:
            drift.verify(model, "default", repair=True)
        assert found() == {}
        assert rows() == before and all_rows() == right
