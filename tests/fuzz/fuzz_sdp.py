"""Session descriptions from any bytes."""

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.sdp import SessionDescription

SEEDS = [
    (
        b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n"
        b"m=video 0 RTP/AVP 96\r\nb=AS:4000\r\na=rtpmap:96 H264/90000\r\na=recvonly\r\na=control:trackID=0\r\n"
        b"a=fmtp:96 packetization-mode=1;profile-level-id=4D001F;sprop-parameter-sets=Z00AH5WoFAFuQA==,aO48gA==\r\n"
        b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\na=fmtp:97 mode=AAC-hbr;config=1190\r\n"
    ),
    b"m=audio 5000/2 RTP/AVP 0 8\na=control:track2\nm=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000",
    b"s=x\n\n garbage \na=\nm=bad\na=lost\nm=video 0 RTP/AVP 26\nb=AS:\xff\na=rtpmap:26\na=fmtp:26\n\0\0",
]


def run(data: bytes) -> None:
    """A value or a refusal; a value can be formatted, and then reads as the same."""
    try:
        session = SessionDescription.parse(data)
    except RemoteProtocolError:
        return
    for media in session.medias:
        for payload_type in media.payload_types:
            media.rtpmap(payload_type)
            media.fmtp(payload_type)
        assert media.direction is None or media.attribute(media.direction.value) is not None
    try:
        text = session.format()
    except LocalProtocolError:
        return
    again = SessionDescription.parse(text)
    assert again.format() == text
    assert [media.attributes for media in again.medias] == [media.attributes for media in session.medias]
