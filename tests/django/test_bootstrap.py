"""`manage.py events bootstrap`: rows from before tracking get their first event."""

import datetime
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from eventfold import _core
from eventfold.django import as_of, events_of, history
from eventfold.django.connection import database_of
from eventfold.django.gate import native
from eventfold.django.tracking.bootstrap import CannotBootstrap, bootstrap, only_one
from eventfold.django.tracking.pace import Pace
from tests.django.loans.models import Author, Book, Library, Place, Shelf
from tests.django.loans.read_models import BookList
from tests.django.untold import without_triggers

pytestmark = pytest.mark.django_db


def run(*labels, **options):
    stream = io.StringIO()
    call_command("events", "bootstrap", *labels, stdout=stream, **options)
    return stream.getvalue()


def untold(sql, *parameters, table="loans_shelf"):
    without_triggers(table, sql, *parameters)


def shelves(*marks, row=0):
    for mark in marks:
        untold("INSERT INTO loans_shelf (mark, row) VALUES (%s, %s)", mark, row)


def existed(model):
    return list(events_of(model).existed.objects.order_by("position").values_list("key", flat=True))


def test_each_row_gets_one_first_event_and_only_one():
    shelves("b", "a", "c")
    Shelf.objects.create(mark="d")
    assert "loans.Shelf: 3 rows have their first event now; 1 had one (" in run("loans.Shelf")
    assert existed(Shelf) == ["a", "b", "c"]
    assert "loans.Shelf: 0 rows have their first event now; 4 had one (" in run("loans.shelf")
    assert existed(Shelf) == ["a", "b", "c"]


def test_a_first_event_says_the_whole_row_as_a_created_one_does():
    values = {
        "title": 'Zoë "x"',
        "price": "12.50",
        "rating": 0.1,
        "published": datetime.date(2020, 2, 29),
        "added": datetime.datetime(2020, 1, 2, 3, 4, 5, 678, datetime.timezone.utc),
        "tags": {"a": [1, None]},
        "cover": b"\x00\xff",
        "secret": "password",
        "note": "left out",
    }
    told = Book.objects.create(**values)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM eventfold_event ORDER BY position DESC LIMIT 1")
        (created,) = cursor.fetchone()
    untold("UPDATE loans_book SET id = id + 1000", table="loans_book")
    run("loans.Book")
    with connection.cursor() as cursor:
        cursor.execute("SELECT data, slot1, typeof(slot1) FROM eventfold_event ORDER BY position DESC LIMIT 1")
        data, slot, kind = cursor.fetchone()
    assert (slot, kind) == (told.pk + 1000, "integer")
    assert {**json.loads(created), "key": slot, "new_id": slot} == json.loads(data)
    assert json.loads(data)["new_secret"] == "********"
    assert "new_note" not in json.loads(data)


def test_a_row_that_came_back_untold_after_its_end_gets_a_new_first_event():
    shelf = Shelf.objects.create(mark="a", row=1)
    shelf.delete()
    shelves("a", row=2)
    run("loans.Shelf")
    assert [change.action for change in history(Shelf(mark="a"))] == ["existed", "deleted", "created"]
    Shelf.objects.all().delete()
    Shelf.objects.create(mark="a")
    run("loans.Shelf")
    assert history(Shelf(mark="a"))[0].action == "created"


def test_a_row_that_changed_before_its_turn_has_lost_nothing():
    shelves("a", "b", row=1)
    Shelf.objects.filter(mark="a").update(row=2)
    before = history(Shelf(mark="a"))[0].position
    run("loans.Shelf")
    Shelf.objects.filter(mark="a").update(row=3)
    changed, first, earlier = history(Shelf(mark="a"))
    assert [change.action for change in (changed, first, earlier)] == ["changed", "existed", "changed"]
    assert earlier.part("old") == {"row": 1}
    rows = [as_of(Shelf(mark="a"), at).row for at in (before, first.position, changed.position)]
    assert rows == [2, 2, 3]
    Shelf.objects.filter(mark="a").delete()
    assert as_of(Shelf(mark="a"), before).row == 2


