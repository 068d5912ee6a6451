"""What a person decides about dead letters: try one again, or discard it."""

from collections.abc import Iterator

from django.db import connections

from eventfold.django.following.checkpoints import is_locked
from eventfold.django.following.follower import Follower
from eventfold.django.following.letters import (
    Letter,
    held_keys,
    letter_at,
    note_failure,
    read_letters,
    remove_letter,
)
from eventfold.django.following.reacting import ReactorFollower
from eventfold.django.reactors import reactors_of
from eventfold.django.registry import models_of
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import EventfoldError, ProjectionError


class Letters:
    """The dead letters of a database. Raises EventfoldError where their owner is gone, or cannot take them."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._connection = connections[alias]
        self._followers: dict[str, Follower | ReactorFollower] = {}

    def retry(self, letter: Letter) -> str:
        """Take the event of a letter anew; return what it raised, empty if it went well and the letter is gone.

        Raises EventfoldError if it waits for an earlier one.
        """
        follower = self._follower(letter.name)
        if isinstance(follower, ReactorFollower):
            return self._react(follower, letter)
        try:
            with ImmediateAtomic(self._alias):
                follower.check()
                if letter_at(self._connection, letter.name, letter.position) is None:
                    return ""  # somebody else has done it
                earlier = self.waits_for(letter)
                if earlier is not None:
                    raise EventfoldError(
                        f"{label_of(letter)}, the event at position {letter.position:,} waits for the one at position "
                        f"{earlier.position:,}, of the same row: retry or discard letter {earlier.id} first"
                    )
                try:
                    follower.fold_alone(letter.position)
                except Exception as error:
                    raise _Failed from error
                remove_letter(self._connection, letter)
        except _Failed as failed:
            cause = failed.__cause__
            assert isinstance(cause, Exception)
            return self._failed(letter, cause)
        return ""

    def discard(self, letter: Letter) -> None:
        """Forget the event of a letter: to its read model or reactor it is as if it had never happened."""
        with ImmediateAtomic(self._alias):
            remove_letter(self._connection, letter)

    def freed(self, name: str, keys: frozenset[str]) -> Iterator[Letter]:
        """Return the letters that wait for nobody any more, those of these keys, in the order of the log.

        Letters that are taken meanwhile free the next ones.
        """
        seen = 0
        while True:
            letters = read_letters(self._connection, name)
            ready = next(
                (
                    letter
                    for index, letter in enumerate(letters)
                    if letter.position > seen
                    and letter.waits
                    and letter.keys & keys
                    and letter.keys.isdisjoint(held_keys(letters[:index]))
                ),
                None,
            )
            if ready is None:
                return
            seen = ready.position
            keys |= ready.keys
            yield ready

    def waits_for(self, letter: Letter) -> Letter | None:
        """Return the first of the earlier letters that concern a row of this one."""
        earlier = (each for each in read_letters(self._connection, letter.name) if each.position < letter.position)
        return next((each for each in earlier if each.keys & letter.keys), None)

    def _react(self, follower: ReactorFollower, letter: Letter) -> str:
        event = follower.read(letter.position)
        if event is None:
            raise EventfoldError(
                f"The event at position {letter.position:,} is not in the log any more: discard letter {letter.id}"
            )
        try:
            follower.call(event)
        except Exception as error:
            return self._failed(letter, error)
        self.discard(letter)
        return ""

    def _failed(self, letter: Letter, error: Exception) -> str:
        if is_locked(error):
            raise error
        text = str(error) if isinstance(error, ProjectionError) else f"{type(error).__name__}: {error}"
        with ImmediateAtomic(self._alias):
            note_failure(self._connection, letter, text)
        return text

    def _follower(self, name: str) -> Follower | ReactorFollower:
        if name not in self._followers:
            reactors = {each.row: each for each in reactors_of(self._alias)}
            models = {model._meta.label: model for model in models_of(self._alias)}
            if name in reactors:
                self._followers[name] = ReactorFollower(reactors[name], self._alias)
            elif name in models:
                self._followers[name] = Follower(models[name], self._alias)
            else:
                raise EventfoldError(f"There is no read model or reactor {name!r} any more: discard its letters")
        return self._followers[name]


def label_of(letter: Letter) -> str:
    """Return the name of a letter's read model or reactor, as its user knows it."""
    return letter.name.removeprefix("reactor:")


class _Failed(Exception):
    """The event could not be folded; what was raised is the cause."""
