"""django-auditlog: it is told of a model, and listens to its saves. It sees no bulk_create and no update()."""

from pathlib import Path

from benchmarks.measure import Row, Scale
from benchmarks.peers.beside import Peer, begin, saves_and_creates


def run(folder: Path, scale: Scale) -> list[Row]:
    begin(folder / "auditlog.db", "auditlog")
    from auditlog.models import LogEntry
    from auditlog.registry import auditlog

    from benchmarks.django_project.shop.models import PeerBook

    auditlog.register(PeerBook)
    return saves_and_creates(Peer("django-auditlog", PeerBook, LogEntry.objects.count), scale)
