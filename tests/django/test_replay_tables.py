"""What stands on the table of a read model is there after a replay, under the same name, and holds."""

import pytest

from tests.django.project import Failed, Project

MODELS = """
from django.db.models import F, Q
from eventfold.django import Count, Latest, ReadModel

class Placed(Event):
    item = models.BigIntegerField()
    place = models.IntegerField(null=True)
    name = models.CharField(max_length=20)

class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    place = models.IntegerField(null=True, unique=True)
    name = models.CharField(max_length=20, default="", db_index=True)
    moves = models.IntegerField(default=0)
    twice = models.GeneratedField(expression=F("moves") * 2, output_field=models.IntegerField(), db_persist=True)
    class Projection:
        key = "item"
        place = Latest(Placed, "place")
        name = Latest(Placed, "name")
        moves = Count(Placed)
    class Meta:
        indexes = [models.Index(fields=["-moves", "name"], name="busiest")]
        constraints = [
            models.UniqueConstraint(fields=["name", "place"], name="one_of_a_name"),
            models.CheckConstraint(condition=Q(moves__gte=0), name="moves_positive"),
        ]

class Order(models.Model):
    item = models.ForeignKey(Item, on_delete=models.CASCADE, db_constraint=False)
"""


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.models(MODELS)
    project.update()
    project.python(
        """
        from shop.models import *
        Placed.objects.bulk_create([Placed(item=n, place=n, name=f"item {n}") for n in range(200)])
        Order.objects.bulk_create([Order(item_id=n) for n in range(200)])
        """
    )
    execute(
        project,
        "CREATE VIEW early AS SELECT item, name FROM shop_item WHERE place < 10",
        "CREATE TABLE seen (item)",
        "CREATE TRIGGER sees AFTER UPDATE ON shop_item BEGIN INSERT INTO seen VALUES (new.item); END",
    )
    return project


def execute(project: Project, *statements: str) -> None:
    project.python(
        f"from django.db import connection\nfor sql in {statements!r}:\n    connection.cursor().execute(sql)"
    )


def schema(project: Project) -> list[tuple]:
    return project.rows("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")


def rows(project: Project) -> list[tuple]:
    return project.rows("SELECT item, place, name, moves, twice FROM shop_item ORDER BY item")


@pytest.mark.parametrize("how", [[], ["--keys", "1", "2", "3", "4", "5", "199", "777"]])
def test_rows_that_have_exchanged_unique_values_get_them_back(project, how):
    right, before = rows(project), schema(project)
    execute(
        project,
        "UPDATE shop_item SET place = -place WHERE item BETWEEN 1 AND 5",
        "UPDATE shop_item SET place = (-place) % 5 + 1 WHERE item BETWEEN 1 AND 5",
        "UPDATE shop_item SET name = 'item 4', place = NULL WHERE item = 199",
        "INSERT INTO shop_item (item, place, name, moves) VALUES (777, 199, 'item 199', 1)",
    )
    assert rows(project) != right
    project.run("events", "replay", "shop.Item", *how)
    assert rows(project) == right
    assert schema(project) == before
    assert project.rows("SELECT count(*) FROM early") == [(10,)]
    assert project.rows("SELECT count(DISTINCT item) FROM seen WHERE item = 199") == [(1,)]
    assert project.rows("PRAGMA foreign_key_check") == []
    assert project.rows("PRAGMA integrity_check") == [("ok",)]
    assert (
        project.python("from shop.models import *\nprint(Order.objects.filter(item__place=3).get().item.name)")
        == "item 3\n"
    )
    with pytest.raises(Failed, match="UNIQUE constraint failed"):
        execute(project, "UPDATE shop_item SET place = 1 WHERE item = 2")
    with pytest.raises(Failed, match="CHECK constraint failed"):
        execute(project, "UPDATE shop_item SET moves = -1 WHERE item = 2")


def test_a_row_that_the_constraints_refuse_is_named_and_all_rows_stay(project):
    before = rows(project)
    project.append("shop.Placed", {"item": 900, "place": 7, "name": "second at 7"})
    execute(project, "UPDATE eventfold_header SET folded = head")  # as if it had been folded
    with pytest.raises(Failed, match=r"shop\.Item does not take a row that follows from the log: UNIQUE constraint"):
        project.run("events", "replay", "shop.Item")
    assert rows(project) == before
    project.append("shop.Placed", {"item": 7, "place": None, "name": "moved away"})
    execute(project, "UPDATE eventfold_header SET folded = head")
    project.run("events", "replay", "shop.Item")
    assert (900, 7, "second at 7", 1, 2) in rows(project)
