"""Tests of Django's suite that come out otherwise when every model is tracked, each with the reason."""

TRACKED: dict[str, str] = {
    "backends.base.test_base.ExecuteWrapperTests.test_wrapper_connection_specific": (
        "It compares the whole list of a connection's execute wrappers, and the first in it is ours: it tells triggers "
        "who writes, and does what follows from a change before the statement returns."
    ),
}
"""In both tracked runs."""

FOLLOWED: dict[str, str] = {
    "backends.tests.BackendTestCase.test_queries": (
        "It counts the queries of an INSERT outside of any transaction. Where something follows from a change, both "
        "are kept or neither, so the statement gets a transaction: BEGIN and COMMIT are in the log of queries too."
    ),
    "signals.tests.SignalTests.test_disconnect_in_dispatch": (
        "It expects that nobody listens to post_save, and the app that is installed for this run does (suite/ledger)."
    ),
}
"""Where something follows from changes."""

KNOWN = {"tracked": TRACKED, "followed": {**TRACKED, **FOLLOWED}}
"""By the name of the settings in suite/."""

UNSTABLE: dict[str, str] = {
    "serializers.test_deserialization.TestDeserializer.test_crafted_xml_performance": (
        "It compares two times that it measures, and fails on a busy machine, with plain Django too."
    ),
}
"""Tests whose outcome says nothing."""