def test_parents_and_the_tables_of_many_to_many_fields_come_with_a_model():
    library = Library.objects.create(name="Main", seats=3)
    book = Book.objects.create()
    book.authors.add(Author.objects.create(name="x"))
    for table, key in (("loans_place", "id"), ("loans_library", "place_ptr_id"), ("loans_book_authors", "id")):
        untold(f"UPDATE {table} SET {key} = {key} + 500", table=table)
    out = run("loans.Library", "loans.BookProxy")
    for label, rows in (("Library", 1), ("Place", 1), ("Book_authors", 1), ("Book", 0)):
        assert f"loans.{label}: {rows} rows have their first event now" in out
    assert (existed(Library), existed(Place)) == ([library.pk + 500],) * 2
    then = as_of(Library.objects.get(), history(Library.objects.get())[0].position)
    assert (then.name, then.seats) == ("Main", 3)


def test_all_tracked_models_are_done_if_none_is_named():
    shelves("a")
    assert {line.partition(":")[0] for line in run().splitlines()} >= {"loans.Shelf", "loans.Book", "loans.Place"}
    assert run(verbosity=0) == ""


def test_positions_follow_the_last_event_also_where_the_head_is_beyond_it():
    with connection.cursor() as cursor:
        cursor.execute("SELECT head FROM eventfold_head")
        (head,) = cursor.fetchone()
        cursor.execute("UPDATE eventfold_header SET head = %s", [head + 50])
    shelves("a", "b", "c")
    run("loans.Shelf")
    positions = [history(Shelf(mark=mark))[0].position for mark in "abc"]
    assert positions == [head + 51, head + 52, head + 53]
    Shelf.objects.create(mark="d")
    assert history(Shelf(mark="d"))[0].position == head + 54


def test_time_does_not_run_backward():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_header SET last_created = 9000000000000000")
    shelves("a")
    run("loans.Shelf")
    assert history(Shelf(mark="a"))[0].created.year == 2255


def test_what_a_table_holds_never_makes_it_fail():
    # Python's cursors cannot read a text that is not UTF-8
    text = "'\xffA'" if database_of(connection).way == "dbapi" else "CAST(x'ff41' AS TEXT)"
    untold(
        "INSERT INTO loans_shelf (mark, row) VALUES (%s, 'no number'), (%s, %s), (%s, 9e999), "
        f"({text}, 1), (%s, 7), (%s, 8), ('', 9)",
        "a\0b",
        "blob",
        b"\x01\x02",
        "infinite",
        "it's",
        b"\x00",
    )
    for _ in range(2):
        assert bootstrap(Shelf, "default").rows == 7
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT slot3) FROM eventfold_event WHERE data LIKE '%new_row%'")
        assert cursor.fetchone() == (7, 7)


def small_batches(monkeypatch, rows=2):
    monkeypatch.setattr("eventfold.django.tracking.pace._FIRST", rows)
    monkeypatch.setattr("eventfold.django.tracking.pace._MOST", rows)


def test_many_batches_give_the_same_as_one(monkeypatch):
    small_batches(monkeypatch)
    Shelf.objects.create(mark="c")
    shelves(*"gfedba")
    seen = []
    assert bootstrap(Shelf, "default", lambda done, rows: seen.append((done, rows))) == (7, 6)
    assert seen == [(0, 7), (2, 7), (4, 7), (6, 7), (7, 7)]
    assert existed(Shelf) == ["a", "b", "d", "e", "f", "g"]


def test_what_stops_it_leaves_what_is_done_and_it_goes_on_where_it_stopped(monkeypatch):
    small_batches(monkeypatch)
    shelves(*"abcdef")

    def stop(done, rows):
        if done == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        "eventfold.django.management.subcommands.bootstrap.ProgressLine.update", lambda self, *a: stop(*a)
    )
    with pytest.raises(
        CommandError, match=r"interrupted. What is done stays; to go on, run `manage.py events boot"
    ) as e:
        run("loans.Shelf")
    assert e.value.returncode == 130
    assert existed(Shelf) == ["a", "b", "c", "d"]
    monkeypatch.undo()
    assert "2 rows have their first event now; 4 had one" in run("loans.Shelf")
    assert existed(Shelf) == ["a", "b", "c", "d", "e", "f"]


def test_rows_that_come_and_go_between_batches_are_neither_lost_nor_doubled(monkeypatch):
    small_batches(monkeypatch)
    shelves(*"bdfhjl")

    def meanwhile(done, rows):
        if done == 2:
            Shelf.objects.create(mark="a")
            Shelf.objects.create(mark="g")
            Shelf.objects.filter(mark="h").update(mark="c")  # behind
            Shelf.objects.filter(mark="j").delete()
            Shelf.objects.filter(mark="b").update(row=9)

    bootstrap(Shelf, "default", meanwhile)
    assert existed(Shelf) == ["b", "d", "f", "l"]
    for mark in Shelf.objects.values_list("mark", flat=True):
        begun = [change.action for change in history(Shelf(mark=mark)) if change.action in ("created", "existed")]
        assert len(begun) == 1, mark


