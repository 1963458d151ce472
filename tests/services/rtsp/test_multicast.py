"""Multicast at the RTSP door: groups, sharing, rights, what the SDP tells; and the sockets that it leaves by."""

import socket

import pytest

from bridge.services.rtsp import multicast
from bridge.services.rtsp.multicast import Marks, MulticastPorts, WaysOut
from bridge.system.access import Action, Grant, Principal, Role
from bridge.wire import rtcp
from bridge.wire.rtsp.headers import parse_transports
from bridge.wire.sdp import SessionDescription
from tests.services.rtsp.recorded_setting import Recorded
from tests.services.rtsp.server_setting import VIDEO, Door, Feed

MULTICAST = "RTP/AVP;multicast"


@pytest.fixture
def door():
    return Door(multicast=True)


@pytest.fixture
def feed(door):
    feed = Feed(door, door.hubs["door/main"])
    feed.push(15)
    return feed


def group_of(reply):
    (transport,) = parse_transports(reply.headers.get("Transport"))
    assert transport.multicast
    return transport


def addresses(door, local="192.0.2.1"):
    return [to for _, tos in door.ways_out.pairs[local].sent for to in tos]


def goodbyes(door):
    """Where BYEs went to."""
    compounds = door.ways_out.pairs["192.0.2.1"].rtcp
    return [to for data, to in compounds if any(isinstance(packet, rtcp.Bye) for packet in rtcp.parse(data))]


def test_setup_names_the_group(door, feed):
    group = door.groups.of("door", "main")
    client = door.connect("ann")
    video = group_of(client.setup("/live/door/trackID=0", f"{MULTICAST};destination=239.1.1.1;port=5000-5001;ttl=200"))
    audio = group_of(client.setup("/live/door/trackID=1", MULTICAST))
    assert (video.destination, video.ttl, audio.destination) == (group.host, 3, group.host)
    assert (video.port, audio.port) == (
        (group.first_port, group.first_port + 1),
        (group.first_port + 2, group.first_port + 3),
    )
    assert (video.server_port, video.client_port) == (None, None)
    assert video.ssrc not in (None, audio.ssrc)


def test_three_sessions_cost_one_send_a_unit(door, feed):
    clients = [door.connect("ann", port=50000 + number) for number in range(3)]
    for client in clients:
        assert client.play(transport=MULTICAST).status == 200
    feed.push(20)
    group = door.groups.of("door", "main")
    sent = addresses(door)
    assert set(sent) == {(group.host, group.first_port)}
    assert 15 <= len(sent) <= 20
    assert not door.udp.pair.sent
    now = door.server.statistics
    assert (now.sessions, now.viewers, now.multicast_viewers, now.multicast_tracks) == (3, 3, 3, 1)
    for client in clients[:2]:
        client.ask("TEARDOWN", "/live/door")
    assert goodbyes(door) == []
    clients[2].ask("TEARDOWN", "/live/door")
    assert goodbyes(door) == [(group.host, group.first_port + 1)]
    feed.push(12)
    assert len(addresses(door)) == len(sent)
    assert door.server.statistics.multicast_tracks == 0


def test_what_the_kernel_refuses_is_counted(door):
    door.udp.lost_sends, door.ways_out.lost_sends = 2, 3
    assert door.server.statistics.lost_sends == 5


def test_the_end(door, feed):
    door.connect("ann").play(transport=MULTICAST)
    feed.push(11)
    door.server.close()
    assert len(goodbyes(door)) == 1
    assert door.ways_out.closed


def test_clients_of_two_networks_are_two_sendings(door, feed):
    door.connect("ann").play(transport=MULTICAST)
    door.connect("ann", port=50001, local="203.0.113.1").play(transport=MULTICAST)
    feed.push(20)
    assert addresses(door) == addresses(door, "203.0.113.1") != []
    assert door.server.statistics.multicast_tracks == 2


def test_pause_leaves_and_play_comes_again(door, feed):
    client = door.connect("ann")
    client.play(transport=MULTICAST)
    assert client.ask("PAUSE", "/live/door").status == 200
    feed.push(12)
    assert not addresses(door)
    assert client.ask("PLAY", "/live/door").status == 200
    feed.push(12)
    assert addresses(door)


def test_a_session_lives_on_without_its_connection_and_ends_in_silence(door, feed):
    client = door.connect("ann")
    client.play(transport=MULTICAST)
    client.cut()
    door.tick(59)
    assert door.server.statistics.multicast_viewers == 1
    door.tick(2)
    now = door.server.statistics
    assert (now.sessions, now.multicast_tracks, now.sessions_timed_out) == (0, 0, 1)


def test_requests_keep_it(door, feed):
    client = door.connect("ann")
    client.play(transport=MULTICAST)
    for _ in range(3):
        door.tick(40)
        assert client.ask("GET_PARAMETER", "/live/door").status == 200
    assert door.server.statistics.multicast_viewers == 1


def test_other_tracks_of_the_camera_end_it(door, feed):
    client = door.connect("ann")
    client.play(transport=MULTICAST)
    feed.run = door.hubs["door/main"].begin_run(())
    now = door.server.statistics
    assert (now.sessions, now.multicast_tracks) == (0, 0)
    assert client.ask("GET_PARAMETER", "/live/door").status == 454


