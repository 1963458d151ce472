"""Tracks from SDP and back, and the choice of depacketisers."""

import base64
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.wire import payload
from bridge.wire.h264 import nal as h264
from bridge.wire.h265 import nal as h265
from bridge.wire.sdp import MediaDescription, SessionDescription
from tests.wire.encoded import JPEG_420, JPEG_422, opus, video
from tests.wire.units import Units, push_unit


def sets_of(encoder: str, width: int = 320, height: int = 240) -> tuple[bytes, ...]:
    unit = video(encoder, width, height, frames=1)[0]
    return (h264 if encoder == "libx264" else h265).parameter_sets(unit)


SPS, PPS = sets_of("libx264")
H265_SETS = sets_of("libx265")
BASE64 = ",".join(base64.b64encode(nal).decode() for nal in (SPS, PPS))
VPS_64, SPS_64, PPS_64 = (base64.b64encode(nal).decode() for nal in H265_SETS)

H264_TRACK = Track(Codec.H264, 90000, 1, (SPS, PPS), b"", 320, 240, Fraction(25))
H265_TRACK = Track(Codec.H265, 90000, 1, H265_SETS, b"", 320, 240, Fraction(25))


def media(text: str) -> MediaDescription:
    return SessionDescription.parse("v=0\r\n" + "".join(f"{line}\r\n" for line in text.splitlines())).medias[0]


