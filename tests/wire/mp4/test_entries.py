"""Sample entries both ways, with the parameter sets of real encoders, and against what FFmpeg writes for them."""

import io

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.base.media import Codec, Track
from bridge.wire import payload
from bridge.wire.h265 import nal as h265
from bridge.wire.mp4 import boxes
from bridge.wire.mp4.entries import parse_sample_entry, sample_entry
from tests.wire.encoded import aac, pictures

H264_SETS = pictures("libx264", frames=1)[0].parts[:2]
H265_SETS = pictures("libx265", frames=1)[0].parts[:3]
H264 = payload.complete_track(Track(Codec.H264, 90000), H264_SETS)
H265 = payload.complete_track(Track(Codec.H265, 90000), H265_SETS)
TRACKS = {
    "H.264": H264,
    "H.265": H265,
    "AAC": Track(Codec.AAC, 16000, 1, config=b"\x14\x08"),
    "mu-law": Track(Codec.PCMU, 8000),
    "metadata": Track(Codec.ONVIF_METADATA, 90_000),
    "A-law in stereo": Track(Codec.PCMA, 16000, 2),
    "JPEG": Track(Codec.JPEG, 90_000, width=2592, height=1944),
    "Opus": Track(Codec.OPUS, 48_000, 2),
    "G.726": Track(Codec.G726, 8000, config=b"AAL2-G726-32"),
    "LATM": Track(Codec.AAC_LATM, 16_000, config=bytes.fromhex("400028103fc0")),
}

_VISUAL = (
    "000000000000 0001 00000000000000000000000000000000 0280 01e0 00480000 00480000 00000000 0001"
    + "00" * 32
    + "0018 ffff"
)

# (bytes, track); read in both directions
TABLE = {
    "mu-law": (
        "00000024 756c6177 000000000000 0001 0000000000000000 0001 0010 00000000 1f400000",
        Track(Codec.PCMU, 8000),
    ),
    "A-law in stereo": (
        "00000024 616c6177 000000000000 0001 0000000000000000 0002 0010 00000000 3e800000",
        Track(Codec.PCMA, 16000, 2),
    ),
    "AAC": (
        """0000004b 6d703461 000000000000 0001 0000000000000000 0002 0010 00000000 bb800000
           00000027 65736473 00000000  03 19 0000 00  04 11 40 15 000000 00000000 00000000  05 02 1190  06 01 02""",
        Track(Codec.AAC, 48000, 2, config=b"\x11\x90"),
    ),
    "AAC of 96 kHz without configuration": (
        """00000047 6d703461 000000000000 0001 0000000000000000 0002 0010 00000000 00000000
           00000023 65736473 00000000  03 15 0000 00  04 0d 40 15 000000 00000000 00000000  06 01 02""",
        Track(Codec.AAC, 96000, 2),
    ),
    "JPEG": (
        f"00000056 6a706567 {_VISUAL}",
        Track(Codec.JPEG, 90000, width=640, height=480),
    ),
    "Opus": (
        """00000037 4f707573 000000000000 0001 0000000000000000 0001 0010 00000000 bb800000
           00000013 644f7073 00 01 0000 0000bb80 0000 00""",
        Track(Codec.OPUS, 48000),
    ),
    "G.726": (
        f"""00000043 67373236 000000000000 0001 0000000000000000 0001 0010 00000000 1f400000
            0000001f 75756964 {b"onb track config".hex()} {b"G726-16".hex()}""",
        Track(Codec.G726, 8000, config=b"G726-16"),
    ),
    "LATM with its configuration in band": (
        f"""0000003c 6c61746d 000000000000 0001 0000000000000000 0002 0010 00000000 3e800000
            00000018 75756964 {b"onb track config".hex()}""",
        Track(Codec.AAC_LATM, 16000, 2),
    ),
    "metadata": (
        f"00000030 6d657474 000000000000 0001 00 {b'application/vnd.onvif.metadata'.hex()} 00",
        Track(Codec.ONVIF_METADATA, 90_000),
    ),
    "H.264 that cannot be read": (
        f"00000070 61766331 {_VISUAL} 0000001a 61766343 01 42001e ff e1 0004 6742001e 01 0003 68aabb",
        Track(Codec.H264, 90000, 1, (b"\x67\x42\x00\x1e", b"\x68\xaa\xbb"), b"", 640, 480),
    ),
    "H.264 with its sets in the samples alone": (
        f"00000065 61766331 {_VISUAL} 0000000f 61766343 01 000000 ff e0 00",
        Track(Codec.H264, 90000, width=640, height=480),
    ),
    "H.265 that cannot be read": (
        f"""0000007d 68766331 {_VISUAL} 00000027 68766343 01 000000000000000000000000 f000 fc fd f8 f8 0000 0f
            01 20 0001 0003 40010c""",
        Track(Codec.H265, 90000, 1, (b"\x40\x01\x0c",), b"", 640, 480),
    ),
}

