"""Values of each field: corner cases for the lookups, strategies for the property tests."""

import datetime
import uuid
from decimal import Decimal

from hypothesis import strategies as st

UTC = datetime.timezone.utc
BERLIN_SUMMER = datetime.timezone(datetime.timedelta(hours=2))


def moment(*args, tz=UTC):
    return datetime.datetime(*args, tzinfo=tz)


# In each list None stands for null. The first values are the ones that lookups ask for.
CORNERS = {
    "char": [
        "ann",
        "Ann",
        "",
        "a%b",
        "a_b",
        "a\\b",
        "größe",
        "GRÖSSE",
        "5",
        "05",
        "1.5",
        "it's",
        'say "x"',
        "\x01\x1f",
        "ann\n",
        "🎉",
        None,
    ],
    "text": ["two\nlines", "ann", "null", "true", "[1]", '{"a": 1}', "x" * 5000, "\u2028", None],
    "slug": ["a-b", "a_b", "0", None],
    "email": ["ann@example.com", "Bob@Example.com", None],
    "url": ["https://example.com/?a=%20&b=1", "http://localhost/", None],
    "address": ["::1", "192.168.0.1", "2001:db8::ff00:42:8329", None],
    "choice": ["a", "b", None],
    "upper": ["<ABC>", "<X>", None],
    "flag": [True, False, None],
    "small": [1, 0, -32768, 32767, None],
    "integer": [1, 0, -1, 2147483647, -2147483648, None],
    "big": [7, 0, -1, 2**63 - 1, -(2**63), 2**53 + 1, None],
    "positive_small": [1, 0, 32767, None],
    "positive": [1, 0, 2147483647, None],
    "positive_big": [1, 0, 2**63 - 1, None],
    "real": [
        0.5,
        0.0,
        1.0,
        -1.5,
        0.1,
        0.1 + 0.2,
        1e300,
        5e-324,
        1.7976931348623157e308,
        123456789.123456789,
        2.0**53 + 2,
        None,
    ],
    "amount": [
        Decimal("1.5"),
        Decimal("0"),
        Decimal("10.000"),
        Decimal("-0.001"),
        Decimal("99999999999.999"),
        Decimal("0.1"),
        None,
    ],
    "day": [
        datetime.date(2020, 2, 29),
        datetime.date(1, 1, 1),
        datetime.date(9999, 12, 31),
        datetime.date(2021, 1, 3),
        None,
    ],
    "clock": [
        datetime.time(12, 34, 56),
        datetime.time(0, 0),
        datetime.time(23, 59, 59, 999999),
        datetime.time(12, 34, 56, 1000),
        None,
    ],
    "moment": [
        moment(2020, 12, 31, 23, 30),
        moment(2020, 12, 31, 23, 30, 0, 1),
        moment(2021, 3, 28, 0, 59, 59, 999999),
        moment(2021, 3, 28, 1, 0),
        moment(2021, 10, 31, 0, 30),
        moment(2021, 10, 31, 1, 30),
        moment(1970, 1, 1),
        moment(1000, 1, 2, 3, 4, 5),
        moment(2024, 7, 1, 0, 0, tz=BERLIN_SUMMER),
        None,
    ],
    "period": [
        datetime.timedelta(days=1, seconds=2, microseconds=3),
        datetime.timedelta(0),
        datetime.timedelta(microseconds=-1),
        datetime.timedelta(days=-400),
        datetime.timedelta(days=100000),
        None,
    ],
    "uuid": [uuid.UUID("12345678-1234-5678-1234-567812345678"), uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), None],
    "json": [
        {"a": {"b": [1, 2.5, "x"]}, "c": None, "ä": "é"},
        {"a": 1},
        {"a": "1"},
        {"a": True},
        {"a": None},
        {"a": [1, 2]},
        {"a": ["é", {"b": 1e16}]},
        {"b": 0.1 + 0.2, "a": "ann"},
        [],
        {},
        [1, "2", None],
        ["a"],
        "text",
        "é",
        "",
        0,
        1,
        1.5,
        True,
        False,
        {"\U0001f389": 1, "d": {"ö": {"a": 2}}, 'q"': 5, "tab\t": 3, "back\\u00e4": 4},
        {"big": 2**70, "deep": [[[[{"x": {}}]]]]},
        None,
    ],
    "encoded": [{"at": "2020-01-02T03:04:05Z"}, {"id": "12345678-1234-5678-1234-567812345678"}, None],
    "binary": [b"\x00\xff", b"", b"abc", bytes(range(256)), b"\x00" * 300, None],
    "indexed_number": [7, 0, -1, 2**63 - 1, -(2**63), None],
    "indexed_flag": [True, False, None],
    "indexed_text": ["ann", "", "5", "05", "1e3", "größe", None],
    "indexed_moment": [moment(2020, 12, 31, 23, 30), moment(2020, 12, 31, 23, 30, 0, 1), moment(1999, 1, 1), None],
}