def test_read_models_have_seen_first_events_when_it_returns():
    untold(
        "INSERT INTO loans_book (id, title, available, secret, note) VALUES (77, 'x', 1, '', '')", table="loans_book"
    )
    run("loans.Book")
    Book.objects.filter(pk=77).update(title="y")
    assert BookList.objects.get(key=77).changes == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT folded, head FROM eventfold_head")
        folded, head = cursor.fetchone()
    assert folded == head


def test_a_batch_finds_events_by_one_scan_of_an_index_and_rows_by_a_seek():
    shelves("a")
    Shelf.objects.create(mark="b")
    with CaptureQueriesContext(connection) as queries:
        bootstrap(Shelf, "default")
    (insert,) = [query["sql"] for query in queries if query["sql"].startswith("INSERT INTO eventfold_event")]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {insert.replace('%', '%%')}")
        plan = " / ".join(row[3] for row in cursor.fetchall())
    assert "SEARCH t USING INDEX" in plan
    assert "COVERING INDEX eventfold_event_slot3 (type_id=? AND slot3>? AND slot3<?)" in plan
    assert "CORRELATED" not in plan


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (
            "loans.Nothing",
            r"loans.Nothing is no model that is tracked in the database 'default'.* There are: .*loans.Book",
        ),
        ("loans.Untold", "loans.Untold is no model that is tracked"),
        ("nonsense", "nonsense is no model that is tracked"),
        ("shelves.Stored", "shelves.Stored is no model that is tracked"),
    ],
)
def test_a_model_that_is_not_tracked_is_refused(label, message):
    with pytest.raises(CommandError, match=message):
        run(label)


def test_a_table_without_its_triggers_is_refused():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER eventfold_tracks_loans_shelf_deleted")
        with pytest.raises(CommandError, match=r"no longer fit it, so .* lost: run `manage.py migrate --database def"):
            run("loans.Shelf")
        for action in ("created", "changed", "moved"):
            cursor.execute(f"DROP TRIGGER eventfold_tracks_loans_shelf_{action}")
        with pytest.raises(CommandError, match=r"loans.Shelf: its table has no triggers"):
            run("loans.Shelf")


def test_triggers_that_go_while_it_runs_stop_it(monkeypatch):
    small_batches(monkeypatch)
    shelves("a", "b", "c")

    def meanwhile(done, rows):
        if done == 2:
            with connection.cursor() as cursor:
                cursor.execute("DROP TRIGGER eventfold_tracks_loans_shelf_deleted")

    with pytest.raises(CannotBootstrap, match="no longer fit"):
        bootstrap(Shelf, "default", meanwhile)
    assert existed(Shelf) == ["a", "b"]


def remake_shelf(columns):
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'loans_shelf'")
        triggers = [sql for (sql,) in cursor.fetchall()]
        cursor.execute("DROP TABLE loans_shelf")
        cursor.execute(f"CREATE TABLE loans_shelf ({columns})")
        for trigger in triggers:
            cursor.execute(trigger)


def test_a_table_without_an_order_of_its_keys_is_refused():
    remake_shelf("mark varchar(10) NOT NULL, row integer NOT NULL")
    with pytest.raises(CannotBootstrap, match=r"no unique index on the primary key \(mark\).*CREATE UNIQUE INDEX"):
        bootstrap(Shelf, "default")
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX loans_shelf_some ON loans_shelf (mark) WHERE row > 0")
        with pytest.raises(CannotBootstrap, match="no unique index"):
            bootstrap(Shelf, "default")
        cursor.execute("CREATE UNIQUE INDEX loans_shelf_mark ON loans_shelf (mark)")
    shelves("a")
    assert bootstrap(Shelf, "default") == (1, 1)


def test_a_key_that_is_null_is_refused():
    remake_shelf("mark varchar(10) PRIMARY KEY, row integer NOT NULL")
    shelves("a", None)
    with pytest.raises(CannotBootstrap, match="NULL in its primary key"):
        bootstrap(Shelf, "default")
    assert existed(Shelf) == []