# What a camera announces, and the track that we make of it.
CAMERAS = {
    "H.264 as it should be": (
        f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={BASE64}",
        H264_TRACK,
    ),
    "start codes and zeros on the parameter sets": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 profile-level-id=5046314;sprop-parameter-sets="
        + base64.b64encode(SPS + b"\0\0\0\1").decode()
        + ","
        + base64.b64encode(PPS + b"\0").decode(),
        H264_TRACK,
    ),
    "both parameter sets in one, Annex B": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 h264/90000\na=fmtp:96 sprop-parameter-sets="
        + base64.b64encode(b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS).decode(),
        H264_TRACK,
    ),
    "base64 without its padding, blanks around": (
        "m=video 0 RTP/AVP 105\na=rtpmap:105 H264/90000\na=fmtp:105 packetization-mode=1; sprop-parameter-sets="
        + BASE64.replace("=", ""),
        H264_TRACK,
    ),
    "rubbish for parameter sets": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets=!!,A,,////,Z0==",
        Track(Codec.H264, 90000),
    ),
    "no parameter sets, but size and rate beside": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=framesize:96 640-480\na=framerate:12.50",
        Track(Codec.H264, 90000, width=640, height=480, frame_rate=Fraction(25, 2)),
    ),
    "size and rate in non-standard lines": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=x-dimensions: 704, 576\na=x-framerate: 12",
        Track(Codec.H264, 90000, width=704, height=576, frame_rate=Fraction(12)),
    ),
    "rate of nonsense": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=framerate:0.0\na=x-framerate:fast",
        Track(Codec.H264, 90000),
    ),
    "H.265": (
        (
            "m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\n"
            f"a=fmtp:96 profile-space=0;sprop-vps={VPS_64};sprop-sps={SPS_64};sprop-pps={PPS_64}"
        ),
        H265_TRACK,
    ),
    "H.265 by its other name, sets in another order": (
        (
            "m=video 0 RTP/AVP 96\na=rtpmap:96 HEVC/90000\n"
            f"a=fmtp:96 sprop-max-don-diff=0; sprop-pps={PPS_64}; sprop-sps={SPS_64}; sprop-vps={VPS_64}"
        ),
        H265_TRACK,
    ),
    "H.265 with decoding order numbers": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\na=fmtp:96 sprop-max-don-diff=2",
        None,
    ),
    "AAC as it should be": (
        (
            "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/48000/2\na=fmtp:97 streamtype=5;profile-level-id=1;"
            "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190"
        ),
        Track(Codec.AAC, 48000, 2, config=b"\x11\x90"),
    ),
    "AAC on the payload type of G.711, its configuration alone": (
        "m=audio 0 RTP/AVP 0\na=rtpmap:0 MPEG4-GENERIC/16000/2\na=fmtp:0 config=1408",
        Track(Codec.AAC, 16000, 1, config=b"\x14\x08"),
    ),
    "AAC without configuration": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000",
        Track(Codec.AAC, 16000, 1, config=b"\x14\x08"),
    ),
    "AAC with a configuration of rubbish": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/8000/2\na=fmtp:97 mode=AAC-hbr;config=xyz",
        Track(Codec.AAC, 8000, 2, config=b"\x15\x90"),
    ),
    "AAC of a rate that nothing tells": ("m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/8001", None),
    "AAC low bit rate": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000\na=fmtp:97 mode=AAC-lbr;sizelength=6",
        None,
    ),
    "CELP": ("m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000\na=fmtp:97 mode=CELP-cbr;config=1408", None),
    "G.711 µ-law without rtpmap": ("m=audio 0 RTP/AVP 0", Track(Codec.PCMU, 8000)),
    "G.711 A-law without rtpmap": ("m=audio 0 RTP/AVP 8", Track(Codec.PCMA, 8000)),
    "G.711 A-law's number, µ-law's name": (
        "m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMU/8000/1\na=fmtp:8 vad=no",
        Track(Codec.PCMU, 8000),
    ),
    "G.711 of two channels, dynamic": ("m=audio 0 RTP/AVP 98\na=rtpmap:98 PCMA/16000/2", Track(Codec.PCMA, 16000, 2)),
    "the second of two formats": (
        "m=audio 0 RTP/AVP 101 0\na=rtpmap:101 telephone-event/8000",
        Track(Codec.PCMU, 8000),
    ),
    "metadata": (
        "m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000",
        Track(Codec.ONVIF_METADATA, 90000),
    ),
    "metadata in capitals, without a rate": (
        "m=application 0 RTP/AVP 107\na=rtpmap:107 VND.ONVIF.METADATA",
        Track(Codec.ONVIF_METADATA, 90000),
    ),
    "metadata that is compressed": ("m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata.gzip/90000", None),
    "JPEG": ("m=video 0 RTP/AVP 26", Track(Codec.JPEG, 90000)),
    "JPEG beyond what its header can tell": (
        "m=video 0 RTP/AVP 96\na=rtpmap:96 jpeg/90000\na=x-dimensions:2592,1944\na=framerate:12.5",
        Track(Codec.JPEG, 90000, width=2592, height=1944, frame_rate=Fraction(25, 2)),
    ),
    "Opus": ("m=audio 0 RTP/AVP 97\na=rtpmap:97 opus/48000/2", Track(Codec.OPUS, 48000)),
    "Opus in stereo": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 OPUS/48000/2\na=fmtp:97 sprop-stereo=1;useinbandfec=1",
        Track(Codec.OPUS, 48000, 2),
    ),
    "G.726": ("m=audio 0 RTP/AVP 97\na=rtpmap:97 G726-16/8000", Track(Codec.G726, 8000, config=b"G726-16")),
    "G.726 in AAL2's order": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 aal2-g726-40/8000/1",
        Track(Codec.G726, 8000, config=b"AAL2-G726-40"),
    ),
    "G.726 by its old number": ("m=audio 0 RTP/AVP 2", Track(Codec.G726, 8000, config=b"G726-32")),
    "G.726 of a rate that there is not": ("m=audio 0 RTP/AVP 97\na=rtpmap:97 G726-48/8000", None),
    "AAC in LATM": (
        (
            "m=audio 0 RTP/AVP 97\na=rtpmap:97 MP4A-LATM/16000/1\n"
            "a=fmtp:97 profile-level-id=1;cpresent=0;object=2;config=400028103FC0"
        ),
        Track(Codec.AAC_LATM, 16000, 1, config=bytes.fromhex("400028103FC0")),
    ),
    "AAC in LATM, stereo by its configuration, which is not said to be there": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MP4A-LATM/48000\na=fmtp:97 config=400023203FC0",
        Track(Codec.AAC_LATM, 48000, 2, config=bytes.fromhex("400023203FC0")),
    ),
    "AAC in LATM with its configuration in band": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 cpresent=1;config=400023203FC0",
        Track(Codec.AAC_LATM, 48000, 2),
    ),
    "AAC in LATM with a configuration of rubbish": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 cpresent=0;config=rubbish",
        None,
    ),
    "AAC in LATM of another version": (
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 cpresent=0;config=C0002320",
        Track(Codec.AAC_LATM, 48000, 2, config=bytes.fromhex("C0002320")),
    ),
    "a dynamic type of nothing": ("m=video 0 RTP/AVP 96", None),
    "video in an audio section": ("m=audio 0 RTP/AVP 96\na=rtpmap:96 H264/90000", None),
    "no format": ("m=video 0 RTP/AVP", None),
    "a clock that stands": ("m=audio 0 RTP/AVP 97\na=rtpmap:97 PCMU/1", None),
}


@pytest.mark.parametrize(("text", "track"), CAMERAS.values(), ids=CAMERAS.keys())
def test_track_from_sdp(text, track):
    assert payload.track_from_sdp(media(text)) == track


