"""The sockets' life: Hello, delayed answers, Bye. Twisted's clock and sockets of memory."""

import pytest
from twisted.internet.task import Clock

from bridge.base.time import ManualClock
from bridge.dialogue.discovery import DiscoverableDevice
from bridge.services.discovery.responder import GROUP, MAX_DELAY_MS, MAX_WAITING, DiscoveryResponder
from bridge.wire.scopes import device_scopes
from tests.dialogue.test_discovery import probe

SOURCE = ("198.51.100.7", 50_000)


class Socket:
    """A port that remembers what was sent."""

    def __init__(self, reactor, protocol, interface):
        self.reactor, self.protocol, self.interface = reactor, protocol, interface
        self.sent, self.options, self.closed, self.broken = [], [], False, False
        self.outgoing = ""
        protocol.makeConnection(self)

    def getHandle(self):
        return self

    def setsockopt(self, *option):
        if self.reactor.no_multicast:
            raise OSError(19, "No such device")
        self.options.append(option)

    def setOutgoingInterface(self, address):
        self.outgoing = address

    def setTTL(self, ttl):
        assert ttl == 1

    def write(self, data, to):
        if self.broken:
            raise OSError(101, "Network is unreachable")
        self.sent.append((data, to))

    def stopListening(self):
        self.closed = True


class Reactor(Clock):
    def __init__(self):
        super().__init__()
        self.sockets, self.no_multicast = [], False

    def listenMulticast(self, port, protocol, interface, listenMultiple):
        assert (port, listenMultiple) == (3702, True)
        self.sockets.append(Socket(self, protocol, interface))
        return self.sockets[-1]


@pytest.fixture
def reactor():
    return Reactor()


def responder(reactor, addresses=("192.0.2.5", "198.51.100.1"), random_ms=lambda limit: limit // 2):
    made = DiscoveryResponder(reactor, ManualClock(), addresses, random_ms)
    made.add(device(1, 580))
    made.start()
    return made


def device(number, port):
    return DiscoverableDevice(
        f"urn:uuid:{number}",
        device_scopes("x", "y"),
        1,
        bytes,
        lambda address: (f"http://{address}:{port}/onvif/device_service",),
    )


def groups(reactor):
    return [socket for socket in reactor.sockets if socket.interface == GROUP]


def test_hello_on_each_interface_with_its_own_address(reactor):
    responder(reactor)
    reactor.advance(MAX_DELAY_MS / 2000)
    for socket, address in zip(groups(reactor), ("192.0.2.5", "198.51.100.1"), strict=True):
        ((data, to),) = socket.sent
        assert to == (GROUP, 3702)
        assert f"<d:XAddrs>http://{address}:580/onvif/device_service</d:XAddrs>".encode() in data
        assert socket.outgoing == address
    reactor.advance(1)
    assert [len(socket.sent) for socket in groups(reactor)] == [2, 2]


def test_a_question_to_all_waits_and_a_question_to_us_does_not(reactor):
    responder(reactor, ["192.0.2.5"])
    reactor.advance(2)
    group, own = reactor.sockets
    assert own.interface == "192.0.2.5"
    group.sent.clear()
    group.protocol.datagramReceived(probe(), SOURCE)
    own.protocol.datagramReceived(probe(), SOURCE)
    reactor.advance(0)
    assert (len(group.sent), len(own.sent)) == (0, 1)
    reactor.advance(MAX_DELAY_MS / 1000)
    ((data, to),) = group.sent
    assert to == SOURCE
    assert b"ProbeMatches" in data
    assert b"http://192.0.2.5:580/" in data


def test_bye_and_nothing_after_it(reactor):
    made = responder(reactor, ["192.0.2.5"])
    reactor.advance(2)
    group = reactor.sockets[0]
    group.protocol.datagramReceived(probe(), SOURCE)
    group.sent.clear()
    done = []
    made.stop().addCallback(done.append)
    assert done
    assert [b"<d:Bye>" in data for data, _ in group.sent] == [True]
    assert all(socket.closed for socket in reactor.sockets)
    assert not reactor.getDelayedCalls()


def test_a_machine_without_multicast_goes_on(reactor):
    reactor.no_multicast = True
    made = responder(reactor)
    reactor.advance(2)
    made.stop()
    assert all(socket.sent == [] for socket in reactor.sockets)
    assert all(socket.closed for socket in reactor.sockets)


def test_a_message_that_cannot_be_sent_costs_itself(reactor):
    responder(reactor, ["192.0.2.5"])
    reactor.sockets[0].broken = True
    reactor.advance(2)
    reactor.sockets[0].protocol.datagramReceived(probe(), SOURCE)
    reactor.advance(2)
    assert reactor.sockets[0].sent == []


def test_waiting_answers_are_bounded(reactor):
    made = responder(reactor, ["192.0.2.5"])
    reactor.advance(2)
    for number in range(MAX_WAITING + 7):
        reactor.sockets[0].protocol.datagramReceived(probe(), (f"198.51.100.{number}", 1))
    assert made.dropped == 7


def test_a_device_that_comes_says_hello_and_one_that_goes_bye(reactor):
    made = responder(reactor, ["192.0.2.5"])
    reactor.advance(2)
    group, own = reactor.sockets
    group.sent.clear()
    second = device(2, 5801)
    made.add(second)
    reactor.advance(2)
    assert [b"<d:Hello>" in data and b":5801/" in data for data, _ in group.sent] == [True, True]
    own.protocol.datagramReceived(probe(), SOURCE)
    assert own.sent == []  # two answers are not sent at once
    reactor.advance(MAX_DELAY_MS / 1000)
    assert len(own.sent) == 2
    group.sent.clear()
    made.remove(second)
    assert [b"<d:Bye>" in data and b"urn:uuid:2" in data for data, _ in group.sent] == [True]


def test_a_device_that_goes_before_its_hello_says_none(reactor):
    made = responder(reactor, ["192.0.2.5"])
    second = device(2, 5801)
    made.add(second)
    made.remove(second)
    reactor.advance(2)
    assert [data for data, _ in reactor.sockets[0].sent if b"<d:Hello>" in data and b"urn:uuid:2" in data] == []
