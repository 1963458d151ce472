import errno
import socket

import pytest

from bridge.media.packets import PacketizedUnit
from bridge.services.rtsp.udp import MAX_REFUSING, UdpPorts, UdpSender
from bridge.wire import rtcp


class Reactor:
    def __init__(self):
        self.readers = set()

    def addReader(self, reader):
        self.readers.add(reader)

    def removeReader(self, reader):
        self.readers.discard(reader)

    def turn(self):
        for reader in self.readers:
            reader.doRead()


def unit(sizes):
    payloads = [bytes((index + 1,)) * size for index, size in enumerate(sizes)]
    return PacketizedUnit.of(
        payloads, payload_type=96, sequence=65_530, rtp_time=7, ssrc=9, marks=True, media_time=0, key=True
    )


@pytest.fixture
def heard():
    return []


@pytest.fixture
def sender(heard):
    made = UdpSender(Reactor(), ["127.0.0.1", "127.0.0.1"], on_report=lambda *who: heard.append(who))
    yield made
    made.close()


@pytest.fixture
def clients():
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for client in made:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
    yield made
    for client in made:
        client.close()


def test_ports_are_an_even_one_and_the_next(sender):
    (pair,) = sender.pairs
    assert pair.ports[0] % 2 == 0
    assert pair.ports[1] == pair.ports[0] + 1


SIZES = [[1388] * 90 + [500], [100], [1388, 1388, 20, 30, 1388], [10, 1388, 1388]]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("offload", [True, False])
def test_every_viewer_gets_every_packet(sender, clients, sizes, offload):
    (pair,) = sender.pairs
    pair._offload = offload
    sent = unit(sizes)
    addresses = {client: sender.address("127.0.0.1", client.getsockname()[1]) for client in clients}
    pair.send(sent.runs(), addresses.values())
    packets = [sent.interleaved[at : at + size] for at, size in sent.spans()]
    for client in clients:
        assert [client.recv(2000) for _ in packets] == packets
    assert client.getsockname()[1] not in pair.ports
    assert pair.lost_sends == 0


class Kernel:
    """A socket whose `sendto` refuses what it is told to."""

    def __init__(self, refuse):
        self.refuse, self.segment, self.sent = refuse, 0, []

    def setsockopt(self, level, name, value):
        if self.refuse == "option":
            raise OSError(errno.ENOPROTOOPT, "no such option")
        self.segment = value

    def sendto(self, data, address):
        code = self.refuse.get(address, 0) if isinstance(self.refuse, dict) else 0
        if code == errno.EAGAIN or (code and self.segment):
            raise OSError(code, "refused")
        self.sent.append((address, self.segment, data))


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_where_a_route_refuses_offload_packets_go_one_by_one(sender, code):
    (pair,) = sender.pairs
    real, pair._rtp = pair._rtp, Kernel({"b": code})
    try:
        runs = unit([1388] * 10).runs()
        for _ in range(2):
            pair.send(runs, ["a", "b", "c"])
        sent = pair._rtp.sent
        assert [segment for address, segment, _ in sent if address == "b"] == [0] * 20
        assert [segment for address, segment, _ in sent if address != "b"] == [1400] * 4
        assert b"".join(data for address, _, data in sent[:12] if address == "b") == runs[0][1]
        assert list(pair._refusing) == ["b"]
        assert pair.lost_sends == 0
    finally:
        pair._rtp = real


def test_a_kernel_without_offload(sender):
    (pair,) = sender.pairs
    real, pair._rtp = pair._rtp, Kernel("option")
    try:
        pair.send(unit([1388] * 3 + [4]).runs(), ["a", "b"])
        assert len(pair._rtp.sent) == 8
        pair.send(unit([5]).runs(), ["a"])
        assert len(pair._rtp.sent) == 9
    finally:
        pair._rtp = real