# (entry, what stands there, what is put in its place, what the error says)
DAMAGE = {
    "another kind": (
        "H.264",
        b"avc1",
        b"avc3",
        "one of avc1, hvc1, jpeg, mp4a, latm, Opus, g726, ulaw, alaw, mett expected",
    ),
    "another configuration": ("H.264", b"avcC", b"hvcC", "b'avc1' without b'avcC'"),
    "a private box of another kind": ("G.726", b"onb track", b"not track", "private box .*not track config.* expected"),
    "no private box": ("LATM", b"uuid", b"free", "b'latm' without b'uuid'"),
    "metadata of another kind": ("metadata", b"vnd.onvif", b"vnd.other", "metadata .*vnd.onvif.metadata.* expected"),
    "metadata that ends early": ("metadata", b"metadata\0", b"metadata!", "metadata .* expected"),
    "lengths of 2 bytes": ("H.264", b"\xff\xe1", b"\xfd\xe1", "lengths of 2 bytes; 4 expected"),
    "lengths of 1 byte": ("H.265", b"\x0f\3\x20", b"\x0c\3\x20", "lengths of 1 bytes; 4 expected"),
    "a set beyond the record": ("H.264", b"\xff\xe1\0", b"\xff\xe1\1", "a parameter set of"),
    "more sets than there are": ("H.264", b"\xff\xe1", b"\xff\xff", "a parameter set of|2 bytes of fields"),
    "more arrays than there are": ("H.265", b"\x0f\3\x20", b"\x0f\4\x20", "3 bytes of fields expected; 0 are left"),
    "a descriptor of another kind": ("AAC", b"\x04\x11\x40", b"\x05\x11\x40", "descriptor with tag 5; 4 expected"),
    "a descriptor beyond the one around it": ("AAC", b"\5\2", b"\5\3", "descriptor of 3 bytes; 2 are left"),
    "a length that goes on and on": ("AAC", b"\5\2\x14\x08", b"\5\x80\x80\x80", "1 bytes of fields expected; 0"),
}


def read_back(track: Track) -> Track:
    data = b"before" + sample_entry(track) + b"behind"
    return parse_sample_entry(memoryview(data), next(boxes.read_boxes(data, 6, len(data) - 6)), track.clock_rate)


@pytest.mark.parametrize(("data", "track"), TABLE.values(), ids=TABLE.keys())
def test_both_directions(data, track):
    assert sample_entry(track) == bytes.fromhex(data)
    assert read_back(track) == track


@pytest.mark.parametrize("track", TRACKS.values(), ids=TRACKS.keys())
def test_a_complete_track_is_read_back_equal(track):
    assert read_back(track) == track


