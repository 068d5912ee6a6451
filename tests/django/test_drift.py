"""`events verify` of read models: whatever was done to their rows past the log is found, and mended on request."""

import datetime
import io
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from eventfold import EventLog
from eventfold.django import drift, registry
from eventfold.django.connection import database_of
from eventfold.django.management.progress import ProgressLine
from eventfold.django.projector_replay import ProjectorReplay
from eventfold.django.replay import NativeReplay, replayable_models
from eventfold.django.test_databases import empty_log
from eventfold.errors import CorruptLog, ProjectionError, WrongLog
from tests.django.gauges.events import Measured
from tests.django.gauges.read_models import Gauge
from tests.django.loans.models import Book
from tests.django.loans.read_models import BookList
from tests.django.shelves.events import Cleared, Stored, Taken
from tests.django.shelves.helpers import (
    all_rows,
    by_hand,
    corrupt,
    given_some_events,
    record_by_another_program,
    rows,
)
from tests.django.shelves.read_models import Author, Clearing, Diary, Longest, Place, Word

both = pytest.mark.django_db(databases=["default", "memory"])
on_disk = pytest.mark.django_db(transaction=True)


def run(*args, **options):
    """What the command prints, and the message that it fails with, or None."""
    stream = io.StringIO()
    failure = None
    try:
        call_command("events", "verify", *args, stdout=stream, stderr=stream, **options)
    except CommandError as error:
        assert error.returncode == 1
        failure = str(error)
    return stream.getvalue().splitlines(), failure


def sql(statement, parameters=None, using="default"):
    with connections[using].cursor() as cursor:
        cursor.execute(statement, parameters)


def found(model, using="default"):
    """The differences of one model: what, key and columns."""
    (verified,) = [each for each in drift.verify(model, using, limit=1000) if each.model is model]
    assert verified.count == len(verified.differences)
    return [(each.what, tuple(each.key.values()), each.columns) for each in verified.differences]


def elsewhere(function):
    """Run a function in another thread, and so on another connection."""

    def run():
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


@both
def test_rows_that_lived_through_the_events_are_as_the_log_says(alias):
    given_some_events(alias)
    before = all_rows(alias)
    for model in replayable_models(alias):
        for verified in drift.verify(model, alias):
            assert (verified.count, verified.differences, verified.repaired) == (0, [], None)
            assert verified.rows == model.objects.using(alias).count() or verified.model is not model
    assert all_rows(alias) == before
    lines, failure = run("shelves.Place", "shelves.diary", database=alias)
    assert lines == [
        "shelves.Place: 2 rows, all as the log says",
        "shelves.Diary: 2 rows, all as the log says",
    ]
    assert failure is None


@both
def test_a_row_altered_one_deleted_and_one_too_many_are_found_and_mended(alias):
    given_some_events(alias)
    before = all_rows(alias)
    table = "shelves_place"
    sql(f"UPDATE {table} SET stored = 99, title = 'wrong' WHERE shelf = 'a'", using=alias)
    sql(f"DELETE FROM {table} WHERE shelf = 'b'", using=alias)
    by_hand(Place, alias).bulk_create([Place(shelf="z", row=5)])
    lines, failure = run("shelves.Place", database=alias)
    assert lines == [
        'shelves.Place (a, 1): stored is 2 by the log, 99 in the table, title is null by the log, "wrong" in the table',
        "shelves.Place (z, 5): only in the table; no such row follows from the log",
        "shelves.Place (b, 1): missing; the table has no such row",
        "shelves.Place: 2 rows, 3 differences",
    ]
    where = "" if alias == "default" else " --database memory"
    assert failure == (
        "Read models and log differ in 3 rows. "
        f"`manage.py events verify shelves.Place --repair{where}` writes what follows from the log."
    )
    lines, failure = run("shelves.Place", limit=1, database=alias)
    assert lines[1:] == ["shelves.Place: 2 rows, 3 differences, 2 of them not shown"]
    assert all_rows(alias) != before
    lines, failure = run("shelves.Place", repair=True, limit=0, database=alias)
    assert lines[0] == "shelves.Place: 2 rows, 3 differences, 3 of them not shown"
    assert "1 rows are new, 1 changed; 1 removed" in lines[1]
    assert failure is None
    assert all_rows(alias) == before
    assert found(Place, alias) == []


