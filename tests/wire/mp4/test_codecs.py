"""What browsers are asked: by hand after the examples of RFC 6381 and 14496-15 annex E, and of real encoders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.wire import payload
from bridge.wire.h265 import nal as h265
from bridge.wire.mp4.codecs import codecs_string, media_type
from tests.wire.encoded import pictures

TABLE = {
    "H.264 High 4.0": (Track(Codec.H264, 90_000, parameter_sets=(bytes.fromhex("67640028ac"),)), "avc1.640028"),
    "H.264 behind a PPS": (
        Track(Codec.H264, 90_000, parameter_sets=(b"\x68\xce", bytes.fromhex("6742c01e"))),
        "avc1.42c01e",
    ),
    "H.264, nothing known yet": (Track(Codec.H264, 90_000), None),
    "H.264, a torn SPS": (Track(Codec.H264, 90_000, parameter_sets=(b"\x67\x64\x00",)), None),
    "H.265, nothing known yet": (Track(Codec.H265, 90_000), None),
    "H.265, an SPS that cannot be read": (Track(Codec.H265, 90_000, parameter_sets=(b"\x42\x01\xff",)), None),
    "AAC-LC": (Track(Codec.AAC, 48_000, 2, config=b"\x11\x90"), "mp4a.40.2"),
    "AAC without configuration": (Track(Codec.AAC, 48_000, 2), "mp4a.40.2"),
    "HE-AAC": (Track(Codec.AAC, 24_000, 2, config=bytes.fromhex("2b11880000")), "mp4a.40.5"),
    "Opus": (Track(Codec.OPUS, 48_000, 2), "opus"),
    "mu-law": (Track(Codec.PCMU, 8_000), "flac"),
    "A-law": (Track(Codec.PCMA, 8_000), "flac"),
    "JPEG": (Track(Codec.JPEG, 90_000), None),
    "LATM": (Track(Codec.AAC_LATM, 16_000), None),
    "G.726": (Track(Codec.G726, 8_000, config=b"G726-32"), None),
    "metadata": (Track(Codec.ONVIF_METADATA, 90_000), None),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    track, expected = TABLE[name]
    assert codecs_string(track) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["H.264 High 4.0", "AAC-LC"], 'video/mp4; codecs="avc1.640028,mp4a.40.2"'),
        (["metadata", "mu-law", "H.264 High 4.0"], 'video/mp4; codecs="avc1.640028,flac"'),
        (["H.264 High 4.0", "G.726"], 'video/mp4; codecs="avc1.640028"'),
        (["JPEG", "AAC-LC"], None),
        (["H.264, nothing known yet", "AAC-LC"], None),
        (["Opus"], 'audio/mp4; codecs="opus"'),
        (["G.726"], None),
        ([], None),
    ],
)
def test_media_type(names: list[str], expected: str | None) -> None:
    assert media_type(TABLE[name][0] for name in names) == expected


def test_h264_of_an_encoder() -> None:
    track = payload.complete_track(Track(Codec.H264, 90_000), pictures("libx264", frames=1)[0].parts[:2])
    said = codecs_string(track)
    assert str(said).startswith("avc1.42c0")  # Baseline with its constraints: ultrafast


def test_h265_of_an_encoder() -> None:
    """Main: general_profile_compatibility_flag[1] and [2] are 6 when read from the last."""
    track = payload.complete_track(Track(Codec.H265, 90_000), pictures("libx265", frames=1)[0].parts[:3])
    said = codecs_string(track)
    assert str(said).startswith("hvc1.1.6.L")
    assert str(said).endswith(".90")


@pytest.mark.parametrize(
    ("general", "expected"),
    [
        # space 0, tier 0, profile 1; compatible with 1 and 2; progressive, frame only; level 3.1
        ("01 60000000 b00000000000 5d", "hvc1.1.6.L93.b0"),
        # space A, high tier, profile 2, all six bytes of constraints
        ("62 20000000 900000000001 78", "hvc1.A2.4.H120.90.0.0.0.0.1"),
        ("01 60000000 000000000000 5a", "hvc1.1.6.L90"),
    ],
)
def test_h265_by_hand(general: str, expected: str) -> None:
    sets = pictures("libx265", frames=1)[0].parts[:3]
    sps = next(nal for nal in sets if h265.nal_type(nal) == h265.NalType.SPS)
    # Two bytes of header, one of layers, then the twelve. Zeros in a row are escaped.
    plain = bytes.fromhex(general)
    escaped = b""
    for byte in plain:
        escaped += b"\x03" if byte <= 3 and escaped.endswith(b"\0\0") else b""
        escaped += bytes((byte,))
    rest = sps[3 + _escaped_length(sps[3:]) :]
    if escaped.endswith(b"\0\0") and rest[:1] <= b"\x03":
        escaped += b"\x03"
    track = Track(Codec.H265, 90_000, parameter_sets=(sps[:3] + escaped + rest,))
    assert codecs_string(track) == expected


def _escaped_length(data: bytes) -> int:
    """How many bytes of `data` the twelve take."""
    taken = zeros = at = 0
    while taken < h265.PROFILE_TIER_LEVEL_BYTES:
        if zeros >= 2 and data[at] == 3:
            zeros, at = 0, at + 1
            continue
        zeros = zeros + 1 if data[at] == 0 else 0
        taken, at = taken + 1, at + 1
    return at


@given(st.lists(st.binary(max_size=40), max_size=3), st.sampled_from([Codec.H264, Codec.H265]))
def test_any_parameter_sets_give_a_string_or_nothing(sets: list[bytes], codec: Codec) -> None:
    codecs_string(Track(codec, 90_000, parameter_sets=tuple(sets)))


@given(st.binary(max_size=80))
def test_any_configuration_of_aac_gives_a_string(config: bytes) -> None:
    assert str(codecs_string(Track(Codec.AAC, 48_000, config=config))).startswith("mp4a.40.")
