import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.websocket import (
    GOING_AWAY,
    FrameReader,
    Opcode,
    Role,
    accept_of,
    check_opening,
    encode,
    encode_close,
    make_key,
    masked,
    tokens,
)
from tests import feeder

MASK = bytes.fromhex("37fa213d")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def seen(role, pieces):
    """Data joined, as it may come in any pieces; controls between."""
    found = []

    def on_data(data):
        if found and isinstance(found[-1], bytes):
            found[-1] += data
        else:
            found.append(data)

    reader = FrameReader(role, on_data, lambda opcode, payload: found.append((opcode.name, payload)))
    outcome = feeder.outcome_of(reader.feed, pieces)
    return found + ([outcome] if outcome else [])


# (as a server receives it, what is in it); the first ones are RFC 6455 5.7's, binary
SERVER = [
    (bytes.fromhex("828537fa213d7f9f4d5158"), [b"Hello"]),
    (encode(Opcode.BINARY, b"", MASK), []),
    (encode(Opcode.BINARY, b"x" * 125, MASK), [b"x" * 125]),
    (encode(Opcode.BINARY, b"x" * 126, MASK) + encode(Opcode.BINARY, b"y", MASK), [b"x" * 126 + b"y"]),
    (encode(Opcode.BINARY, bytes(range(256)) * 5, MASK), [bytes(range(256)) * 5]),
    (encode(Opcode.PING, b"ping", MASK) + encode(Opcode.PONG, b"", MASK), [("PING", b"ping"), ("PONG", b"")]),
    (encode_close(GOING_AWAY, MASK) + b"more", [("CLOSE", b"\x03\xe9")]),
    (encode(Opcode.CLOSE, b"", MASK) + b"more", [("CLOSE", b"")]),
    (
        b"\x02\x83" + MASK + masked(b"abc", MASK) + encode(Opcode.PING, b"!", MASK) + b"\x80\x82" + MASK
        + masked(b"de", MASK),
        [b"abc", ("PING", b"!"), b"de"],
    ),
]  # fmt: skip
REFUSED = [
    (encode(Opcode.BINARY, b"no mask"), 1002),
    (encode(Opcode.TEXT, b"text", MASK), 1003),
    (b"\xc2\x80" + MASK, 1002),  # a reserved bit
    (b"\x83\x80" + MASK, 1002),  # an unknown opcode
    (b"\x8b\x80" + MASK, 1002),
    (b"\x80\x80" + MASK, 1002),  # a continuation of nothing
    (b"\x02\x80" + MASK + b"\x82\x80" + MASK, 1002),  # a message inside another one
    (b"\x09\x80" + MASK, 1002),  # a PING in pieces
    (b"\x89\xfe\x00\x7e" + MASK, 1002),  # a PING of 126 bytes
    (b"\x82\xfe\x00\x7d" + MASK, 1002),  # 125 in three bytes
    (b"\x82\xff" + (65535).to_bytes(8) + MASK, 1002),
    (b"\x82\xff" + (1 << 63).to_bytes(8) + MASK, 1002),
]


@pytest.mark.parametrize(("data", "expected"), SERVER)
def test_frames_however_cut(data, expected):
    assert feeder.same_however_cut(data, lambda pieces: seen(Role.SERVER, pieces)) == expected


@pytest.mark.parametrize(("data", "code"), REFUSED)
def test_frames_that_break_the_rules(data, code):
    assert feeder.same_however_cut(data, lambda pieces: seen(Role.SERVER, pieces))[-1] == f"refused {code}"


def test_the_clients_side():
    data = encode(Opcode.BINARY, b"Hello") + encode(Opcode.PING, b"")
    assert data == bytes.fromhex("820548656c6c6f8900")
    assert feeder.same_however_cut(data, lambda pieces: seen(Role.CLIENT, pieces)) == [b"Hello", ("PING", b"")]
    assert seen(Role.CLIENT, [encode(Opcode.BINARY, b"x", MASK)]) == ["refused 1002"]


@given(st.lists(st.binary(max_size=300), max_size=5), st.binary(min_size=4, max_size=4), st.integers(1, 40))
def test_what_is_encoded_comes_out(parts, mask, size):
    for role, used in ((Role.SERVER, mask), (Role.CLIENT, b"")):
        data = b"".join(encode(Opcode.BINARY, part, used) for part in parts)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(seen(role, pieces)) == b"".join(parts)


@given(st.binary(max_size=200), st.sampled_from(Role))
def test_any_bytes_give_frames_or_a_refusal(data, role):
    feeder.same_however_cut(data, lambda pieces: seen(role, pieces))


def test_frames_of_64_kib_and_more():
    data = bytes(range(256)) * 300
    assert seen(Role.SERVER, [encode(Opcode.BINARY, data, MASK)]) == [data]


# --- The opening handshake -------------------------------------------------------------------------------------------


def test_the_accept_of_the_rfc():
    assert accept_of(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert check_opening(KEY, "13", "chat, rtsp.onvif.org", "rtsp.onvif.org") == accept_of(KEY)


def test_keys():
    assert make_key(b"the sample nonce") == KEY
    with pytest.raises(LocalProtocolError):
        make_key(b"short")


@pytest.mark.parametrize(
    ("key", "version", "offered", "status"),
    [
        (KEY, "8", "rtsp.onvif.org", 426),
        (KEY, "", "rtsp.onvif.org", 426),
        ("", "13", "rtsp.onvif.org", 400),
        ("c2hvcnQ=", "13", "rtsp.onvif.org", 400),
        ("!" * 24, "13", "rtsp.onvif.org", 400),
        (KEY, "13", "", 400),
        (KEY, "13", "chat", 400),
    ],
)
def test_openings_that_are_refused(key, version, offered, status):
    with pytest.raises(RemoteProtocolError) as caught:
        check_opening(key, version, offered, "rtsp.onvif.org")
    assert caught.value.status == status


def test_tokens():
    assert tokens("chat, rtsp.onvif.org ,,a b") == ["chat", "rtsp.onvif.org"]
    assert tokens("") == []