VALUES = {
    "text": "tâche",
    "integer": 2**53 + 1,
    "real": 0.1,
    "boolean": True,
    "decimal": Decimal("12.50"),
    "date": datetime.date(2024, 2, 29),
    "time": datetime.time(1, 2, 3, 4),
    "moment": datetime.datetime(2024, 3, 31, 12, 0, 0, 250, tzinfo=datetime.timezone.utc),
    "duration": datetime.timedelta(seconds=1.5),
    "uuid": UUID("0190a5b0-7c3e-7c11-8000-0123456789ab"),
    "tree": {"a": [1, 2.5, None]},
    "raw": b"\x00\xff",
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "damage", "in_log", "in_table"),
    [
        ("text", "'tâcHe'", "tâche", "tâcHe"),
        ("text", "CAST(x'74ff' AS TEXT)", "tâche", "t\\xff"),
        ("text", "x'74'", "tâche", b"t"),
        ("integer", "integer - 1", 2**53 + 1, 2**53),
        ("integer", "'x'", 2**53 + 1, "x"),
        ("real", "0.30000000000000004 - 0.2", 0.1, 0.10000000000000003),
        ("boolean", "0", 1, 0),
        ("decimal", "12.51", 12.5, 12.51),
        ("date", "'2024-02-28'", "2024-02-29", "2024-02-28"),
        ("time", "NULL", "01:02:03.000004", None),
        ("moment", "replace(moment, '250', '251')", "2024-03-31 12:00:00.000250", "2024-03-31 12:00:00.000251"),
        ("duration", "duration + 1", 1500000, 1500001),
        ("uuid", "upper(uuid)", VALUES["uuid"].hex, VALUES["uuid"].hex.upper()),
        ("tree", "json_set(tree, '$.a[0]', 2)", '{"a":[1,2.5,null]}', '{"a":[2,2.5,null]}'),
        ("raw", "x'00fe'", b"\x00\xff", b"\x00\xfe"),
        ("another name", "''", "tâche", ""),
    ],
)
def test_a_wrong_value_in_each_kind_of_column_is_found_and_mended(column, damage, in_log, in_table):
    if "CAST" in damage and database_of(connection).way == "dbapi":
        pytest.skip("Python's cursors cannot read such a text")
    for gauge in (1, 2):
        Measured.objects.create(gauge=gauge, **VALUES)
    before = rows(Gauge)
    sql("PRAGMA ignore_check_constraints = 1")
    sql(f'UPDATE gauges_gauge SET "{column}" = {damage} WHERE gauge = 2')
    sql("PRAGMA ignore_check_constraints = 0")
    assert found(Gauge) == [("changed", (2,), {column: (in_log, in_table)})]
    lines, failure = run("gauges.Gauge", repair=True)
    assert failure is None and len(lines) == 3
    assert found(Gauge) == [] and rows(Gauge) == before
    if column == "another name":
        assert lines[0] == 'gauges.Gauge 2: named_otherwise is "tâche" by the log, "" in the table'


@pytest.mark.django_db
def test_several_rows_of_one_key_are_found_and_mended_where_the_table_lost_its_constraint():
    given_some_events()
    before = rows(Place)
    columns = ", ".join(f'"{field.column}"' for field in Place._meta.concrete_fields if field.name != "id")
    sql("CREATE TABLE kept AS SELECT * FROM shelves_place")
    sql("ALTER TABLE shelves_place RENAME TO constrained")
    try:
        sql("ALTER TABLE kept RENAME TO shelves_place")
        sql(f"INSERT INTO shelves_place ({columns}) SELECT {columns} FROM constrained WHERE shelf = 'a'")
        sql("UPDATE shelves_place SET shelf = NULL WHERE shelf = 'b'")
        assert found(Place) == [
            ("extra", (None, 1), {}),
            ("doubled", ("a", 1), {}),
            ("missing", ("b", 1), {}),
        ]
        lines, failure = run("shelves.Place", repair=True)
        assert "shelves.Place (a, 1): the table has several rows of this key" in lines
        assert "shelves.Place (null, 1): only in the table; no such row follows from the log" in lines
        assert failure is None and found(Place) == [] and rows(Place) == before
    finally:
        sql("DROP TABLE shelves_place")
        sql("ALTER TABLE constrained RENAME TO shelves_place")


