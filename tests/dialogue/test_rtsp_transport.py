"""The choice of a transport, beside what the conversation's tests say: the channels, the addresses, the properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.dialogue.rtsp_presentation import MulticastRoute
from bridge.dialogue.rtsp_session import InterleavedRoute, Leg, UdpRoute
from bridge.dialogue.rtsp_transport import choose_route, same_host, transport_of
from bridge.wire.rtsp.headers import LowerTransport, Transport

TCP = Transport(lower=LowerTransport.TCP)
UDP = Transport(client_port=(5000, 5001))
MULTICAST = Transport(multicast=True)
GROUP = MulticastRoute("239.192.0.1", (16384, 16385), 2)


@pytest.mark.parametrize(
    ("asked", "taken", "given"),
    [
        ((0, 1), set(), (0, 1)),
        ((3, 2), set(), (3, 2)),
        ((0, 1), {1}, (2, 3)),
        ((0, 0), set(), (0, 1)),
        ((200, 201), {0, 1}, (200, 201)),
        (None, {0, 1, 3}, (4, 5)),
    ],
)
def test_channels(asked, taken, given):
    offer = Transport(lower=LowerTransport.TCP, interleaved=asked)
    assert choose_route([offer], peer_host="192.0.2.1", taken=taken) == InterleavedRoute(*given)


def test_over_tls_nothing_goes_out_in_clear():
    assert choose_route([UDP, TCP], peer_host="h", taken=set(), secure=True) == InterleavedRoute(0, 1)
    with pytest.raises(RemoteProtocolError) as raised:
        choose_route([UDP], peer_host="h", taken=set(), secure=True)
    assert raised.value.status == 461


def test_all_channels_in_use():
    with pytest.raises(RemoteProtocolError) as raised:
        choose_route([TCP], peer_host="192.0.2.1", taken=set(range(256)))
    assert raised.value.status == 461


def test_a_session_stays_of_one_kind():
    udp, tcp = UdpRoute("192.0.2.1", (1, 2)), InterleavedRoute(0, 1)
    assert choose_route([TCP, UDP], peer_host="h", taken=set(), beside=udp) == UdpRoute("h", (5000, 5001))
    assert choose_route([UDP, TCP], peer_host="h", taken=set(), beside=tcp) == InterleavedRoute(0, 1)


@pytest.mark.parametrize(
    ("offers", "beside", "given"),
    [
        ([MULTICAST, TCP], None, GROUP),
        ([UDP, MULTICAST], GROUP, GROUP),
        ([TCP, MULTICAST], GROUP, GROUP),
        ([MULTICAST, UDP], UdpRoute("h", (1, 2)), UdpRoute("h", (5000, 5001))),
        ([MULTICAST, TCP], InterleavedRoute(0, 1), InterleavedRoute(0, 1)),
        ([Transport(lower=LowerTransport.TCP, multicast=True), TCP], None, InterleavedRoute(0, 1)),
        ([Transport(multicast=True, destination="239.9.9.9", port=(1, 2), ttl=255)], None, GROUP),
    ],
)
def test_multicast(offers, beside, given):
    assert choose_route(offers, peer_host="h", taken=set(), beside=beside, group=GROUP) == given


def test_no_multicast_beside_tls():
    offers = [MULTICAST, TCP]
    assert choose_route(offers, peer_host="h", taken=set(), group=GROUP, secure=True) == InterleavedRoute(0, 1)


def test_no_multicast_without_a_group():
    assert choose_route([MULTICAST, UDP], peer_host="h", taken=set()) == UdpRoute("h", (5000, 5001))
    with pytest.raises(RemoteProtocolError) as raised:
        choose_route([MULTICAST], peer_host="h", taken=set())
    assert raised.value.status == 461


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:DB8::1", "2001:db8:0::1", True),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("localhost", "127.0.0.1", False),
        ("", "192.0.2.1", False),
    ],
)
def test_same_host(one, other, same):
    assert same_host(one, other) is same


@given(st.sampled_from(["", "127.0.0.1", "192.0.2.9", "::1", "x"]))
def test_packets_never_go_elsewhere(destination):
    offer = Transport(client_port=(7, 8), destination=destination)
    if destination in ("", "192.0.2.9"):
        assert choose_route([offer], peer_host="192.0.2.9", taken=set()) == UdpRoute("192.0.2.9", (7, 8))
    else:
        with pytest.raises(RemoteProtocolError, match="another host"):
            choose_route([offer], peer_host="192.0.2.9", taken=set())


def test_answers_are_read_back():
    for route in (InterleavedRoute(4, 5), UdpRoute("h", (1, 2), (3, 4), "192.0.2.7")):
        answer = Transport.parse(transport_of(Leg(route, "u", 0xAB)))
        assert answer.ssrc == 0xAB
        assert (answer.interleaved or answer.server_port) in ((4, 5), (3, 4))
    text = transport_of(Leg(GROUP, "u", 0xAB))
    assert text == "RTP/AVP;multicast;destination=239.192.0.1;port=16384-16385;ttl=2;ssrc=000000AB"
