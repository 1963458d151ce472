"""Tracks and access units."""

from bridge.base.media import AccessUnit, Codec, Medium, Track


def test_medium_follows_the_codec() -> None:
    assert {codec: codec.medium for codec in Codec} == {
        Codec.H264: Medium.VIDEO,
        Codec.H265: Medium.VIDEO,
        Codec.JPEG: Medium.VIDEO,
        Codec.AAC: Medium.AUDIO,
        Codec.AAC_LATM: Medium.AUDIO,
        Codec.OPUS: Medium.AUDIO,
        Codec.G726: Medium.AUDIO,
        Codec.PCMU: Medium.AUDIO,
        Codec.PCMA: Medium.AUDIO,
        Codec.ONVIF_METADATA: Medium.METADATA,
    }
    assert Track(Codec.PCMU, 8000).medium is Medium.AUDIO
    assert [codec for codec in Codec if codec.of_nal_units] == [Codec.H264, Codec.H265]


def test_size_is_that_of_all_parts() -> None:
    assert AccessUnit(0, 0, 0, 0, True, (b"ab", b"cde")).size_bytes == 5
