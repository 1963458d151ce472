"""The search filter: read, written, and held against structures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, parse_utc
from bridge.wire.search_filter import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_TESTS,
    All,
    AnyOf,
    Comparison,
    Contains,
    Exists,
    Holds,
    Node,
    Not,
    Path,
    SearchFilter,
    TimeHint,
    format_filter,
    parse_filter,
)

VIDEO = Exists(Path(("Track",), predicate=Comparison("TrackType", "=", "Video")))
CELLAR = Contains(Path(("Source", "Location")), "cellar")
AT = parse_utc("2026-11-21T09:00:00Z")

# As received, normal form, value.
TABLE = [
    ('boolean(//Track[TrackType = "Video"])', 'boolean(//Track[TrackType = "Video"])', VIDEO),
    (" boolean ( //Track[ TrackType='Video' ] ) ", 'boolean(//Track[TrackType = "Video"])', VIDEO),
    ("boolean(//tt:Track[tt:TrackType=\u201cVideo\u201d])", 'boolean(//Track[TrackType = "Video"])', VIDEO),
    ("boolean(//Track[TrackType=\u201dVideo\u201d])", 'boolean(//Track[TrackType = "Video"])', VIDEO),
    ("boolean(//Track[TrackType=\u2018Video\u2019])", 'boolean(//Track[TrackType = "Video"])', VIDEO),
    ("boolean(//Source/Location)", "boolean(//Source/Location)", Exists(Path(("Source", "Location")))),
    (
        "boolean(/RecordingInformation/Source)",
        "boolean(/RecordingInformation/Source)",
        Exists(Path(("RecordingInformation", "Source"), anywhere=False)),
    ),
    ('contains(//Source/Location,"cellar")', 'contains(//Source/Location, "cellar")', CELLAR),
    (
        'boolean(//Track[TrackType="Video"]) and (contains(//Source/Location, "cellar"))',
        'boolean(//Track[TrackType = "Video"]) and contains(//Source/Location, "cellar")',
        All((VIDEO, CELLAR)),
    ),
    (
        'not(boolean(//Track[TrackType="Video"]) or contains(//Source/Location, "cellar"))',
        'not(boolean(//Track[TrackType = "Video"]) or contains(//Source/Location, "cellar"))',
        Not(AnyOf((VIDEO, CELLAR))),
    ),
    (
        'boolean(//a) or boolean(//b) and boolean(//c)',
        "boolean(//a) or boolean(//b) and boolean(//c)",
        AnyOf((Exists(Path(("a",))), All((Exists(Path(("b",))), Exists(Path(("c",))))))),
    ),
    (
        "(boolean(//a) or boolean(//b)) and boolean(//c)",
        "(boolean(//a) or boolean(//b)) and boolean(//c)",
        All((AnyOf((Exists(Path(("a",))), Exists(Path(("b",))))), Exists(Path(("c",))))),
    ),
    (
        'boolean(//SimpleItem[@Name="Rank" and not(@Value <= "5")])',
        'boolean(//SimpleItem[@Name = "Rank" and not(@Value <= "5")])',
        Exists(
            Path(
                ("SimpleItem",),
                predicate=All((Comparison("@Name", "=", "Rank"), Not(Comparison("@Value", "<=", "5")))),
            )
        ),
    ),
    (
        "boolean(//Source[contains(Name, 'a \"b\"')])",
        "boolean(//Source[contains(Name, 'a \"b\"')])",
        Exists(Path(("Source",), predicate=Holds("Name", 'a "b"'))),
    ),
    ("boolean(//not[contains = \"x\"])", 'boolean(//not[contains = "x"])',
     Exists(Path(("not",), predicate=Comparison("contains", "=", "x")))),
]  # fmt: skip

HINTS = [
    ("2026-11-21T09:00:00Z,1000,2,3000,4", TimeHint(AT, NS_PER_S, 2, 3 * NS_PER_S, 4)),
    (" 2026-11-21T10:00:00.000+01:00 , 1000 , 2 , 3000 , 4 ", TimeHint(AT, NS_PER_S, 2, 3 * NS_PER_S, 4)),
    ("2026-11-21T09:00:00,1000", TimeHint(AT, NS_PER_S)),
    ("2026-11-21T09:00:00Z", TimeHint(AT)),
]


@pytest.mark.parametrize(("received", "normal", "test"), TABLE)
def test_read_and_written(received, normal, test):
    found = parse_filter(received)
    assert found == SearchFilter(test)
    assert format_filter(found) == normal
    assert parse_filter(normal) == found


@pytest.mark.parametrize(("tail", "hint"), HINTS)
def test_a_place_in_time_behind_it(tail, hint):
    found = parse_filter(f'boolean(//Track[TrackType = "Video"]),{tail}')
    assert found == SearchFilter(VIDEO, hint)
    assert parse_filter(format_filter(found)) == found


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "the text ends; expected boolean("),
        ("boolean(", "the text ends; expected `/`"),
        ("boolean(Track)", "'Track)' stands at character 9; expected `/`"),
        ("boolean(//)", "expected a name"),
        ("//Track", "expected boolean("),
        ("count(//Track)", "expected boolean("),
        ("boolean(//Track[1])", "expected a name"),
        ('boolean(//Track[TrackType ~ "Video"])', "expected one of ="),
        ("boolean(//Track[TrackType = Video])", "expected a text in quotes"),
        ('boolean(//Track[TrackType = "Video])', "expected the end of this text"),
        ('boolean(//Track[TrackType = "Video"]', "the text ends; expected `)`"),
        ('boolean(//Track[TrackType = "Video")', "expected `]`"),
        ('boolean(//Track[boolean(//a) = "x"])', "has no place in a predicate"),
        ("boolean(//a) xor boolean(//b)", "expected the end, `and`, `or`"),
        ("boolean(//a) and", "the text ends; expected boolean("),
        ('contains(//a "x")', "expected `,`"),
        ("boolean(//a | //b)", "expected `)`"),
        ("boolean(//a),tomorrow", "expected a time"),
        ("boolean(//a),0001-01-01T00:00:00+14:00", "expected a time"),
        ("boolean(//a),2026-11-21T09:00:00Z,-1", "expected a number"),
        ("boolean(//a),2026-11-21T09:00:00Z,1,2,3,4,5", "expected UTC time, ms before"),
        ("(" * (MAX_DEPTH + 2) + "boolean(//a)", "at most 16 brackets"),
        (" and ".join(["boolean(//a)"] * (MAX_TESTS + 1)), "at most 32 tests"),
        ("boolean(//a)" + " " * MAX_CHARACTERS, "has 4108 characters; at most 4096"),
    ],
)
def test_what_is_not_of_the_language_is_named(text, named):
    with pytest.raises(RemoteProtocolError, match="search filter") as caught:
        parse_filter(text)
    assert named in str(caught.value)


DOCUMENT = Node(
    "RecordingInformation",
    children=(
        Node("RecordingToken", "rec-1"),
        Node("Source", children=(Node("Name", "Gate"), Node("Location", "the cellar"))),
        Node("EarliestRecording", "2026-11-21T09:00:00.000000Z"),
        Node("Track", children=(Node("TrackType", "Video"), Node("Rate", "9"))),
        Node("Track", children=(Node("TrackType", "Audio"), Node("Rate", "10.5"))),
        Node("SimpleItem", attributes={"Name": "IsDataPresent", "Value": "true"}),
    ),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('boolean(//Track[TrackType = "Video"])', True),
        ('boolean(//Track[TrackType = "Metadata"])', False),
        ('boolean(//Track[TrackType != "Metadata"])', True),
        ('boolean(//Track[Nothing != "Metadata"])', False),
        ('not(boolean(//Track[TrackType = "Metadata"]))', True),
        ('boolean(//Track[TrackType = "Video" and Rate = "9"])', True),
        ('boolean(//Track[TrackType = "Video" and Rate = "10.5"])', False),
        ('boolean(//Track[Rate > "10"])', True),
        ('boolean(//Track[Rate <= "8.99"])', False),
        ('boolean(//Track[Rate = "9.0"])', False),
        ('boolean(//Track[TrackType >= "B"])', True),
        ('contains(//Source/Location, "cellar")', True),
        ('contains(//Location, "attic")', False),
        ('contains(//Track/TrackType, "Aud")', True),
        ("boolean(//Source/Location)", True),
        ("boolean(//Location/Source)", False),
        ("boolean(/RecordingInformation/Track)", True),
        ("boolean(/Track)", False),
        ('boolean(/RecordingInformation[EarliestRecording = "2026-11-21T10:00:00+01:00"])', True),
        ('boolean(//RecordingInformation[EarliestRecording < "2026-11-21T09:00:00.001Z"])', True),
        ('boolean(//RecordingInformation[EarliestRecording > "2026-99-21T09:00:00Z"])', False),
        ('boolean(//SimpleItem[@Name = "IsDataPresent" and @Value = "true"])', True),
        ('boolean(//SimpleItem[@Name = "IsDataPresent" and @Value = "false"])', False),
        ('boolean(//SimpleItem[@Other = "true"])', False),
        ('boolean(//Source[contains(Name, "at")])', True),
        ('boolean(//Track[TrackType = "Metadata"]) or contains(//Source/Name, "Gate")', True),
        ('boolean(//Track[TrackType = "Video"]) and boolean(//Track[TrackType = "Metadata"])', False),
        ('boolean(//Track[TrackType = "Video"]),2026-11-21T09:00:00Z,0,0,0,0', True),
    ],
)
def test_held_against_a_structure(text, expected):
    assert parse_filter(text).matches(DOCUMENT) is expected


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
TEXTS = st.text(max_size=12).filter(lambda text: not ('"' in text and "'" in text))
COMPARISONS = st.builds(
    Comparison, NAMES | NAMES.map("@{}".format), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), TEXTS
)
HOLDS = st.builds(Holds, NAMES, TEXTS)


def joined(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(Not, inner) | st.builds(All, several) | st.builds(AnyOf, several)


PREDICATES = st.recursive(COMPARISONS | HOLDS, joined, max_leaves=4)
PATHS = st.builds(Path, st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.booleans(), st.none() | PREDICATES)
TESTS = st.recursive(st.builds(Exists, PATHS) | st.builds(Contains, PATHS, TEXTS), joined, max_leaves=4)
YEAR_NS = 365 * 86_400 * NS_PER_S
HINTED = st.none() | st.builds(
    TimeHint,
    st.integers(0, 100 * YEAR_NS),
    st.integers(0, 10**9).map(lambda ms: ms * 1_000_000),
    st.integers(0, 10**6),
    st.integers(0, 10**9).map(lambda ms: ms * 1_000_000),
    st.integers(0, 10**6),
)


@given(st.builds(SearchFilter, TESTS, HINTED))
def test_written_and_read_again_it_is_the_same(found):
    assert parse_filter(format_filter(found)) == found
    assert found.matches(DOCUMENT) in (True, False)


WORDS = ["boolean(", "contains(", "not(", "//Track", "[", "]", "(", ")", "@Name", "=", '"x"', "and", "or", ",", "7"]


@given(st.text(max_size=200) | st.lists(st.sampled_from([*WORDS, "2026-11-21T09:00:00Z"]), max_size=30).map(" ".join))
def test_any_text_is_a_filter_or_an_error(text):
    try:
        found = parse_filter(text)
    except RemoteProtocolError:
        return
    assert parse_filter(format_filter(found)) == found
    assert found.matches(DOCUMENT) in (True, False)