def _sets(header: bytes, *real: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from(real) | st.binary(min_size=3, max_size=40).map(lambda tail: header + tail)


_H264_TRACKS = st.builds(
    lambda sets, width, height: payload.complete_track(Track(Codec.H264, 90000, width=width, height=height), sets),
    st.lists(_sets(b"\x67", H264_SETS[0]) | _sets(b"\x68", H264_SETS[1]), max_size=9),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
)
_H265_TRACKS = st.builds(
    lambda sets, rate: payload.complete_track(Track(Codec.H265, rate), sets),
    st.lists(
        _sets(b"\x40\x01", H265_SETS[0]) | _sets(b"\x42\x01", H265_SETS[1]) | _sets(b"\x44\x01", H265_SETS[2]),
        max_size=9,
    ),
    st.integers(1, (1 << 32) - 1),
)
_SOUND_TRACKS = (
    st.builds(
        lambda codec, rate, channels, config: Track(codec, rate, channels, config=config),
        st.sampled_from([Codec.AAC_LATM, Codec.G726]),
        st.integers(1, (1 << 32) - 1),
        st.integers(0, 0xFFFF),
        st.binary(max_size=40),
    )
    | st.builds(Track, st.sampled_from([Codec.PCMU, Codec.PCMA]), st.integers(1, (1 << 32) - 1), st.integers(0, 0xFFFF))
    | st.builds(
        lambda rate, channels, config: Track(Codec.AAC, rate, channels, config=config),
        st.integers(1, (1 << 32) - 1),
        st.integers(0, 0xFFFF),
        st.binary(max_size=20) | st.integers(0, 70_000).map(bytes),
    )
)


@given(_H264_TRACKS | _H265_TRACKS | _SOUND_TRACKS)
def test_any_complete_track_is_read_back_equal(track):
    assert read_back(track) == track


def test_more_sets_than_an_entry_has_room_for():
    many = [H264_SETS[0] + bytes((number,)) for number in range(1, 40)]
    track = payload.complete_track(Track(Codec.H264, 90000), many)
    assert read_back(track).parameter_sets == tuple(many[:31])


@pytest.mark.parametrize(("name", "old", "new", "says"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_named(name, old, new, says):
    data = sample_entry(TRACKS[name])
    assert old in data
    damaged = data.replace(old, new, 1)
    with pytest.raises(DamagedError, match=says):
        parse_sample_entry(damaged, next(boxes.read_boxes(damaged)), 90000)


@settings(max_examples=300)
@given(st.sampled_from(list(TRACKS)), st.integers(0, 200), st.binary(max_size=6))
def test_any_damage_gives_a_track_or_damage(name, at, new):
    data = sample_entry(TRACKS[name])
    damaged = data[:at] + new + data[at + len(new) :]
    try:
        parse_sample_entry(damaged, boxes.Box(damaged[4:8], b"", 0, 8, len(damaged)), 90000)
    except DamagedError:
        return


def written_by_ffmpeg(format_name: str, stream: bytes) -> tuple[bytes, bytes]:
    """(the sample entry of FFmpeg's file, FFmpeg's configuration record) of a raw stream."""
    file = io.BytesIO()
    with av.open(io.BytesIO(stream), format=format_name) as source, av.open(file, "w", format="mp4") as target:
        copy = target.add_stream_from_template(source.streams[0])
        for number, packet in enumerate(source.demux()):
            if packet.size:
                packet.pts = packet.dts = number
                packet.stream = copy
                target.mux(packet)
    with av.open(io.BytesIO(file.getvalue())) as written:
        record = bytes(written.streams[0].codec_context.extradata)
    data = file.getvalue()
    at = data.index(b"stsd") + 12
    return data[at : at + int.from_bytes(data[at : at + 4], "big")], record


@pytest.mark.parametrize(
    ("encoder", "pix_fmt", "options"),
    [
        ("libx264", "yuv420p", ()),
        ("libx264", "yuv420p", (("preset", "veryfast"),)),
        ("libx264", "yuv422p", ()),
        ("libx264", "yuv444p", ()),
        ("libx264", "yuv420p10le", ()),
        ("libx265", "yuv420p", ()),
        ("libx265", "yuv422p10le", ()),
        ("libx265", "yuv444p12le", ()),
    ],
)
def test_video_as_ffmpeg_writes_it(encoder, pix_fmt, options):
    """Byte by byte; profiles, chroma formats and bit depths are told here."""
    units = [picture.parts for picture in pictures(encoder, pix_fmt=pix_fmt, options=options, frames=3)]
    codec, format_name = {"libx264": (Codec.H264, "h264"), "libx265": (Codec.H265, "hevc")}[encoder]
    track = payload.complete_track(Track(codec, 90000), units[0])
    # Start codes of 3 bytes: FFmpeg takes the first zero of 4 for a part of the parameter set before.
    entry, record = written_by_ffmpeg(format_name, b"".join(b"\0\0\1" + part for unit in units for part in unit))
    ours = sample_entry(track)
    assert ours[86 + 8 :] == record
    if codec is Codec.H265:
        entry = entry.replace(b"hev1", b"hvc1", 1)
    assert parse_sample_entry(entry, next(boxes.read_boxes(entry)), 90000) == track


def test_sound_as_ffmpeg_writes_it():
    config, frames = aac(48_000, "stereo")
    # Each frame behind an ADTS header (ISO/IEC 14496-3 1.A.2.2): LC, 48 kHz, two channels.
    adts = b"".join(
        b"\xff\xf1\x4c" + (0x80 << 16 | len(frame) + 7 << 5 | 0x1F).to_bytes(3, "big") + b"\xfc" + frame
        for frame in frames
    )
    entry, record = written_by_ffmpeg("aac", adts)
    track = parse_sample_entry(entry, next(boxes.read_boxes(entry)), 48_000)
    assert track == Track(Codec.AAC, 48_000, 2, config=record)
    assert record[:2] == config[:2]


def test_damaged_h265_says_nothing_of_its_profile():
    track = Track(Codec.H265, 90000, parameter_sets=(H265_SETS[1][:9], H265_SETS[1]))
    assert sample_entry(track)[86 + 9 :].startswith(h265.parse_sps(H265_SETS[1]).profile_tier_level)
