"""Long answers: no faster than the client reads, and over when it is gone or stalls."""

from bridge.net.http import Reply
from bridge.services.web.routes import Route, Who
from bridge.services.web.streamed import STALL_S, StreamedAnswer
from tests.services.web.test_live import gone
from tests.services.web.web_setting import Setting, parse


class Long(Setting):
    def __init__(self):
        self.events = []
        self.began = lambda: None
        super().__init__([Route("GET", "/long", self._get, Who.ANYBODY, "")])

    async def _get(self, asked):
        answer = StreamedAnswer(asked.request, self.reactor, Reply(200, b"first,", "text/plain", (("X-One", "1"),)))
        self.began()
        try:
            for number in range(4):
                await answer.write(b"%d," % number)
                self.events.append(number)
            answer.end()
        finally:
            self.events.append("over")


def begin():
    long = Long()
    channel, transport = long.connect()
    return long, channel, transport


HEAD = b"GET /long HTTP/1.1\r\nHost: bridge.example:8081\r\n\r\n"


def test_a_client_that_reads_gets_all():
    long, channel, transport = begin()
    channel.dataReceived(HEAD)
    status, headers, body = parse(transport.value())
    assert (status, headers["x-one"], headers["content-type"]) == (200, "1", "text/plain")
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-length" not in headers
    assert b"".join(body.split(b"\r\n")[1::2]) == b"first,0,1,2,3,"
    assert long.events == [0, 1, 2, 3, "over"]
    channel.dataReceived(HEAD)
    assert len(long.events) == 10


def test_who_does_not_read_is_waited_for():
    long, channel, transport = begin()
    long.began = transport.producer.pauseProducing
    channel.dataReceived(HEAD)
    assert long.events == []
    transport.producer.resumeProducing()
    assert long.events == [0, 1, 2, 3, "over"]
    assert not transport.closed


def test_and_cut_off_at_last():
    long, channel, transport = begin()
    long.began = transport.producer.pauseProducing
    channel.dataReceived(HEAD)
    long.reactor.advance(STALL_S)
    assert transport.aborted


def test_who_hangs_up_is_not_worked_for_any_more():
    long, channel, transport = begin()
    long.began = transport.producer.pauseProducing
    channel.dataReceived(HEAD)
    channel.connectionLost(gone())
    assert long.events == ["over"]
    long.reactor.advance(STALL_S)
    assert not transport.aborted
