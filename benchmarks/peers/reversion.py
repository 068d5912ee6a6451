"""django-reversion: each save in a create_revision() of its own, as each request has.

It sees no bulk_create and no update().
"""

from pathlib import Path
from typing import Any

from benchmarks.measure import Row, Scale
from benchmarks.peers.beside import Peer, begin, saves_and_creates


def run(folder: Path, scale: Scale) -> list[Row]:
    begin(folder / "reversion.db", "reversion")
    from reversion import create_revision, register
    from reversion.models import Version

    from benchmarks.django_project.shop.models import PeerBook

    register(PeerBook)

    def save(book: Any) -> None:
        with create_revision():
            book.save()

    def create(fields: dict[str, Any]) -> None:
        with create_revision():
            PeerBook.objects.create(**fields)

    return saves_and_creates(Peer("django-reversion", PeerBook, Version.objects.count, save, create), scale)
