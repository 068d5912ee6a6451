"""Tests of Django's suite that come out otherwise when every model is tracked, each with the reason."""

KNOWN: dict[str, str] = {
    "backends.base.test_base.ExecuteWrapperTests.test_wrapper_connection_specific": (
        "It compares the whole list of a connection's execute wrappers, and the first in it is ours: it keeps read "
        "models of tracked tables up to date."
    ),
}