@both
def test_a_read_model_with_rules_in_python_is_held_against_what_they_give(alias):
    given_some_events(alias)
    before = all_rows(alias)
    sql("UPDATE shelves_diary SET story = 'lies' WHERE shelf = 'a'", using=alias)
    assert found(Diary, alias) == [("changed", ("a",), {"story": ("1:One 2:Two taken by ann ", "lies")})]
    run("shelves.Diary", repair=True, database=alias)
    assert all_rows(alias) == before


@on_disk
def test_a_handler_that_fails_says_at_which_event(monkeypatch):
    given_some_events()
    (handler,) = [each for each in Diary.projection.handlers if "was_stored" in each.method.__name__]

    def fails(row, event):
        raise ZeroDivisionError("nothing")

    monkeypatch.setitem(handler.__dict__, "method", fails)
    registry.forget()
    with pytest.raises(ProjectionError, match=r"shelves\.Diary, the event shelves\.Stored at position \d+: ZeroDiv"):
        drift.verify(Diary, "default")
    registry.forget()


@both
def test_rows_that_delete_on_took_away_and_that_came_back_are_found(alias):
    given_some_events(alias)
    by_hand(Place, alias).bulk_create([Place(shelf="b", row=2, title="Gone")])
    assert found(Place, alias) == [("extra", ("b", 2), {})]


@pytest.mark.django_db
def test_a_read_model_over_a_tracked_table_is_held_against_its_changes():
    for title in ("Emma", "Persuasion"):
        Book.objects.create(title=title)
    Book.objects.filter(title="Emma").update(title="Emma.")
    first, second = Book.objects.order_by("pk").values_list("pk", flat=True)
    assert found(BookList) == []
    sql("UPDATE loans_booklist SET title = 'Sense' WHERE key = %s", [first])
    sql("DELETE FROM loans_booklist WHERE key = %s", [second])
    assert found(BookList) == [
        ("changed", (first,), {"title": ("Emma.", "Sense")}),
        ("missing", (second,), {}),
    ]
    run("loans.BookList", repair=True)
    assert found(BookList) == []
    assert BookList.objects.get(key=first).title == "Emma."


@both
def test_a_read_model_that_projectors_keep_is_held_against_a_replay_of_them(alias):
    given_some_events(alias)
    before = all_rows(alias)
    assert found(Author, alias) == found(Word, alias) == found(Longest, alias) == []
    Author.objects.using(alias).filter(name="bob").update(words=-1)
    Author.objects.using(alias).filter(name="eve").delete()
    Author.objects.using(alias).create(name="nobody")
    sql("UPDATE shelves_word SET words = 0, name = 'BOB' WHERE name = 'bob'", using=alias)
    damaged = all_rows(alias)
    assert found(Author, alias) == [
        ("changed", ("bob",), {"words": (7, -1)}),
        ("extra", ("nobody",), {}),
        ("missing", ("eve",), {}),
    ]
    assert found(Word, alias) == [("extra", ("BOB",), {}), ("missing", ("bob",), {})]
    assert all_rows(alias) == damaged
    lines, failure = run("shelves.Word", database=alias)
    assert [line.partition(":")[0] for line in lines] == [
        "shelves.Longest",
        "shelves.Word BOB",
        "shelves.Word bob",
        "shelves.Word",
    ]
    assert "differ in 2 rows. `manage.py events verify shelves.Word --repair" in failure
    lines, failure = run("shelves.Word", "shelves.Author", repair=True, database=alias)
    assert failure is None
    assert any(line.startswith("shelves.Author: mended, up to position ") for line in lines)
    assert all_rows(alias) == before
    assert found(Author, alias) == found(Word, alias) == []


@on_disk
def test_events_of_another_program_that_no_read_model_has_seen_yet_are_no_drift():
    given_some_events()
    event = Stored.objects.create(shelf="q", row=1, title="Emma")
    record_by_another_program('{"shelf":"q","row":1,"title":"Two"}', like=event)
    (verified,) = drift.verify(Place, "default")
    assert (verified.count, verified.until) == (0, event.position)
    connection.connection.execute("UPDATE shelves_place SET stored = 9 WHERE shelf = 'q'")  # past what would fold it
    assert found(Place) == [("changed", ("q", 1), {"stored": (1, 9)})]
    (verified,) = drift.verify(Place, "default", repair=True)
    assert verified.repaired.head == event.position + 1
    assert Place.objects.get(shelf="q").stored == 2
    assert found(Place) == []


