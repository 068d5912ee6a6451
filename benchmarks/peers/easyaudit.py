"""django-easy-audit: it listens to the saves of every model, and writes when the transaction has been committed.

DJANGO_EASY_AUDIT_REGISTERED_CLASSES names its model. It sees no bulk_create and no update().
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Row, Scale
from benchmarks.peers.beside import Peer, begin, saves_and_creates


def run(folder: Path, scale: Scale) -> list[Row]:
    begin(folder / "easyaudit.db", "django.contrib.sessions", "easyaudit")
    from easyaudit.models import CRUDEvent

    from benchmarks.django_project.shop.models import PeerBook

    peer = Peer("django-easy-audit", PeerBook, CRUDEvent.objects.count, away=unheard)
    return saves_and_creates(peer, scale)


@contextmanager
def unheard() -> Iterator[None]:
    """Without its receivers."""
    from django.db.models.signals import post_save, pre_save
    from easyaudit.signals import model_signals as theirs

    receivers = {
        "easy_audit_signals_pre_save": (pre_save, theirs.pre_save),
        "easy_audit_signals_post_save": (post_save, theirs.post_save),
    }
    for name, (signal, _) in receivers.items():
        assert signal.disconnect(dispatch_uid=name)
    try:
        yield
    finally:
        for name, (signal, receiver) in receivers.items():
            signal.connect(receiver, dispatch_uid=name)