def test_who_loses_the_right_loses_the_session(door, feed):
    door.connect("ann").play(transport=MULTICAST)
    door.principals["ann"] = Principal("ann", Role.VIEWER, (Grant(("yard",), frozenset({Action.LIVE})),))
    door.server.recheck()
    assert door.server.statistics.multicast_tracks == 0


@pytest.mark.parametrize(("first", "then"), [(MULTICAST, "RTP/AVP;unicast;client_port=1-2"), (None, MULTICAST)])
def test_a_session_is_of_one_kind(door, feed, first, then):
    client = door.connect("ann")
    client.setup("/live/door/trackID=0", *([first] if first else []))
    assert client.setup("/live/door/trackID=1", then).status == 461


def test_an_address_of_its_own_tells_the_groups_in_the_sdp(door, feed):
    client = door.connect("ann")
    group = door.groups.of("door", "main")
    reply = client.ask("DESCRIBE", "/live/door/main/multicast")
    video, audio = SessionDescription.parse(reply.body).medias
    assert video.connection == audio.connection == f"IN IP4 {group.host}/3"
    assert (video.port, audio.port) == (group.first_port, group.first_port + 2)
    assert group_of(client.setup("/live/door/main/multicast/trackID=0", MULTICAST)).destination == group.host
    assert client.ask("PLAY", "/live/door/main/multicast").status == 200
    feed.push(11)
    assert addresses(door)


def test_the_usual_address_tells_none(door, feed):
    reply = door.connect("ann").ask("DESCRIBE", "/live/door")
    session = SessionDescription.parse(reply.body)
    assert session.connection == "IN IP4 0.0.0.0"
    assert [(media.connection, media.port) for media in session.medias] == [("", 0), ("", 0)]


@pytest.mark.parametrize(
    "path", ["/live/door/main/unicast", "/live/door/main/multicast/x", "/live/door/other/multicast"]
)
def test_what_is_no_address(door, feed, path):
    assert door.connect("ann").ask("DESCRIBE", path).status == 404


def test_two_tracks_of_a_kind_have_one_group(door):
    Feed(door, door.hubs["door/main"], (VIDEO, VIDEO)).push(1)
    client = door.connect("ann")
    assert client.setup("/live/door/trackID=1", MULTICAST).status == 461
    assert client.setup("/live/door/trackID=0", MULTICAST).status == 200


def test_an_address_that_multicast_cannot_leave_from(door, feed):
    client = door.connect("ann", local="198.51.100.1")
    assert client.setup("/live/door/trackID=0", MULTICAST).status == 503
    assert door.server.statistics.sessions == 0


def test_recordings_are_not_sent_so():
    client = Recorded(multicast=True).door.connect("ann")
    assert client.setup("/recordings/rec-door.main/trackID=0", MULTICAST).status == 461
    assert client.setup("/recordings/rec-door.main/trackID=0", f"{MULTICAST},RTP/AVP/TCP;unicast").status == 200


def test_off_by_default():
    door = Door()
    Feed(door, door.hubs["door/main"]).push(1)
    client = door.connect("ann")
    assert client.setup("/live/door/trackID=0", MULTICAST).status == 461
    assert client.ask("DESCRIBE", "/live/door/main/multicast").status == 404


# Sockets


class Reactor:
    def __init__(self):
        self.readers = set()

    def addReader(self, reader):
        self.readers.add(reader)

    def removeReader(self, reader):
        self.readers.discard(reader)


def test_marks_and_the_way_out():
    ports = MulticastPorts("127.0.0.1", Marks(7, 34))
    try:
        for opened in ports.sockets:
            names = (socket.IP_MULTICAST_TTL, socket.IP_MULTICAST_LOOP, socket.IP_TOS)
            assert [opened.getsockopt(socket.IPPROTO_IP, name) for name in names] == [7, 1, 34 << 2]
            assert opened.getsockname()[0] == "127.0.0.1"
            way_out = opened.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)
            assert way_out == socket.inet_aton("127.0.0.1")
    finally:
        ports.close()


def test_every_member_gets_every_packet_of_one_send():
    """With segmentation offload: the kernel takes it for groups too."""
    ports = MulticastPorts("127.0.0.1", Marks())
    members = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    try:
        for member in members:
            member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            member.bind(("239.192.78.1", members[0].getsockname()[1]))
            here = socket.inet_aton("127.0.0.1")
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.192.78.1") + here)
            member.settimeout(5)
        packets = [bytes((number,)) * 1400 for number in range(30)] + [b"end"]
        ports.send([(1400, b"".join(packets))], [members[0].getsockname()])
        for member in members:
            assert [member.recv(2000) for _ in packets] == packets
        assert ports.lost_sends == 0
    finally:
        ports.close()
        for member in members:
            member.close()


def test_one_pair_for_each_address_and_a_bound(monkeypatch):
    reactor = Reactor()
    ways_out = WaysOut(reactor, Marks())
    try:
        first = ways_out.ports_for("127.0.0.1")
        assert ways_out.ports_for("127.0.0.1") is first
        assert len(reactor.readers) == 2
        assert ways_out.ports_for("192.0.2.77") is None  # not an address of this host
        monkeypatch.setattr(multicast, "MAX_WAYS_OUT", 1)
        assert ways_out.ports_for("127.0.0.2") is None
        assert ways_out.lost_sends == 0
    finally:
        ways_out.close()
    assert not reactor.readers