@on_disk
def test_a_log_whose_mark_says_that_everything_was_folded_is_not_believed():
    given_some_events()
    with EventLog(connection.settings_dict["NAME"]) as log:
        log.append("shelves.Taken", {"shelf": "a", "row": 1, "by": "eve"})
    connection.connection.execute("UPDATE eventfold_header SET folded = head")
    assert {what for what, _, _ in found(Place)} == {"changed"}
    run("shelves.Place", "shelves.Diary", repair=True)
    assert found(Place) == [] and Place.objects.get(shelf="a").taken == 2


@on_disk
@pytest.mark.parametrize("model", [Place, Diary, Author])
def test_a_repair_keeps_what_was_recorded_after_the_comparison(model, monkeypatch):
    given_some_events()
    by_hand(model).update(**{"stored" if model is not Author else "notes": 77})

    def append_meanwhile(self, *args):
        elsewhere(given_some_events)
        return write(self, *args)

    replaying = ProjectorReplay if model is Author else NativeReplay
    write = replaying.write
    monkeypatch.setattr(replaying, "write", append_meanwhile)
    (verified,) = drift.verify(model, "default", repair=True)
    assert verified.repaired.head == verified.until + 9
    assert found(model) == []
    if model is Author:
        assert Author.objects.get(name="bob").notes == 4
    else:
        assert model.objects.get(shelf="a").stored == 4


@pytest.mark.django_db
def test_a_repair_writes_just_the_rows_that_differ():
    Cleared.objects.bulk_create([Cleared(shelf=str(n), row=n) for n in range(50)])
    sql("CREATE TABLE changes (shelf TEXT)")
    sql("CREATE TRIGGER note AFTER UPDATE ON shelves_clearing BEGIN INSERT INTO changes VALUES (new.shelf); END")
    sql("UPDATE shelves_clearing SET times = 5 WHERE shelf IN ('7', '8')")
    sql("DELETE FROM changes")
    (verified,) = drift.verify(Clearing, "default", limit=1, repair=True)
    assert (verified.count, len(verified.differences)) == (2, 1)
    done = verified.repaired
    assert (done.inserted, done.updated, done.deleted, done.rows) == (0, 2, 0, 50)
    with connection.cursor() as cursor:
        assert sorted(cursor.execute("SELECT * FROM changes").fetchall()) == [("7",), ("8",)]
    sql("DELETE FROM changes")
    assert drift.verify(Clearing, "default", repair=True)[0].repaired is None
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT * FROM changes").fetchall() == []


@on_disk
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_finds_the_same(threads):
    Cleared.objects.bulk_create([Cleared(shelf=str(n * n % 997), row=n) for n in range(30_000)])
    sql("UPDATE shelves_clearing SET times = times + 1 WHERE shelf IN ('1', '4')")
    (verified,) = drift.verify(Clearing, "default", threads=threads)
    assert (verified.rows, verified.count, verified.until) == (499, 2, Cleared.objects.last().position)


LIES = [
    ("position = position + 1000", "above the head of the log", WrongLog),
    ("log_id = 'another'", "its rows were made from another log, another", WrongLog),
    ("epoch = epoch - 1", "the log was emptied since its rows were made", WrongLog),
    ("spec_hash = 'other'", "its definition has changed since its rows were made", ProjectionError),
    ("due = 1", "events were loaded past it, or its rows were deleted", ProjectionError),
]


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Place, Diary, Author])
@pytest.mark.parametrize(("lie", "problem", "error"), LIES)
def test_a_checkpoint_that_lies_is_an_error_that_says_what_to_do(model, lie, problem, error):
    given_some_events()
    call_command("events", "replay", model._meta.label, verbosity=0)
    assert found(model) == []
    sql(f"UPDATE eventfold_read_model SET {lie} WHERE name = %s", [model._meta.label])
    due = rf"A replay of {model._meta.label} is due.*{problem}.*run `manage\.py events replay"
    with pytest.raises(error, match=due):
        drift.verify(model, "default", repair=True)