def test_keys_that_differ_in_case_only_are_two():
    remake_shelf("mark varchar(10) NOT NULL COLLATE NOCASE PRIMARY KEY, row integer NOT NULL")
    Shelf.objects.create(mark="A")
    Shelf.objects.all().delete()
    Shelf.objects.create(mark="b")
    shelves("a", "C")
    assert bootstrap(Shelf, "default") == (3, 2)
    assert bootstrap(Shelf, "default") == (3, 0)
    assert existed(Shelf) == ["a", "C"]
    # an index of its own, in which two rows differ that the column's collation takes for one
    remake_shelf("mark varchar(10) NOT NULL COLLATE NOCASE, row integer NOT NULL")
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX loans_shelf_mark ON loans_shelf (mark COLLATE BINARY)")
    shelves("x", "X", "y")
    assert bootstrap(Shelf, "default") == (3, 3)


def test_triggers_fire_again_whatever_happens():
    for insert in ("INSERT INTO nowhere SELECT 1", "INSERT INTO loans_shelf SELECT 'a', 1 UNION ALL SELECT 'a', 2"):
        with pytest.raises(DatabaseError), transaction.atomic():
            native(connection, insert, _core.Log.append_selected, insert)
    shelves("b")
    run("loans.Shelf")
    Shelf.objects.create(mark="c")
    assert history(Shelf(mark="c"))[0].action == "created"
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="given out before"):
        cursor.execute("INSERT OR REPLACE INTO eventfold_event SELECT * FROM eventfold_event ORDER BY position LIMIT 1")


def test_two_at_once_are_refused():
    with (
        only_one(connection),
        pytest.raises(CommandError, match="Another bootstrap of the database 'default' is running"),
    ):
        run("loans.Shelf")
    assert "loans.Shelf: 0 rows" in run("loans.Shelf")


@pytest.mark.django_db(databases=["default", "memory"])
def test_a_database_in_memory_needs_no_lock():
    shelf = Shelf.objects.using("memory").create(mark="a")
    with only_one(connections["memory"]), only_one(connections["memory"]):
        assert bootstrap(Shelf, "memory") == (1, 0)
    shelf.delete()


def test_an_empty_table_is_no_problem():
    assert bootstrap(Shelf, "default") == (0, 0)


def test_a_batch_takes_about_its_time():
    pace = Pace()
    for _ in range(20):
        rows = pace.rows
        pause = pace.took(rows, rows * 2e-6, others_wrote=False)
    assert rows * 2e-6 == pytest.approx(0.015, rel=0.01)
    assert pause == pytest.approx(0.005, rel=0.01)


def test_a_batch_grows_slowly_and_shrinks_at_once():
    pace = Pace()
    first = pace.rows
    pace.took(first, 1e-9, others_wrote=False)
    assert pace.rows == 2 * first
    pace.took(pace.rows, 10.0, others_wrote=False)
    assert pace.rows <= 2
    pace.took(pace.rows, 10.0, others_wrote=False)
    assert pace.rows == 1
    for _ in range(100):
        pace.took(pace.rows, 0.0, others_wrote=False)
    assert pace.rows == 50_000


def test_while_others_write_batches_are_shorter_and_pauses_as_long_as_they():
    pace = Pace()
    for _ in range(20):
        pace.took(pace.rows, pace.rows * 1e-6, others_wrote=False)
    before = pace.rows
    assert pace.took(before, 0.015, others_wrote=True) == 0.015
    assert pace.rows == pytest.approx(before * 2 / 3, rel=0.01)
    assert pace.took(10, 0.001, others_wrote=False) == 0.001  # he may come again
    for _ in range(300):
        pause = pace.took(10, 0.003, others_wrote=False)
    assert pause == pytest.approx(0.001)


def asked_at(start):
    """When a writer asks who finds the database locked: SQLite's own waits, in ms."""
    moment = start
    for wait in (0, 1, 2, 5, 10, 15, 20):
        moment += wait
        yield moment


@pytest.mark.parametrize("batch", [1.0, 5.0, 10.0, 12.0])
def test_while_others_write_one_who_waits_is_let_in_within_50_ms_whenever_he_comes(batch):
    pause = batch  # as the pace says
    for start in range(int(batch * 100)):
        waits = [at - start / 100 for at in asked_at(start / 100) if at % (batch + pause) >= batch]
        assert waits and min(waits) < 50