def test_a_full_kernel_loses_and_counts(sender):
    (pair,) = sender.pairs
    real, pair._rtp = pair._rtp, Kernel({"b": errno.EAGAIN})
    try:
        pair.send(unit([1388] * 70).runs(), ["a", "b"])
        assert pair.lost_sends == sender.lost_sends == 2
        assert not pair._refusing
    finally:
        pair._rtp = real


def test_refusing_addresses_are_bounded(sender):
    (pair,) = sender.pairs
    addresses = [("192.0.2.1", port) for port in range(1, MAX_REFUSING + 100)]
    real, pair._rtp = pair._rtp, Kernel(dict.fromkeys(addresses, errno.EIO))
    try:
        pair.send(unit([1388] * 2).runs(), addresses)
        assert len(pair._refusing) == MAX_REFUSING
    finally:
        pair._rtp = real


def test_reports_are_signs_of_life_and_noise_is_not(sender, clients, heard):
    (pair,) = sender.pairs
    client = clients[0]
    report = rtcp.encode((rtcp.ReceiverReport(1),))
    for data in (b"", b"\0", bytes(8), b"hole punch", report, bytes(3000)):
        client.sendto(data, ("127.0.0.1", pair.ports[1]))
        client.sendto(data, ("127.0.0.1", pair.ports[0]))
    for reader in pair._descriptors:
        reader._reactor.turn()
    assert heard == [client.getsockname()]


def test_what_comes_to_the_port_of_rtp_is_told_with_its_sender(clients):
    said = []
    sender = UdpSender(
        Reactor(), ["127.0.0.1"], on_rtp=lambda host, port, packet: said.append((host, port, bytes(packet)))
    )
    try:
        (pair,) = sender.pairs
        clients[0].sendto(b"hello", ("127.0.0.1", pair.ports[0]))
        clients[1].sendto(bytes(3000), ("127.0.0.1", pair.ports[0]))
        clients[0].sendto(b"no talk", ("127.0.0.1", pair.ports[1]))
        pair._descriptors[0]._reactor.turn()
    finally:
        sender.close()
    assert said == [(*clients[0].getsockname(), b"hello"), (*clients[1].getsockname(), bytes(2048))]


def test_rtcp_goes_from_its_own_port(sender, clients):
    (pair,) = sender.pairs
    pair.send_rtcp(b"report", sender.address("127.0.0.1", clients[0].getsockname()[1]))
    assert clients[0].recvfrom(100) == (b"report", ("127.0.0.1", pair.ports[1]))


def test_the_pair_bound_to_the_viewers_end_goes_before_the_one_for_all():
    sender = UdpSender(Reactor(), ["0.0.0.0", "127.0.0.1"])
    try:
        everywhere, here = sender.pairs
        assert sender.ports_for("127.0.0.1", "127.0.0.1") is here
        assert sender.ports_for("::ffff:127.0.0.1", "::ffff:127.0.0.1") is here
        assert sender.ports_for("192.0.2.1", "192.0.2.9") is everywhere
        assert sender.ports_for("2001:db8::1", "2001:db8::2") is None
    finally:
        sender.close()
    assert sender.pairs == []


def test_addresses_as_the_kernel_takes_them():
    assert UdpSender.address("192.0.2.1", 5000) == ("192.0.2.1", 5000)
    assert UdpSender.address("::ffff:192.0.2.1", 5000) == ("192.0.2.1", 5000)
    assert UdpSender.address("2001:db8::1", 5000) == ("2001:db8::1", 5000, 0, 0)
    assert UdpSender.address("fe80::1%7", 5000) == ("fe80::1", 5000, 0, 7)
    assert UdpSender.address("fe80::1%nowhere", 5000) == ("fe80::1", 5000, 0, 0)


def test_an_address_that_is_not_ours_is_an_error():
    with pytest.raises(OSError, match="assign requested address"):
        UdpPorts("192.0.2.1", lambda host, port: None)
