"""RTSP through the HTTP port, with both doors in memory."""

import socket

import pytest
import structlog

from bridge.dialogue.digest import DigestClient
from bridge.dialogue.rtsp_tunnels import TunnelLimits
from bridge.services.rtsp.http_tunnel import MAX_EARLY_BYTES
from bridge.wire.rtsp.tunnel import encode
from tests.fake_camera import frame, rtp
from tests.services.onvif.connection import SOAP, request
from tests.services.onvif.door import GET_TIME, soap
from tests.services.rtsp.server_setting import loudspeaker
from tests.services.rtsp.tunnel_setting import NOTHING, Doors, Http, TunnelClient, get_head, post_head

OPTIONS = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"


def test_live_through_a_tunnel():
    doors = Doors()
    client = TunnelClient(doors.get(), doors.post()).play()
    assert client.post.said == b""  # a POST is never answered
    doors.feed.push(20)
    client.read()
    assert client.frames.count(0) > 20
    assert doors.rtsp.statistics.viewers == 1
    assert len(doors.http.server._channels) == 0  # the HTTP door counts them no more
    assert client.ask("TEARDOWN", "/live/door").status == 200
    client.get.cut()
    assert client.post.gone
    assert doors.counts() == NOTHING


def test_talk_comes_by_the_post():
    doors = Doors()
    line, said = loudspeaker()
    doors.door.catalogue.camera("door").talk = line
    client = TunnelClient(doors.get(), doors.post())
    client.digest = DigestClient("ops", "o")
    setup = client.ask("SETUP", "/live/door/trackID=100", ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"))
    client.session = setup.headers.get("Session").partition(";")[0]
    assert client.ask("PLAY", "/live/door").status == 200
    client.say(frame(0, rtp(1, b"hello", payload_type=0)))
    assert said == [b"hello"]


def test_media_go_to_the_socket_of_the_get_directly():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        doors = Doors()
        get = Http(doors)
        get.wire.getHandle, get.wire.setTcpNoDelay = lambda: ours, lambda enabled: None
        get.send(get_head())
        (connection,) = doors.rtsp._connections
        assert connection.writer.direct == ours.send
        assert theirs.recv(100).startswith(b"HTTP/1.0 200 OK\r\n")
        get.cut()


def test_the_head_of_the_answer():
    head = Doors().get(version="1.0").said
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"Content-Type: application/x-rtsp-tunnelled\r\n" in head
    assert b"Cache-Control: no-cache" in head
    assert b"Content-Length" not in head


def bytewise(client):
    return lambda data: client.post.send(*(bytes([each]) for each in encode(data)))


def with_line_ends(client):
    return lambda data: client.post.send(b"\r\n".join(encode(data)[at : at + 7] for at in range(0, len(data) * 2, 7)))


def in_one_stream(client):
    """Groups of four go across requests: nothing is padded."""
    return lambda data: client.post.send(encode(data + b"\n" * (-len(data) % 3)))


def a_post_each(client):
    """With the Content-Length of what it carries, one after the other on one connection."""

    def say(data):
        body = encode(data)
        client.post.send(post_head(length=f"Content-Length: {len(body)}") + body)

    return say


def a_connection_each(client):
    def say(data):
        client.post.cut()
        client.post = client.doors.post(body=encode(data))

    return say


def a_new_one_before_the_old_has_gone(client):
    def say(data):
        old, client.post = client.post, client.doors.post(body=encode(data))
        assert old.gone

    return say


def chunks(client):
    def say(data):
        body = encode(data)
        client.post.send(*(b"%x\r\n%s\r\n" % (len(each), each) for each in (body[:5], body[5:])))

    return say


@pytest.mark.parametrize(
    ("way", "length"),
    [
        (bytewise, "Content-Length: 32767"),
        (with_line_ends, "Content-Length: 32767"),
        (in_one_stream, ""),
        (in_one_stream, "Content-Length: 1"),
        (in_one_stream, "Content-Length: 1000000000"),
        (a_post_each, "Content-Length: 0"),
        (a_connection_each, "Content-Length: 32767"),
        (a_new_one_before_the_old_has_gone, "Content-Length: 32767"),
        (chunks, "Transfer-Encoding: chunked"),
    ],
)
def test_ways_to_post(way, length):
    doors = Doors()
    client = TunnelClient(doors.get(), doors.post(length=length))
    client.doors = doors
    client.say = way(client)
    client.play()
    client.get.cut()
    assert doors.counts() == NOTHING


def test_chunked_bodies_are_answered_at_their_end_and_may_follow_each_other():
    doors = Doors()
    get, post = doors.get(), doors.post(length="Transfer-Encoding: chunked")
    body = encode(OPTIONS)
    piece = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    post.send(piece)
    assert post.said == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    post.send(post_head(length="Transfer-Encoding: chunked") + piece)
    assert get.said.count(b"RTSP/1.0 200 OK") == 2


def test_expect_is_answered_on_the_post():
    doors = Doors()
    doors.get()
    post = doors.post(length="Expect: 100-continue\r\nContent-Length: 100")
    assert post.said == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_the_post_may_come_first():
    doors = Doors()
    post = doors.post(body=encode(OPTIONS))
    assert post.paused
    get = doors.get()
    assert b"RTSP/1.0 200 OK" in get.said
    assert not post.paused
    TunnelClient(get, post)
    get.cut()
    assert doors.counts() == NOTHING


def test_the_post_goes_and_comes_again_while_media_flow():
    doors = Doors()
    client = TunnelClient(doors.get(), doors.post()).play()
    client.post.cut()
    doors.feed.push(30)
    client.read()
    assert client.frames.count(0) > 30
    doors.door.tick(20)
    client.post = doors.post()
    assert client.ask("GET_PARAMETER", "/live/door").status == 200
    client.post.cut()
    doors.door.tick(61)  # nobody keeps the session
    assert doors.rtsp.statistics.sessions == 0
    doors.door.tick(61)
    assert client.get.gone
    assert doors.counts() == NOTHING


def test_requests_are_paced_on_the_post():
    """A camera whose tracks are not known: what is sent meanwhile stays in the socket."""
    doors = Doors()
    client = TunnelClient(doors.get(), doors.post())
    asked = []
    client.say = lambda data: asked.append(client.post.send(encode(data)))
    client.ask("OPTIONS", "/live/new")
    with pytest.raises(AssertionError):
        client.ask("DESCRIBE", "/live/new")  # 401 and again: no answer yet
    assert client.post.paused
    other = doors.post()
    assert other.paused  # it holds for its successor too
    doors.door.advance(6)
    assert not other.paused


# --- What is refused -------------------------------------------------------------------------------------------------


def test_a_cookie_in_use_is_refused():
    doors = Doors()
    doors.get()
    again = doors.get()
    assert again.said.startswith(b"HTTP/1.1 409 ")
    assert doors.rtsp.statistics.connections == 1
    assert doors.get(host="192.0.2.51").said.startswith(b"HTTP/1.0 200")  # of somebody else


def test_what_is_no_cookie_is_refused():
    assert Doors().get(cookie="x" * 129).said.startswith(b"HTTP/1.1 400 ")


def test_a_get_without_its_post():
    doors = Doors()
    with structlog.testing.capture_logs() as logs:
        doors.tunnels._log = structlog.get_logger()
        get = doors.get()
        doors.door.advance(9.5)
        assert not get.gone
        doors.door.advance(1)
    assert get.gone
    assert [(line["event"], line["reason"]) for line in logs if "tunnel" in line["event"]] == [
        ("RTSP tunnel closed", "its POST did not come")
    ]
    assert doors.counts() == NOTHING
    assert doors.tunnels.refused == 1


def test_a_post_without_its_get():
    doors = Doors()
    post = doors.post(body=encode(OPTIONS))
    doors.door.advance(10.5)
    assert post.said.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert post.gone
    assert doors.counts() == NOTHING


def test_a_post_of_another_address_does_not_get_in():
    doors = Doors()
    get = doors.get()
    doors.post(host="192.0.2.66", body=encode(OPTIONS))
    assert b"RTSP" not in get.said


def test_a_post_that_leaves_before_its_get():
    doors = Doors()
    doors.post().cut()
    assert doors.counts() == NOTHING


def test_an_early_post_cannot_pour():
    doors = Doors()
    post = doors.post()
    post.send(*([b"A" * 8192] * (MAX_EARLY_BYTES // 8192 + 1)))
    assert post.gone
    assert doors.counts() == NOTHING


def test_a_get_cannot_pour():
    doors = Doors()
    get, post = doors.get(), doors.post()
    get.send(b"\r\n")
    assert not get.gone
    get.send(*([b"A" * 8192] * 9))
    assert get.gone
    assert post.gone
    assert doors.counts() == NOTHING


@pytest.mark.parametrize("broken", [b"!!!!", b"OPTIONS * RTSP/1.0\r\n\r\n", b"YQ=a"])
def test_broken_base64_closes_and_the_log_says_why(broken):
    doors = Doors()
    get, post = doors.get(), doors.post()
    with structlog.testing.capture_logs() as logs:
        doors.tunnels._log = structlog.get_logger()
        post.send(encode(OPTIONS), broken, encode(OPTIONS))
    assert get.said.count(b"RTSP/1.0 200") == 1
    assert get.gone
    assert post.gone
    assert "base64" in logs[-1]["reason"]
    assert doors.rtsp.statistics.protocol_errors == 1
    assert doors.counts() == NOTHING


def test_rtsp_that_cannot_be_read_is_answered_as_ever():
    doors = Doors()
    get, post = doors.get(), doors.post()
    post.send(encode(b"\x16\x03\x01 rubbish \r\n\r\n"))
    assert b"RTSP/1.0 400" in get.said
    assert get.gone
    assert post.gone
    assert doors.counts() == NOTHING


def test_halves_are_few():
    doors = Doors(TunnelLimits(half_open=3, half_open_per_address=2))
    assert [doors.get(cookie=str(n)).said[9:12] for n in range(3)] == [b"200", b"200", b"503"]
    assert doors.get(cookie="a", host="192.0.2.51").said[9:12] == b"200"
    assert doors.post(cookie="b", host="192.0.2.51").said[9:12] == b"503"
    doors.door.advance(11)
    assert doors.counts()[:1] == (0,)
    assert doors.get(cookie="4").said[9:12] == b"200"


def test_the_rtsp_doors_limits_hold():
    doors = Doors(connections=1)
    doors.get()
    assert doors.get(cookie="2").said.startswith(b"HTTP/1.1 503 ")
    assert doors.rtsp.statistics.connections_refused == 1


def test_a_slow_request_in_a_tunnel_is_408():
    doors = Doors()
    get, post = doors.get(), doors.post()
    post.send(encode(b"OPTIONS * RT"))
    doors.door.tick(11)
    assert b"RTSP/1.0 408" in get.said
    assert get.gone
    assert doors.counts() == NOTHING


def test_the_service_ends():
    doors = Doors()
    whole, half, alone = TunnelClient(doors.get(), doors.post()).play(), doors.get(cookie="2"), doors.post(cookie="3")
    doors.tunnels.close()
    assert half.gone
    assert alone.gone
    assert not whole.get.gone
    doors.rtsp.close()
    assert whole.get.gone
    assert whole.post.gone
    assert doors.counts() == NOTHING


def test_soap_is_soap_on_the_same_port():
    doors = Doors()
    connection = Http(doors).send(request(SOAP, "x-sessioncookie: c", body=soap(GET_TIME)))
    assert connection.said.startswith(b"HTTP/1.1 200 OK")
    connection.send(b"GET / HTTP/1.1\r\nx-sessioncookie: c\r\n\r\n")
    assert b"HTTP/1.0 200 OK" in connection.said
