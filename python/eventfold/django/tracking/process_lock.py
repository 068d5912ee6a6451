"""A lock that ends with the process that holds it, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Held(Exception):
    """Another process, or another thread of this one, has the lock."""


@contextmanager
def process_lock(path: Path) -> Iterator[None]:
    """Hold the lock on a file of its own, which is made for it and removed. Raises Held at once if somebody has it.

    Never use a database file: whoever closes one loses the locks that SQLite holds on it in the same process.
    """
    descriptor = _locked(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is locked: who opened it meanwhile finds that it is another file now
        os.close(descriptor)


def _locked(path: Path) -> int:
    import fcntl

    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise Held(str(path)) from error
        except BaseException:
            os.close(descriptor)
            raise
        try:
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)  # its former holder has just removed it
