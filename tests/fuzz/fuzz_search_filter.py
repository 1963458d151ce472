"""Any text as a search filter: an expression that can be asked and written again, or a refusal."""

from bridge.base.errors import RemoteProtocolError
from bridge.wire.search_filter import MAX_CHARACTERS, Node, format_filter, parse_filter

SEEDS = [
    b'boolean(//Track[TrackType = "Video"])',
    b'boolean(//Track[TrackType = "Video"]),2026-11-21T09:00:00Z,1000,2,3000,4',
    b"not(contains(//Source/Location, 'x')) and (boolean(//SimpleItem[@Name='a' and not(@Value<='5')]) or boolean(/a))",
    "boolean(//tt:Track[tt:TrackType=\u201cVideo\u201d])".encode(),
]
_DOCUMENT = Node(
    "RecordingInformation",
    children=(
        Node("Source", children=(Node("Location", "x"),)),
        Node("Track", children=(Node("TrackType", "Video"),)),
        Node("SimpleItem", attributes={"Name": "a", "Value": "6"}),
    ),
)


def run(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        found = parse_filter(text)
    except RemoteProtocolError:
        return
    assert len(text) <= MAX_CHARACTERS
    found.matches(_DOCUMENT)
    # The normal form of a text at the limit may be longer than the limit.
    if len(normal := format_filter(found)) <= MAX_CHARACTERS:
        assert parse_filter(normal) == found
