"""`events replay` with --dry-run, --keys, --from, --only and --batch: what is folded anew, and what is left."""

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from eventfold.django import handlers
from eventfold.django.following.keepers import take_over
from eventfold.django.partial_replay import keys_from_text, rows_concerned
from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.helpers import all_rows, by_hand, corrupt, given_some_events, rows
from tests.django.shelves.read_models import Author, Clearing, Diary, Place

both = pytest.mark.django_db(databases=["default", "memory"])
one = pytest.mark.django_db


def run(*labels, **options):
    stream = io.StringIO()
    call_command("events", "replay", *labels, stdout=stream, **options)
    return stream.getvalue()


def given_many_rows(using="default"):
    given_some_events(using)
    for model, events in ((Stored, {"title": "x"}), (Cleared, {})):
        model.objects.using(using).bulk_create([model(shelf=f"m{n}", row=n, **events) for n in range(20)])
    Stored.objects.using(using).bulk_create([Stored(shelf=f"n{n}", row=0, title="y") for n in range(20)])


# --dry-run


@both
def test_a_dry_run_says_what_would_be_written_and_writes_nothing(alias):
    given_some_events(alias)
    by_hand(Place, alias).filter(shelf="a").update(stored=99)
    by_hand(Place, alias).filter(shelf="b").delete()
    by_hand(Place, alias).bulk_create([Place(shelf="z", row=0)])
    Author.objects.using(alias).filter(name="bob").update(words=-1)
    drifted = all_rows(alias)
    lines = run("shelves.Place", "shelves.Author", dry_run=True, database=alias).splitlines()
    assert lines == [
        "shelves.Place (a, 1): stored is 2 by the log, 99 in the table",
        "shelves.Place (z, 0): only in the table; no such row follows from the log",
        "shelves.Place (b, 1): missing; the table has no such row",
        "shelves.Place: 1 rows would be new, 1 changed; 1 removed. Nothing was written.",
        "shelves.Author bob: words is 7 by the log, -1 in the table",
        "shelves.Author: 0 rows would be new, 1 changed; 0 removed. Nothing was written.",
    ]
    assert all_rows(alias) == drifted
    (line,) = run("shelves.Place", dry_run=True, limit=0, database=alias).splitlines()
    assert (
        line == "shelves.Place: 1 rows would be new, 1 changed; 1 removed (3 of them not shown). Nothing was written."
    )
    run("shelves.Place", "shelves.Author", database=alias, verbosity=0)
    for line in run(dry_run=True, database=alias).splitlines():
        assert "0 rows would be new, 0 changed; 0 removed. Nothing was written." in line


@one
def test_a_dry_run_is_of_a_changed_definition_too_of_which_verify_knows_nothing():
    given_some_events()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET spec_hash = 'other' WHERE name = 'shelves.Place'")
    assert "0 rows would be new, 0 changed" in run("shelves.Place", dry_run=True)
    with connection.cursor() as cursor:  # and it is due as before
        cursor.execute("SELECT spec_hash FROM eventfold_read_model WHERE name = 'shelves.Place'")
        assert cursor.fetchone() == ("other",)


# --keys


@both
@pytest.mark.parametrize(
    ("model", "keys", "shelves"),
    [(Place, ["a,1", "b,1"], {"a", "b"}), (Clearing, ["b", "m3", "nowhere"], {"b", "m3"}), (Diary, ["a"], {"a"})],
)
def test_only_the_rows_of_these_keys_are_folded_anew(alias, model, keys, shelves):
    given_many_rows(alias)
    field = {Place: "stored", Clearing: "times", Diary: "story"}[model]
    right = {row.shelf: getattr(row, field) for row in model.objects.using(alias)}
    wrong = "lies" if model is Diary else 99
    by_hand(model, alias).update(**{field: wrong})
    said = run(model._meta.label, keys=keys, database=alias)
    assert re.fullmatch(
        rf"{model._meta.label}: {len(keys)} of its keys, folded anew up to position [\d,]+, the others left: "
        rf"{len(shelves)} rows, of which 0 are new, {len(shelves)} changed; 0 removed\n",
        said,
    )
    for row in model.objects.using(alias):
        assert getattr(row, field) == (right[row.shelf] if row.shelf in shelves else wrong)


