"""lifecycle = "live": rows that are folded when a statement asks for them, and stored nowhere."""

import sqlite3
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.models import Count, F, OuterRef, Subquery
from django.test.utils import CaptureQueriesContext

from eventfold import EventLog, ProjectionError, _core
from eventfold.django import wait_for
from eventfold.django.gate import native
from tests.django.project import Failed, Project
from tests.django.sales.events import Returned, Sold, Withdrawn
from tests.django.sales.models import Shop
from tests.django.sales.read_models import InlineItem, LiveItem, LiveShop

on_disk = pytest.mark.django_db(transaction=True)
both = pytest.mark.django_db(databases=["default", "memory"])


def rows(model, using="default"):
    return sorted(model.objects.using(using).values_list())


def sell(item=1, buyer="ann", price="1.50", using="default"):
    return Sold.objects.using(using).create(item=item, buyer=buyer, price=price)


def stored(model, alias="default"):
    """How many rows are in the table of the file."""
    sql = f'SELECT count(*) FROM main."{model._meta.db_table}"'
    return connections[alias].connection.execute(sql).fetchone()[0]


@both
def test_given_events_when_the_rows_are_asked_for_then_they_are_those_of_an_inline_read_model(alias):
    assert rows(LiveItem, alias) == []
    for number in range(5):
        sell(number % 2, using=alias)
        assert rows(LiveItem, alias) == rows(InlineItem, alias)
    Returned.objects.using(alias).create(item=0)
    Withdrawn.objects.using(alias).create(item=1)
    assert rows(LiveItem, alias) == rows(InlineItem, alias)
    assert len(rows(LiveItem, alias)) == 1 and stored(LiveItem, alias) == 0


@both
def test_every_kind_of_query_sees_them(alias):
    for number in range(6):
        sell(number % 3, using=alias)
    objects = LiveItem.objects.using(alias)
    assert objects.get(pk=1).sold == 2
    assert objects.filter(sold__gte=2).count() == 3 and objects.exists()
    assert objects.aggregate(n=Count("pk"))["n"] == 3
    assert [row.item for row in objects.order_by("-item").iterator()] == [2, 1, 0]
    twice = InlineItem.objects.using(alias).annotate(
        live=Subquery(LiveItem.objects.filter(pk=OuterRef("pk")).values("sold")[:1])
    )
    assert twice.filter(live=F("sold")).count() == 3
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT sum(sold) FROM sales_liveitem")
        assert cursor.fetchone() == (6,)
        cursor.execute("WITH x AS (SELECT * FROM SALES_LIVEITEM) SELECT count(*) FROM x")
        assert cursor.fetchone() == (3,)


@both
def test_what_tables_record_by_triggers_is_seen_too(alias):
    Shop.objects.using(alias).bulk_create([Shop(name="a"), Shop(name="b")])
    Shop.objects.using(alias).filter(name="b").update(name="c")
    assert [name for _, name, _ in rows(LiveShop, alias)] == ["a", "c"]
    Shop.objects.using(alias).all().delete()
    assert rows(LiveShop, alias) == []


@both
def test_a_rollback_takes_back_what_was_folded_within_it(alias):
    sell(1, using=alias)
    before = rows(LiveItem, alias)
    with pytest.raises(RuntimeError), transaction.atomic(using=alias):
        sell(1, using=alias)
        sell(2, using=alias)
        assert len(rows(LiveItem, alias)) == 2
        raise RuntimeError
    assert rows(LiveItem, alias) == before
    sell(1, "bob", using=alias)
    assert rows(LiveItem, alias) == rows(InlineItem, alias)


@on_disk
def test_what_other_programs_and_other_connections_record_is_seen_by_the_next_statement():
    sell()
    assert rows(LiveItem) == rows(InlineItem)
    with EventLog(connection.settings_dict["NAME"]) as log:
        log.append("sales.Sold", {"item": 1, "price": "2.00", "buyer": "eve"})
    assert [row[3] for row in rows(LiveItem)] == ["eve"]
    found = []

    def elsewhere():
        try:
            sell(2, "bob")
            found.extend(rows(LiveItem))
        finally:
            connection.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(found) == 2 and rows(LiveItem) == found


@on_disk
def test_it_reads_without_the_lock_that_writers_need():
    sell()
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        assert len(rows(LiveItem)) == 1
        assert not connection.connection.in_transaction
    finally:
        other.execute("ROLLBACK")
        other.close()


@on_disk
def test_a_new_connection_folds_anew_and_what_is_known_is_not_folded_again():
    sell()
    rows(LiveItem)
    connection.close()
    with CaptureQueriesContext(connection) as queries:
        assert len(rows(LiveItem)) == 1
    assert any("eventfold: live sales.LiveItem" in query["sql"] for query in queries)
    with CaptureQueriesContext(connection) as queries:
        assert len(rows(LiveItem)) == 1
    assert len(queries) == 1


@both
def test_an_emptied_log_has_no_rows(alias):
    sell(using=alias)
    rows(LiveItem, alias)
    native(connections[alias], "empty", _core.Log.empty)
    assert rows(LiveItem, alias) == []
    sell(7, using=alias)
    assert [row[0] for row in rows(LiveItem, alias)] == [7]


@on_disk
def test_a_flush_leaves_nothing_of_it():
    sell()
    rows(LiveItem)
    call_command("flush", interactive=False, verbosity=0)
    assert rows(LiveItem) == []
    sell(7)
    assert [row[0] for row in rows(LiveItem)] == [7]


