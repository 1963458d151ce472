"""AAC: configuration against FFmpeg's encoder, payloads both ways."""

import contextlib

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.audio.aac import (
    MAX_FRAME_BYTES,
    AudioSpecificConfig,
    Depacketizer,
    encode_config,
    packetize,
    parse_config,
)
from tests.wire.encoded import aac
from tests.wire.units import Units, push, push_unit

# A configuration, and what it says.
CONFIGS = [
    ("1190", AudioSpecificConfig(2, 48000, 48000, 2)),
    ("1408", AudioSpecificConfig(2, 16000, 16000, 1)),
    ("1490", AudioSpecificConfig(2, 12000, 12000, 2)),
    ("1588", AudioSpecificConfig(2, 8000, 8000, 1)),
    ("140c", AudioSpecificConfig(2, 16000, 16000, 1, 960)),
    ("1180", AudioSpecificConfig(2, 48000, 48000, 0)),  # channels in a program config element
]


def explicit_rate(rate: int) -> bytes:
    return (2 << 35 | 15 << 31 | rate << 7 | 1 << 3).to_bytes(5, "big")


@pytest.mark.parametrize(("text", "value"), CONFIGS)
def test_parses_config(text, value):
    assert parse_config(bytes.fromhex(text)) == value


def test_parses_an_explicit_rate_and_band_replication():
    assert parse_config(explicit_rate(16001)) == AudioSpecificConfig(2, 16001, 16001, 1)
    # object type 5, 22050 Hz, 2 channels, extended to 44100 Hz, then the core's object type 2
    sbr = int("001010111001001000001000", 2)
    assert parse_config(sbr.to_bytes(3, "big")) == AudioSpecificConfig(2, 22050, 44100, 2)


@pytest.mark.parametrize("config", [b"", b"\x10", b"\x16\x80", explicit_rate(0), explicit_rate(9)[:3]])
def test_refuses_config(config):
    with pytest.raises(RemoteProtocolError, match="AudioSpecificConfig"):
        parse_config(config)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2)])
def test_config_agrees_with_the_encoder(sample_rate, layout, channels):
    config, _ = aac(sample_rate, layout)
    assert parse_config(config) == AudioSpecificConfig(2, sample_rate, sample_rate, channels)
    assert parse_config(encode_config(sample_rate, channels)) == parse_config(config)
    assert config.startswith(encode_config(sample_rate, channels))


def test_config_that_cannot_be_written():
    with pytest.raises(ValueError, match="12345 Hz"):
        encode_config(12345, 1)
    with pytest.raises(ValueError, match="9 channels"):
        encode_config(16000, 9)


@pytest.mark.parametrize("max_payload_bytes", [5, 100, 1400])
def test_real_frames_survive_and_decode(max_payload_bytes):
    config, frames = aac(16000, "mono")
    units = Units()
    depacketizer = Depacketizer(units)
    for number, frame in enumerate(frames):
        payloads = packetize([frame], max_payload_bytes)
        assert max(map(len, payloads)) <= max_payload_bytes
        push_unit(depacketizer, payloads, 1024 * number)
    assert units == [(1024 * number, (frame,), True, False) for number, frame in enumerate(frames)]
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = config
    samples = sum(audio.samples for _, parts, *_ in units for audio in decoder.decode(av.Packet(parts[0])))
    assert samples == 1024 * len(frames)


def test_several_frames_in_a_packet_lie_a_frame_apart():
    units = Units()
    payload = bytes.fromhex("0030 0010 0018 0008") + b"abcdef"
    push(Depacketizer(units, frame_ticks=2048), payload, 0xFFFFFFFF - 2048, True)
    assert units == [
        (0xFFFFFFFF - 2048, (b"ab",), True, False),
        (0xFFFFFFFF, (b"cde",), True, False),
        (2047, (b"f",), True, False),
    ]


def test_a_lost_fragment_costs_its_frame_only():
    frame, other = b"frame" * 10, b"other" * 10
    payloads = packetize([frame], 20)
    for missing in range(len(payloads)):
        units = Units()
        depacketizer = Depacketizer(units)
        for number, payload in enumerate(payloads):
            if number == missing:
                depacketizer.lost()
            else:
                push(depacketizer, payload, 1, number == len(payloads) - 1)
        push_unit(depacketizer, packetize([other], 20), 2)
        assert units == [(2, (other,), True, False)]
        assert not depacketizer.open


def test_markers_do_not_matter():
    units = Units()
    depacketizer = Depacketizer(units)
    for payload in packetize([b"frame" * 10], 20):
        push(depacketizer, payload, 1, True)
    push(depacketizer, packetize([b"x"], 20)[0], 2, False)
    assert units.parts == [(b"frame" * 10,), (b"x",)]


def test_flush_drops_what_no_decoder_takes():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, packetize([b"frame" * 10], 20)[0], 1)
    assert depacketizer.open
    depacketizer.flush()
    assert not depacketizer.open
    assert units == []


@pytest.mark.parametrize(
    "payload",
    [
        bytes.fromhex("0000") + b"ab",  # no AU header
        bytes.fromhex("000D 0010") + b"ab",  # headers of 13 bits
        bytes.fromhex("0400 0010") + b"ab",  # more headers than payload
        bytes.fromhex("0010 0000") + b"ab",  # a frame of nothing
        bytes.fromhex("0010 0011") + b"ab",  # interleaved
        bytes.fromhex("0020 0010 0018") + b"abc",  # the second of two frames is cut short
    ],
)
def test_refused_payloads_are_counted(payload):
    depacketizer = Depacketizer(Units())
    push(depacketizer, payload, 1, True)
    assert depacketizer.refused_payloads == 1
    push(depacketizer, b"", 2)
    push(depacketizer, b"\0", 2)
    assert depacketizer.refused_payloads == 1


def test_packetize_bounds():
    assert packetize([b"", b"x" * (MAX_FRAME_BYTES + 1)], 1400) == []
    with pytest.raises(ValueError, match="4"):
        packetize([b"x"], 4)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3)), max_size=20))
def test_any_payloads_give_frames(packets):
    units = Units()
    depacketizer = Depacketizer(units)
    for payload, timestamp in packets:
        push(depacketizer, payload, timestamp)
    assert all(len(parts) == 1 and 0 < len(parts[0]) <= MAX_FRAME_BYTES for parts in units.parts)


@given(st.binary(max_size=20))
def test_any_config_gives_a_value_or_a_protocol_error(config):
    with contextlib.suppress(RemoteProtocolError):
        assert parse_config(config).sample_rate > 0