@both
def test_rows_of_keys_come_back_and_go(alias):
    given_many_rows(alias)
    before = rows(Place, alias)
    by_hand(Place, alias).filter(shelf__in=["a", "b"]).delete()
    by_hand(Place, alias).bulk_create([Place(shelf="z", row=0), Place(shelf="y", row=0)])
    said = run("shelves.Place", keys=["a,1", "z,0", "b,1", "a,1"], database=alias)
    assert "2 rows, of which 2 are new, 0 changed; 1 removed" in said
    assert rows(Place, alias) == sorted(
        [*before, *rows(Place.objects.using(alias).filter(shelf="y").model, alias)[-1:]]
    )


@one
def test_a_row_whose_number_others_know_keeps_it():
    given_many_rows()
    numbers = dict(Place.objects.values_list("shelf", "id"))
    by_hand(Place).update(stored=0)
    run("shelves.Place", keys=["a,1"], verbosity=0)
    assert dict(Place.objects.values_list("shelf", "id")) == numbers


@both
def test_keys_of_an_async_one_are_right_as_of_its_checkpoint(alias):
    given_many_rows(alias)
    take_over(Clearing, alias)
    Cleared.objects.using(alias).create(shelf="b", row=1)  # which the follower has yet to see
    before = rows(Clearing, alias)
    by_hand(Clearing, alias).update(times=99)
    run("shelves.Clearing", keys=["b"], database=alias, verbosity=0)
    (expected,) = [row for row in before if row[0] == "b"]
    assert expected in rows(Clearing, alias)


@both
def test_python_runs_for_events_of_these_keys_alone(alias, monkeypatch):
    given_many_rows(alias)
    called = []
    original = handlers.RowHandler.__call__

    def counting(self, row, event):
        called.append(row["shelf"])
        original(self, row, event)

    monkeypatch.setattr(handlers.RowHandler, "__call__", counting)
    run("shelves.Diary", keys=["a"], database=alias, verbosity=0)
    assert called and set(called) == {"a"}


@one
@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([], {"keys": ["a"]}, "--keys is of one read model: name it"),
        (["shelves.Place", "shelves.Clearing"], {"keys": ["a"]}, "--keys is of one read model"),
        (["shelves.Place"], {"keys": ["a"]}, "--keys: 'a' is no key of shelves.Place, which is shelf,row"),
        (["shelves.Place"], {"keys": ["a,one"]}, "--keys: 'one' is no row of shelves.Place: "),
        (["shelves.Author"], {"keys": ["ann"]}, "shelves.Author is kept by a @projector, which can only be called"),
        (
            ["shelves.Clearing"],
            {"keys": ["a"], "from_position": 7},
            "--keys names the rows; --from and --only find them",
        ),
        (["shelves.Clearing"], {"from_position": 0}, "--from is a position, and the first one is 1"),
        (["shelves.Clearing"], {"only": ["shelves.Taken"]}, "--only: none of these read models reads shelves.Taken"),
        (["shelves.Clearing"], {"batch": 0}, "--batch must be at least 1"),
        (["shelves.Clearing"], {"limit": -1, "dry_run": True}, "--limit must not be negative"),
    ],
)
def test_what_cannot_be_done_is_said(labels, options, message):
    with pytest.raises(CommandError, match=re.escape(message)):
        run(*labels, **options)


@one
def test_where_the_whole_is_due_keys_are_not_enough():
    given_many_rows()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET spec_hash = 'other' WHERE name = 'shelves.Place'")
    with pytest.raises(CommandError, match=r"A replay of shelves\.Place is due, since its definition has changed"):
        run("shelves.Place", keys=["a,1"])
    assert "shelves.Place: the whole, since its definition has changed" in run("shelves.Place", from_position=1)


# --from and --only


