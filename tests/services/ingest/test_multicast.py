"""Groups on the loopback interface: who is heard, and that we leave."""

import socket
from pathlib import Path

import pytest

from bridge.dialogue.rtsp_client_events import Lower
from bridge.dialogue.rtsp_group import CameraGroup
from bridge.services.ingest import multicast
from bridge.services.ingest.multicast import join_group
from tests.fake_camera import SESSION, VIDEO, FakeCamera, picture
from tests.services.ingest.ingest_setting import Stage
from tests.services.ingest.test_udp import read

HERE = "127.0.0.1"


def sender(host=HERE):
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((host, 0))
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
    return opened


@pytest.fixture
def group():
    """With ports that are free just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind((HERE, 0))
        port = trial.getsockname()[1]
    return CameraGroup("239.192.77.1", (port, port - 1))


def memberships(group):
    """Of the loopback interface, as the kernel lists them."""
    return Path("/proc/net/igmp").read_text().count(socket.inet_aton(group.host)[::-1].hex().upper())


@pytest.mark.parametrize("sources", [{HERE}, {HERE, "cam.example", "::1"}, {"cam.example"}, set(), None])
def test_packets_of_the_group(group, sources):
    pair = join_group(group, HERE, sources)
    try:
        reactor, _, got, _ = read(pair, HERE)
        with sender() as camera:
            camera.sendto(b"media", (group.host, group.ports[0]))
            camera.sendto(b"report", (group.host, group.ports[1]))
            camera.sendto(b"to us alone", (HERE, group.ports[0]))
        for reader in reactor.readers:
            reader.doRead()
        assert sorted(got) == [("rtcp", b"report"), ("rtp", b"media")]
        assert memberships(group) == 1
    finally:
        pair.close()
    assert memberships(group) == 0


@pytest.mark.parametrize("knows_sources", [True, False])
def test_packets_of_others_are_dropped(group, monkeypatch, knows_sources):
    if not knows_sources:
        monkeypatch.setattr(multicast, "_IP_ADD_SOURCE_MEMBERSHIP", 9_999)
    pair = join_group(group, HERE, {HERE})
    try:
        reactor, statistics, got, _ = read(pair, HERE)
        with sender("127.0.0.2") as stranger, sender() as camera:
            stranger.sendto(b"stranger", (group.host, group.ports[0]))
            camera.sendto(b"camera", (group.host, group.ports[0]))
        for reader in reactor.readers:
            reader.doRead()
        assert got == [("rtp", b"camera")]
        assert statistics.foreign == (0 if knows_sources else 1)
    finally:
        pair.close()


def test_an_interface_that_is_not_there(group):
    for interface in ("192.0.2.77", "::1"):
        with pytest.raises(OSError, match=r"No such device|illegal IP"):
            join_group(group, interface, {HERE})
    assert memberships(group) == 0


def test_from_the_camera_to_the_hub_and_away(group):
    camera = FakeCamera(SESSION + VIDEO)
    answered = f"RTP/AVP;multicast;destination={group.host};port={group.ports[0]}-{group.ports[1]};ttl=1"
    camera.answers["SETUP"] = [lambda request: camera.set_up(request, answered)]
    stage = Stage(camera, transport=Lower.MULTICAST)
    stage.driver().start()
    stage.answer()
    with sender() as media:
        for number in range(3):
            media.sendto(picture(number, 3600 * number), (group.host, group.ports[0]))
    for reader in list(stage.reactor.readers):
        reader.doRead()
    assert [unit.media_time for unit in stage.hub.units] == [0, 3600, 7200]
    assert stage.owner.told == ["up"]
    stage.wait(6)  # no report goes there: nobody is to be sent to because a camera names him
    for reader in list(stage.reactor.readers):
        reader.doRead()
    assert stage.statistics.foreign == 0
    stage.wire.abortConnection()
    assert memberships(group) == 0
    assert stage.reactor.readers == set()


def test_a_group_that_cannot_be_joined_is_the_end(monkeypatch):
    def refuse(*_):
        raise OSError(19, "No such device")

    monkeypatch.setattr("bridge.services.ingest.native.join_group", refuse)
    stage = Stage(transport=Lower.MULTICAST)
    stage.driver().start()
    stage.answer()
    assert stage.owner.told == ["protocol: the group 239.5.5.5 cannot be joined from 127.0.0.1: No such device"]
    assert "PLAY" not in stage.camera.methods