@pytest.mark.parametrize(
    "track",
    [
        track
        for _, track in CAMERAS.values()
        if track and (track.codec is Codec.JPEG or track.parameter_sets or not track.width)
    ],
)
def test_what_we_announce_is_read_back(track):
    announced = payload.media_for_track(track, 96, "trackID=0", 512)
    text = SessionDescription(medias=[announced]).format()
    (read,) = SessionDescription.parse(text).medias
    assert payload.track_from_sdp(read) == track
    assert payload.payload_type_from_sdp(read) == 96
    assert (read.control, read.attribute("recvonly"), read.bandwidth) == ("trackID=0", "", {"AS": 512})


def test_the_lines_that_clients_look_for():
    lines = SessionDescription(medias=[payload.media_for_track(H264_TRACK, 96, "t")]).format().splitlines()
    assert "m=video 0 RTP/AVP 96" in lines
    assert "a=rtpmap:96 H264/90000" in lines
    profile = SPS[1:4].hex().upper()
    assert f"a=fmtp:96 packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={BASE64}" in lines
    assert "a=framerate:25" in lines
    assert not any(line.startswith("b=") for line in lines)
    (aac_map, aac_parameters, *_) = payload.media_for_track(
        Track(Codec.AAC, 16000, 1, config=b"\x14\x08"), 97, "t"
    ).attributes
    assert aac_map == ("rtpmap", "97 MPEG4-GENERIC/16000/1")
    assert aac_parameters == (
        "fmtp",
        "97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408",
    )
    assert payload.media_for_track(Track(Codec.PCMU, 8000), 0, "t").attributes[0] == ("rtpmap", "0 PCMU/8000")
    assert payload.media_for_track(Track(Codec.H264, 90000), 96, "t").fmtp(96) == {"packetization-mode": "1"}


def test_the_lines_of_the_other_codecs():
    def lines(track, number=97):
        return [
            f"{name}:{value}"
            for name, value in payload.media_for_track(track, number, "t").attributes
            if name[0] != "c"
        ]

    assert lines(Track(Codec.JPEG, 90000, width=2048, height=8), 26) == [
        *("rtpmap:26 JPEG/90000", "x-dimensions:2048,8", "recvonly:")
    ]
    assert lines(Track(Codec.OPUS, 48000))[0] == "rtpmap:97 opus/48000/2"
    assert lines(Track(Codec.OPUS, 48000, 2))[1] == "fmtp:97 sprop-stereo=1"
    assert lines(Track(Codec.G726, 8000, config=b"AAL2-G726-24"))[0] == "rtpmap:97 AAL2-G726-24/8000"
    latm = Track(Codec.AAC_LATM, 48000, 2, config=bytes.fromhex("400023203FC0"))
    assert lines(latm)[:2] == ["rtpmap:97 MP4A-LATM/48000/2", "fmtp:97 cpresent=0;config=400023203FC0"]
    assert lines(Track(Codec.AAC_LATM, 48000, 2))[1] == "fmtp:97 cpresent=1"
    metadata = payload.media_for_track(Track(Codec.ONVIF_METADATA, 90000), 107, "trackID=3")
    assert (metadata.medium, metadata.attribute("rtpmap")) == ("application", "107 vnd.onvif.metadata/90000")


def test_complete_track_takes_new_sets_and_keeps_the_others():
    larger_sps, _ = sets_of("libx264", 640, 360)
    track = payload.complete_track(H264_TRACK, [larger_sps, larger_sps, b"", b"\x65slice"])
    assert (track.width, track.height, track.parameter_sets) == (640, 360, (larger_sps, PPS))
    damaged = payload.complete_track(track, [SPS[:5], PPS])
    assert (damaged.width, damaged.height, damaged.parameter_sets) == (640, 360, (SPS[:5], PPS))
    audio = Track(Codec.PCMU, 8000)
    assert payload.complete_track(audio, [SPS]) is audio
    assert payload.complete_track(Track(Codec.H265, 90000), reversed(H265_SETS)) == H265_TRACK


def test_parameter_sets_are_bounded():
    many = [SPS + bytes((number,)) for number in range(1, 200)] + [b"\x68" + b"x" * 10_000]
    assert len(payload.complete_track(H264_TRACK, many).parameter_sets) == payload.MAX_PARAMETER_SETS


def test_in_band_parameter_sets():
    unit = video("libx264", frames=1)[0]
    assert payload.parameter_sets_of(H264_TRACK, unit) == (SPS, PPS)
    assert payload.parameter_sets_of(H265_TRACK, video("libx265", frames=1)[0]) == H265_SETS
    assert payload.parameter_sets_of(Track(Codec.PCMU, 8000), (b"x",)) is None