TEXT_FIELDS = ["char", "text", "slug", "email", "url", "address", "choice", "indexed_text"]
NUMBER_FIELDS = [
    "small",
    "integer",
    "big",
    "positive_small",
    "positive",
    "positive_big",
    "real",
    "amount",
    "indexed_number",
]


def rows(fields=None):
    """As many rows as the longest list has values, and a few more: each value of each field is in one of them."""
    names = list(CORNERS) if fields is None else fields
    count = max(len(CORNERS[name]) for name in names) + 5
    return [{"n": n, **{name: CORNERS[name][n % len(CORNERS[name])] for name in names}} for n in range(count)]


# What the log refuses is not among these: NUL and lone surrogates.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
texts = st.text(characters, max_size=50)
finite_floats = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | finite_floats | texts,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(texts, values, max_size=4),
    max_leaves=10,
)


def integers(bits, positive=False):
    return st.integers(0 if positive else -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


STRATEGIES = {
    "char": texts,
    "text": st.text(characters, max_size=500),
    "slug": st.from_regex(r"\A[-a-zA-Z0-9_]{0,50}\Z"),
    "email": st.sampled_from(CORNERS["email"]),
    "url": st.sampled_from(CORNERS["url"]),
    "address": st.ip_addresses().map(str).filter(lambda text: not text.startswith("::ffff:")),
    "choice": st.sampled_from("ab"),
    "upper": st.text("ABC", min_size=1, max_size=20).map(lambda text: f"<{text}>"),
    "flag": st.booleans(),
    "small": integers(16),
    "integer": integers(32),
    "big": integers(64),
    "positive_small": integers(16, positive=True),
    "positive": integers(32, positive=True),
    "positive_big": integers(64, positive=True),
    "real": finite_floats,
    # Django's own column has 15 significant digits
    "amount": st.decimals(Decimal("-99999999999.999"), Decimal("99999999999.999"), places=3),
    "day": st.dates(),
    "clock": st.times(),
    "moment": st.datetimes(timezones=st.sampled_from([UTC, BERLIN_SUMMER])).filter(
        lambda moment: 1 < moment.year < 9999
    ),
    "period": st.timedeltas(datetime.timedelta(days=-(10**8)), datetime.timedelta(days=10**8)),
    "uuid": st.uuids(),
    "json": json_values,
    "encoded": st.fixed_dictionaries({"at": st.dates().map(str), "n": st.integers()}),
    "binary": st.binary(max_size=1200),
    "indexed_number": integers(64),
    "indexed_flag": st.booleans(),
    "indexed_text": texts,
    "indexed_moment": st.datetimes(timezones=st.just(UTC)),
}


def values(null=True):
    """Rows: a value, or null, for each field."""
    fields = {name: st.none() | strategy if null else strategy for name, strategy in STRATEGIES.items()}
    return st.fixed_dictionaries(fields)