@pytest.mark.django_db
@pytest.mark.parametrize("position", [0, 3])
def test_a_checkpoint_further_back_than_the_rows_does_not_matter_to_inline_rows(position):
    given_some_events()
    call_command("events", "replay", "shelves.Place", verbosity=0)
    sql("UPDATE eventfold_read_model SET position = %s WHERE name = 'shelves.Place'", [position])
    assert found(Place) == []


@pytest.mark.django_db
def test_rows_that_were_deleted_by_the_orm_wait_for_a_replay():
    given_some_events()
    Place.objects.all().delete()
    with pytest.raises(ProjectionError, match=r"its rows were deleted: run `manage\.py events replay shelves\.Place"):
        drift.verify(Place, "default")


@on_disk
@pytest.mark.parametrize("model", [Clearing, Author])
def test_a_log_that_is_emptied_meanwhile_is_an_error(model, monkeypatch):
    given_some_events()

    def empty_meanwhile(done, total):
        elsewhere(lambda: empty_log(connections["default"]))

    monkeypatch.setattr("eventfold.django.projector_replay._PAUSE", 0)
    with pytest.raises(WrongLog, match=r"run `manage\.py events verify` again|above the head|was emptied since"):
        drift.verify(model, "default", progress=empty_meanwhile)


@both
def test_a_corrupt_event_is_said_and_hides_no_other_read_model(alias):
    given_some_events(alias)
    sql("UPDATE shelves_clearing SET times = 9", using=alias)
    event = Stored.objects.using(alias).first()
    corrupt(event, "{", alias)
    with pytest.raises(CorruptLog):
        drift.verify(Place, alias)
    lines, failure = run("shelves.Place", "shelves.Clearing", database=alias)
    assert "shelves.Clearing b: times is 1 by the log, 9 in the table" in lines
    first, second = failure.splitlines()
    assert f"shelves.Stored at position {event.position}" in first
    assert second.startswith("Read models and log differ in 1 row. ")


@pytest.mark.django_db
def test_a_table_that_is_missing_says_migrate():
    given_some_events()
    sql("ALTER TABLE shelves_clearing RENAME TO away")
    try:
        _, failure = run("shelves.Clearing")
        assert failure == (
            "shelves.Clearing has no table in the database 'default': run `manage.py migrate --database default`"
        )
    finally:
        sql("ALTER TABLE away RENAME TO shelves_clearing")


@pytest.mark.django_db
def test_what_cannot_be_verified_is_said():
    from django.contrib.auth.models import User

    with pytest.raises(ProjectionError, match=r"auth\.User has neither a Projection nor a @projector"):
        drift.verify(User, "default")
    for labels, options, message in [
        (["auth.User"], {}, r"auth\.User is no tracked model and no read model .* There are: .*shelves\.Place"),
        (["shelves.Place"], {"threads": 0}, "--threads must be at least 1"),
        (["shelves.Place"], {"limit": -1}, "--limit must not be negative"),
    ]:
        with pytest.raises(CommandError, match=message):
            call_command("events", "verify", *labels, **options)


@pytest.mark.django_db
def test_it_is_quiet_if_asked_and_fails_all_the_same():
    given_some_events()
    assert run(verbosity=0) == ([], None)
    sql("UPDATE shelves_place SET stored = 9")
    lines, failure = run("shelves.Place", verbosity=0)
    assert lines == [] and "differ in 2 rows" in failure


@on_disk
@pytest.mark.parametrize("model", [Place, Clearing])
def test_ctrl_c_ends_it_with_130_and_writes_nothing(model, monkeypatch):
    given_some_events()
    by_hand(model).update(**{"stored" if model is Place else "times": 7})
    before = all_rows()

    def interrupt(self, done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLine, "update", interrupt)
    with pytest.raises(CommandError, match="interrupted; nothing was written") as raised:
        call_command("events", "verify", model._meta.label, repair=True)
    assert raised.value.returncode == 130
    assert all_rows() == before
    Taken.objects.create(shelf="a", row=1, by="bob")  # and the connection works on


@pytest.mark.django_db
def test_values_that_are_long_are_cut():
    Stored.objects.create(shelf="a", row=1, title="é" * 100)
    sql("UPDATE shelves_place SET title = ''")
    lines, _ = run("shelves.Place")
    assert lines[0] == f'shelves.Place (a, 1): title is "{"é" * 58}… by the log, "" in the table'