@pytest.mark.parametrize(
    ("track", "parts"),
    [
        (H264_TRACK, video("libx264", frames=1)[0]),
        (H265_TRACK, video("libx265", frames=1)[0]),
        (Track(Codec.AAC, 16000, 1, config=b"\x14\x08"), (b"a" * 3000,)),
        (Track(Codec.PCMU, 8000), (b"a" * 160,)),
        (Track(Codec.PCMA, 8000), (b"a" * 160,)),
        (Track(Codec.OPUS, 48000), opus()[:1]),
        (Track(Codec.G726, 8000, config=b"G726-40"), (b"a" * 100,)),
        (Track(Codec.AAC_LATM, 16000), (b"a" * 3000,)),
        (Track(Codec.ONVIF_METADATA, 90000), (b"<tt:MetadataStream/>" * 200,)),
    ],
)
def test_every_codec_both_ways(track, parts):
    units = Units()
    push_unit(payload.depacketizer_for(track, units), payload.packetize(track, parts), 5)
    assert units == [(5, parts, True, False)]


@pytest.mark.parametrize(
    ("config", "clock_rate", "ticks"),
    [
        (b"\x14\x08", 16000, 1024),
        (b"\x14\x0c", 16000, 960),
        (b"\x2b\x92\x08", 44100, 2048),
        (b"\x2b\x92\x08", 22050, 1024),
        (b"", 8000, 1024),
    ],
)
def test_length_of_an_aac_frame_in_the_rtp_clock(config, clock_rate, ticks):
    units = Units()
    two_frames = bytes.fromhex("0020 0008 0008") + b"ab"
    push_unit(payload.depacketizer_for(Track(Codec.AAC, clock_rate, config=config), units), [two_frames], 0)
    assert [unit[0] for unit in units] == [0, ticks]


def test_numbers_and_markers_by_codec():
    numbers = {codec: number for codec in Codec if (number := payload.static_payload_type(codec)) is not None}
    assert numbers == {Codec.PCMU: 0, Codec.PCMA: 8, Codec.JPEG: 26}
    unmarked = [codec for codec in Codec if not payload.marks_units(codec)]
    assert unmarked == [Codec.OPUS, Codec.G726, Codec.PCMU, Codec.PCMA]


def test_jpeg_both_ways_and_its_size():
    track = Track(Codec.JPEG, 90000, width=72, height=40)
    units = Units()
    push_unit(payload.depacketizer_for(track, units), payload.packetize(track, (JPEG_422,)), 5)
    ((_, (made,), key, damaged),) = units
    assert (key, damaged, made[-100:]) == (True, False, JPEG_422[-100:])
    assert payload.learn(track, (made,)) is track
    assert payload.learn(Track(Codec.JPEG, 90000), (made,)) == track
    assert payload.learn(track, (b"no picture",)) is track


def test_what_a_key_frame_says_in_band():
    unit = video("libx264", frames=1)[0]
    assert payload.learn(H264_TRACK, unit) is H264_TRACK
    assert payload.learn(H264_TRACK, (b"\x65slice",)) is H264_TRACK
    assert payload.learn(H264_TRACK, (PPS, SPS)) is H264_TRACK
    assert payload.learn(Track(Codec.H264, 90000), unit) == H264_TRACK
    audio = Track(Codec.PCMU, 8000)
    assert payload.learn(audio, (JPEG_420,)) is audio


_texts = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Z", "S"]), max_size=30)


@settings(max_examples=150)
@given(
    st.sampled_from(["video", "audio", "application", "x"]),
    st.lists(st.sampled_from(["0", "8", "96", "97", "x", "999"]), max_size=3),
    st.lists(
        st.tuples(st.sampled_from(["rtpmap", "framerate", "framesize", "x-dimensions"]), _texts)
        | st.builds(
            lambda number, codec, tail: ("rtpmap", f"{number} {codec}/{tail}"),
            st.sampled_from([0, 8, 96, 97]),
            st.sampled_from([*Codec, "G726-32", "AAL2-G726-24"]),
            st.sampled_from(["90000", "8000", "0", "16000/2", "x", "99999999/999"]),
        )
        | st.builds(
            lambda number, name, text: ("fmtp", f"{number} {name}={text}"),
            st.sampled_from([0, 8, 96, 97]),
            st.sampled_from(
                ["sprop-parameter-sets", "sprop-sps", "sprop-max-don-diff", "config", "cpresent", "mode", "sizelength"]
            ),
            _texts | st.sampled_from([BASE64, SPS_64, "1190"]),
        ),
        max_size=6,
    ),
)
def test_no_section_raises(medium, formats, attributes):
    track = payload.track_from_sdp(MediaDescription(medium, 0, "RTP/AVP", formats, attributes))
    if track is not None:
        payload.depacketizer_for(track, Units())
        again = payload.track_from_sdp(payload.media_for_track(track, 96, "t"))
        assert again is not None
        assert (again.codec, again.clock_rate, again.parameter_sets) == (
            track.codec,
            track.clock_rate,
            track.parameter_sets,
        )
