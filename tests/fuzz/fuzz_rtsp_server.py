"""The server's conversation from any bytes: one reply for each request, in order, and no other exception."""

from bridge.base.errors import RemoteProtocolError
from bridge.dialogue.rtsp_server_events import Send
from bridge.wire.rtsp.message import Reader, Request, Response
from tests.dialogue.rtsp_server_setting import Setting

SEEDS = [
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nDESCRIBE rtsp://h/live/door RTSP/1.0\r\nCSeq: 2\r\n\r\n",
    (
        b"SETUP rtsp://h/live/gate/trackID=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n"
        b"PLAY rtsp://h/live/gate RTSP/1.0\r\nCSeq: 3\r\nSession: 0000000000000001\r\nRange: npt=now-\r\n\r\n"
        b"$\1\0\x08\x80\xc9\0\1\0\0\0\0"
        b"PAUSE rtsp://h/live/gate RTSP/1.0\r\nCSeq: 4\r\nSession: 0000000000000001\r\n\r\n"
        b"TEARDOWN rtsp://h/live/gate RTSP/1.0\r\nCSeq: 5\r\nSession: 0000000000000001\r\n\r\n"
    ),
    (
        b"SETUP rtsp://h/live/door/trackID=1 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP;client_port=5-6\r\n\r\n"
        b"GET_PARAMETER x RTSP/1.0\r\nCSeq: 3\r\nContent-Length: 2\r\n\r\nabSET_PARAMETER * RTSP/1.0\r\nCSeq: 4\r\n\r\n"
    ),
    (
        b"SETUP rtsp://h/recordings/rec-gate.main RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n"
        b"PLAY rtsp://h/recordings/rec-gate.main RTSP/1.0\r\nCSeq: 3\r\nSession: 0000000000000001\r\nScale: -1\r\n"
        b"Range: clock=99991231T235960Z-00010101T000000Z\r\nRate-Control: no\r\nFrames: intra\r\nImmediate: yes\r\n\r\n"
        b"PAUSE rtsp://h/recordings/rec-gate.main RTSP/1.0\r\nCSeq: 4\r\nSession: 0000000000000001\r\n"
        b"Range: clock=20261121T090000Z-\r\n\r\n"
        b"PLAY rtsp://h/recordings/rec-gate.main RTSP/1.0\r\nCSeq: 5\r\nSession: 0000000000000001\r\n"
        b"Range: npt=4004800244-5004800244.5\r\n\r\n"
    ),
    b"DESCRIBE rtsp://h/live/door RTSP/2.0\r\nCSeq: 7\r\n\r\n",
    b'DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest username="ann", realm="onb", nonce="1", uri="*"\r\n\r\n',
]


def run(data: bytes) -> None:
    """With and without log-in."""
    for login in (False, True):
        _converse(data, login=login)


def _converse(data: bytes, *, login: bool) -> None:
    talk = Setting(login=login).connect()
    asked: list[str | None] = []

    def on_message(message: Request | Response) -> None:
        if isinstance(message, Request) and talk.closed() is None:
            asked.append(message.headers.get("CSeq") or None)
            talk.perform(talk.dialogue.receive(message, talk.setting.now))

    reader = Reader(
        on_message,
        lambda channel, payload: talk.perform(talk.dialogue.receive_frame(channel, payload, talk.setting.now)),
    )
    try:
        reader.feed(data)
    except RemoteProtocolError as error:
        unreadable = error
    else:
        unreadable = None
    assert [reply.headers.get("CSeq") for reply in talk.replies] == asked
    if unreadable:
        events = talk.dialogue.receive(unreadable, talk.setting.now)
        assert sum(isinstance(event, Send) for event in events) <= 1
        assert talk.dialogue.receive(unreadable, talk.setting.now) == []
    talk.dialogue.lost()