@both
def test_the_rows_that_events_from_a_position_on_are_about(alias):
    given_many_rows(alias)
    first = Taken.objects.using(alias).create(shelf="n7", row=0, by="ann").position
    Cleared.objects.using(alias).create(shelf="n8", row=0)
    right = rows(Place, alias)
    by_hand(Place, alias).update(stored=99)
    by_hand(Place, alias).bulk_create([Place(shelf="n8", row=0)])
    assert rows_concerned(Place, alias, after=first - 1).keys == [("n7", 0), ("n8", 0)]
    said = run("shelves.Place", from_position=first, database=alias)
    assert f"shelves.Place: 2 rows that events from position {first:,} on are about, folded anew up to position" in said
    assert "the others left: 1 rows, of which 0 are new, 1 changed; 1 removed" in said
    wrong = {row.shelf for row in Place.objects.using(alias).filter(stored=99)}
    assert "n7" not in wrong and "n6" in wrong and "n8" not in {row.shelf for row in Place.objects.using(alias)}
    assert len(rows(Place, alias)) == len(right)


@both
def test_a_back_dated_correction_is_mended_for_all_read_models_that_it_is_about(alias):
    given_many_rows(alias)
    event = Stored.objects.using(alias).create(shelf="n3", row=0, title="Emma")
    Noted.objects.using(alias).create(author="late", words=5)
    corrupt(event, '{"shelf":"n3","row":0,"title":"Persuasion"}', alias)
    said = run("shelves.Place", "shelves.Author", "shelves.Clearing", from_position=event.position, database=alias)
    assert Place.objects.using(alias).get(shelf="n3").title == "Persuasion"
    assert "shelves.Clearing: no rows that events from position " in said
    assert "shelves.Author: the whole, since a projector can only be called for all events" in said


@both
def test_the_rows_that_events_of_some_types_are_about(alias):
    given_many_rows(alias)
    by_hand(Place, alias).update(stored=99)
    said = run("shelves.Place", only=["SHELVES.taken"], database=alias)
    assert "shelves.Place: 1 rows that shelves.Taken are about, folded anew" in said
    assert Place.objects.using(alias).get(shelf="a").stored == 2
    assert Place.objects.using(alias).get(shelf="b").stored == 99


@one
def test_where_most_rows_are_concerned_the_whole_is_replayed_and_says_why():
    given_many_rows()
    by_hand(Place).update(stored=99)
    by_hand(Place).bulk_create([Place(shelf="gone", row=0)])
    said = run("shelves.Place", from_position=1)
    assert re.search(
        r"shelves\.Place: the whole, since [\d,]+ of [\d,]+ rows that events from position 1 on are about", said
    )
    assert not Place.objects.filter(stored=99).exists() and not Place.objects.filter(shelf="gone").exists()


@one
def test_a_part_may_be_tried_first():
    given_many_rows()
    by_hand(Place).update(stored=99)
    for options in ({"keys": ["a,1"]}, {"only": ["shelves.Taken"]}):
        lines = run("shelves.Place", dry_run=True, **options).splitlines()
        assert lines[0] == "shelves.Place (a, 1): stored is 2 by the log, 99 in the table"
        assert "0 rows would be new, 1 changed; 0 removed. Nothing was written." in lines[1]
    assert set(Place.objects.values_list("stored", flat=True)) == {99}


# --batch, -v 2


@both
@pytest.mark.parametrize("batch", [1, 7, 100_000])
def test_any_number_of_events_may_be_read_at_a_time(alias, batch):
    given_many_rows(alias)
    before = all_rows(alias)
    by_hand(Place, alias).update(stored=0)
    by_hand(Clearing, alias).update(times=0)
    by_hand(Diary, alias).update(story="")
    Author.objects.using(alias).update(words=0)
    run(batch=batch, database=alias, verbosity=0)
    assert all_rows(alias) == before


@one
def test_verbosity_2_says_how_it_is_done_and_for_how_long_others_had_to_wait():
    given_some_events()
    said = run("shelves.Place", "shelves.Clearing", "shelves.Diary", "shelves.Author", verbosity=2)
    assert "shelves.Place, shelves.Clearing: folded natively, in one reading of the log\n" in said
    assert "shelves.Diary: has @on methods, which are called again for each event\n" in said
    assert "shelves.Author: kept by projectors, which are called again for each event\n" in said
    assert re.search(r"shelves\.Place: 2 rows, .* removed; writers waited for [\d,]+\.\d ms\n", said)


@one
def test_keys_are_read_as_the_fields_take_them():
    assert keys_from_text(Place, "default", ["a,1", " b,2"]) == [("a", 1), (" b", 2)]