@both
def test_its_rows_cannot_be_written_or_deleted(alias):
    sell(using=alias)
    row = LiveItem.objects.using(alias).get()
    for write in (
        row.save,
        row.delete,
        LiveItem.objects.using(alias).all().delete,
        lambda: LiveItem.objects.using(alias).update(sold=7),
        lambda: LiveItem.objects.using(alias).create(item=8),
    ):
        with pytest.raises(ProjectionError, match=r"sales\.LiveItem: \w+\(\) is refused, since its rows"):
            write()
    assert rows(LiveItem, alias) == rows(InlineItem, alias)


@both
def test_an_event_that_cannot_be_folded_is_named_when_the_rows_are_asked_for_and_no_append_is_refused(
    alias, monkeypatch
):
    from eventfold.django.connection import database_of

    with transaction.atomic(using=alias):  # an inline read model of the same rule would refuse it
        EventLog.on(database_of(connections[alias])).append("sales.Sold", {"item": 7, "price": None, "buyer": "nobody"})
        connections[alias].connection.execute("UPDATE eventfold_header SET folded = head")
    for _ in range(2):
        with pytest.raises(ProjectionError, match=r"the event sales\.Sold at position .* nobody buys nothing"):
            rows(LiveItem, alias)
    monkeypatch.setattr("tests.django.sales.read_models.count_the_buyer.__code__", (lambda row, event: None).__code__)
    assert [row[0] for row in rows(LiveItem, alias)] == [7]


@both
def test_nobody_keeps_it_and_commands_say_so(alias):
    wait_for(sell(using=alias).position, LiveItem, using=alias)
    out = StringIO()
    call_command("events", "status", database=alias, stdout=out)
    assert "  sales.LiveItem: live, folded when it is asked for\n" in out.getvalue()
    call_command("events", "explain", "sales.LiveItem", database=alias, stdout=out)
    assert "Stored nowhere: folded by each connection when a statement asks for it." in out.getvalue()
    assert "Rows: as the log has them" in out.getvalue()
    for command in ("replay", "verify", "follow"):
        with pytest.raises(CommandError, match=r"sales\.LiveItem is live: its rows are folded"):
            call_command("events", command, "sales.LiveItem", database=alias, stdout=out)
    call_command("check", databases=[alias], tags=["database"], stdout=out, stderr=out)


MODELS = """
from eventfold.django import Count, ReadModel

class Sold(Event):
    item = models.BigIntegerField()

class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    class Projection:
        LIFECYCLE
        key = "item"
        sold = Count(Sold)
"""
SELL = "from shop.models import *\nSold.objects.bulk_create([Sold(item=n % 3) for n in range(9)])\n"
LOOK = "print(sorted(Item.objects.values_list('item', 'sold')))"
LIVE = MODELS.replace("LIFECYCLE", 'lifecycle = "live"')


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.models(LIVE)
    project.update()
    return project


def test_a_migration_of_its_fields_works_while_its_rows_were_looked_at(project):
    project.python(SELL)
    project.models(
        LIVE.replace("    class Projection", "    shelf = models.IntegerField(null=True)\n    class Projection")
    )
    project.makemigrations()
    said = project.python(
        """
        from shop.models import *
        from django.core.management import call_command
        call_command("migrate", verbosity=0)
        print(sorted(Item.objects.values_list()))  # there is a temporary table before it now
        call_command("migrate", "shop", "0001", verbosity=0)
        call_command("migrate", verbosity=0)
        print(sorted(Item.objects.values_list()))
        """
    )
    assert said == "[(0, 3, None), (1, 3, None), (2, 3, None)]\n" * 2
    assert project.rows("SELECT * FROM shop_item") == []
    project.models(LIVE.replace("default=0", "default=0, db_index=True"))
    project.update()
    assert "[(0, 3), (1, 3), (2, 3)]" in project.python("from shop.models import *\n" + LOOK)


def test_the_lifecycle_may_change_to_it_and_back(project):
    project.models(MODELS.replace("        LIFECYCLE\n", ""))
    project.migrate()
    project.python(SELL)
    call = "from django.core.management import call_command\ncall_command('events', 'replay', verbosity=0)"
    project.python(call)
    assert project.rows("SELECT sum(sold) FROM shop_item") == [(9,)]
    project.models(LIVE)
    assert "[(0, 3), (1, 3), (2, 3)]" in project.python("from shop.models import *\n" + LOOK)
    project.migrate()
    assert project.rows("SELECT * FROM shop_item") == []
    assert "[(0, 6), (1, 6), (2, 6)]" in project.python(SELL + LOOK)
    project.models(MODELS.replace("        LIFECYCLE\n", ""))
    said = project.run("check", "--database", "default")
    assert "W201" in said and "never built from the events" in said
    project.run("events", "replay")
    assert "[(0, 9), (1, 9), (2, 9)]" in project.python(SELL + LOOK)


def test_without_a_log_it_says_what_is_missing(project):
    with sqlite3.connect(project.folder / "db.sqlite3") as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
        for name in names:
            raw.execute(f'DROP VIEW "{name}"')
        raw.execute("DROP TABLE eventfold_header")
    with pytest.raises(Failed, match=r"has no event log, from which shop\.Item is folded: run `manage\.py migrate"):
        project.python("from shop.models import *\n" + LOOK)
