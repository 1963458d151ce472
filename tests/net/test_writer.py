import socket

import pytest
from twisted.internet.task import Clock as TwistedClock

from bridge.base.time import NS_PER_S, ManualClock
from bridge.media.outbox import MIN_ALLOWANCE_BYTES, Allowance, Flow, Tally
from bridge.net.writer import ConnectionWriter


class Reactor(TwistedClock):
    def __init__(self):
        super().__init__()
        self.writers = set()

    def addWriter(self, writer):
        self.writers.add(writer)

    def removeWriter(self, writer):
        self.writers.discard(writer)


class Transport:
    queued_bytes = 0

    def __init__(self, handle):
        self.handle = handle
        self.calls = []
        self.written = b""

    def getHandle(self):
        return self.handle

    def write(self, data):
        self.written += data

    def setTcpNoDelay(self, enabled):
        assert enabled

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append(name)


class Peer:
    """A writer at one end of a connection that the other end reads when told to."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        for end in (self.ours, self.theirs):
            end.setblocking(False)
        self.reactor, self.clock, self.transport = Reactor(), ManualClock(), Transport(self.ours)
        self.reasons = []
        self.writer = ConnectionWriter(self.reactor, self.clock, self.transport, on_close=self.reasons.append)
        self.flow, self.tally = Flow(Allowance()), Tally()
        self.received = b""

    def push(self, data, *, key=False):
        self.writer.push(self.flow, self.tally, data, key, 1, len(data))

    def read(self):
        """Everything that comes, the reactor turning meanwhile."""
        idle = 0
        while idle < 3:
            idle += 1
            while True:
                try:
                    data = self.theirs.recv(1 << 16)
                except BlockingIOError:
                    break
                if not data:
                    break
                self.received += data
                idle = 0
            for writer in tuple(self.reactor.writers):
                writer.doWrite()
        return self.received

    def advance(self, seconds):
        self.clock.advance(int(seconds * NS_PER_S))
        self.reactor.advance(seconds)

    def close(self):
        self.writer.close()
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def peer():
    made = Peer()
    yield made
    made.close()


def test_everything_goes_out_in_the_order_of_the_calls(peer):
    blocked = []
    peer.writer.attach(lambda: blocked.append(1))
    peer.writer.write(b"reply 1;")
    expected = b"reply 1;"
    for number in range(30):
        unit = b"%04d" % number * 5000
        peer.push(unit, key=number == 0)
        peer.writer.write(b"reply;")
        expected += unit + b"reply;"
    assert peer.reactor.writers == {peer.writer}
    assert not peer.writer.clear
    assert len(blocked) == 1
    assert peer.writer.queue_bytes > 0
    assert peer.read() == expected
    assert peer.writer.clear
    assert peer.reactor.writers == set()
    assert (peer.tally.units, peer.tally.octets) == (30, 30 * 20_000)
    assert peer.flow.queued_bytes == 0


def test_a_unit_that_the_fan_out_could_send_in_part_is_completed_first(peer):
    data = bytes(range(256)) * 40_000
    sent = peer.writer.direct(data)
    assert 0 < sent < len(data)
    peer.writer.interrupted(peer.flow, peer.tally, data, sent, True, 1, len(data))
    peer.writer.write(b"after")
    assert peer.read() == data + b"after"
    assert peer.tally.units == 1


def test_a_client_that_reads_nothing_is_cut_after_ten_seconds(peer):
    peer.push(bytes(1 << 20), key=True)
    peer.advance(9.9)
    assert not peer.reasons
    peer.advance(0.2)
    assert peer.reasons == ["stalled: the client has read nothing for too long"]
    assert "abortConnection" in peer.transport.calls
    assert peer.reactor.writers == set()
    assert not peer.writer.clear
    assert peer.writer.queue_bytes == peer.flow.queued_bytes == 0
    peer.push(b"more", key=True)
    peer.writer.write(b"more")
    peer.writer.close()
    assert len(peer.reasons) == 1


def test_progress_keeps_a_slow_client(peer):
    for _ in range(4):
        peer.push(bytes(1 << 20), key=True)
        peer.advance(8)
        peer.read()
    peer.advance(30)
    assert not peer.reasons
    assert peer.reactor.getDelayedCalls() == []


def test_media_beyond_the_allowance_are_dropped_and_replies_are_not(peer):
    for number in range(40):
        peer.push(bytes((number,)) * 100_000, key=number % 5 == 0)
        peer.writer.write(b"reply;")
    assert peer.flow.queued_bytes <= MIN_ALLOWANCE_BYTES
    received = peer.read()
    assert received.count(b"reply;") == 40
    assert peer.tally.units + peer.flow.dropped_units == 40
    assert len(received) == 40 * 6 + 100_000 * peer.tally.units


def test_a_client_that_asks_and_never_reads_is_cut(peer):
    for _ in range(100):
        peer.writer.write(bytes(100_000))
    assert peer.reasons == ["overrun: the client sends requests and does not read the replies"]


def test_who_waits_for_a_clear_connection_is_called_once(peer):
    calls = []

    def on_clear():
        calls.append(peer.writer.clear)

    peer.push(bytes(300_000), key=True)
    assert not peer.writer.clear
    peer.writer.when_clear(on_clear)
    peer.writer.when_clear(on_clear)
    peer.read()
    assert calls == [True]
    peer.push(bytes(300_000), key=True)
    peer.writer.when_clear(on_clear)
    peer.writer.close()
    peer.writer.when_clear(on_clear)
    assert calls == [True]


def test_who_fills_the_connection_again_waits_behind_the_others(peer):
    served = []

    def wait(name):
        def fill():
            served.append(name)
            peer.push(bytes(300_000), key=True)
            peer.writer.when_clear(fill)

        return fill

    peer.push(bytes(300_000), key=True)
    for name in "abc":
        peer.writer.when_clear(wait(name))
    while len(served) < 7:
        peer.theirs.recv(1 << 16)
        for writer in tuple(peer.reactor.writers):
            writer.doWrite()
    assert "".join(served[:7]) == "abcabca"


def test_lose_sends_the_replies_that_wait_and_no_media(peer):
    head = bytes(1 << 20)
    peer.push(head, key=True)
    peer.push(b"media", key=False)
    peer.writer.write(b"reply")
    peer.writer.lose()
    peer.push(b"media", key=True)
    assert "loseConnection" not in peer.transport.calls
    assert peer.read() == head + b"reply"
    assert peer.transport.calls == ["loseConnection"]
    assert peer.reactor.writers == set()


def test_lose_with_nothing_waiting_closes_at_once(peer):
    peer.writer.lose()
    assert peer.transport.calls == ["loseConnection"]


def test_a_connection_that_is_gone(peer):
    peer.theirs.close()
    blocked = []
    peer.writer.attach(lambda: blocked.append(1))
    peer.writer.write(b"reply")
    assert len(peer.reasons) == 1
    assert peer.reasons[0].startswith("error: ")
    assert blocked == [1]


def test_a_carriers_frames():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = ConnectionWriter(Reactor(), ManualClock(), Transport(ours), frame=lambda data: b"<" + data + b">")
        writer.write(b"head;", bare=True)
        writer.write(b"reply")
        writer.push(Flow(Allowance()), Tally(), b"unit", True, 1, 4)
        writer.direct(b"<made for all>")
        writer.close()
        assert theirs.recv(100) == b"head;<reply><unit><made for all>"


def test_without_a_socket_twisted_writes_and_says_when_it_is_full():
    reactor, clock, transport = Reactor(), ManualClock(), Transport(object())
    writer = ConnectionWriter(reactor, clock, transport)
    flow, tally = Flow(Allowance()), Tally()
    assert writer.direct is None
    writer.write(b"reply;")
    writer.push(flow, tally, b"one;", True, 1, 4)
    writer.pauseProducing()
    writer.push(flow, tally, b"two;", False, 1, 4)
    writer.write(b"end")
    assert transport.written == b"reply;one;"
    writer.resumeProducing()
    assert transport.written == b"reply;one;two;end"
    assert writer.clear
    writer.lose()
    assert transport.calls == ["registerProducer", "unregisterProducer", "loseConnection"]


class Paused:
    """A writer over a transport without a socket, whose buffer is full."""

    def __init__(self):
        self.reactor, self.clock, self.transport, self.reasons = Reactor(), ManualClock(), Transport(object()), []
        self.transport.queued_bytes = 1_000_000
        self.writer = ConnectionWriter(self.reactor, self.clock, self.transport, on_close=self.reasons.append)
        self.flow, self.tally = Flow(Allowance()), Tally()
        self.writer.pauseProducing()

    def film(self, seconds, read_bytes=0):
        for second in range(seconds):
            self.writer.push(self.flow, self.tally, bytes(100_000), second % 2 == 0, 1, 4)
            self.transport.queued_bytes -= read_bytes
            self.clock.advance(NS_PER_S)
            self.reactor.advance(1)


def test_without_a_socket_a_client_that_reads_nothing_is_cut_as_well():
    peer = Paused()
    peer.film(9)
    assert peer.reasons == []
    peer.film(3)
    assert peer.reasons == ["stalled: the client has read nothing for too long"]
    assert peer.flow.queued_bytes <= MIN_ALLOWANCE_BYTES
    assert "abortConnection" in peer.transport.calls


def test_without_a_socket_a_replay_waits_for_as_long_as_its_flow_says():
    peer = Paused()
    peer.flow.stall_ns = 60 * NS_PER_S
    peer.film(59)
    assert peer.reasons == []
    peer.film(3)
    assert peer.reasons == ["stalled: the client has read nothing for too long"]


def test_without_a_socket_a_client_that_reads_slowly_is_not():
    peer = Paused()
    peer.film(30, read_bytes=1_000)
    assert peer.reasons == []
    peer.writer.resumeProducing()
    peer.film(1)
    assert peer.reactor.getDelayedCalls() == []
