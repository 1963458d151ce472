import socket

import pytest
import structlog
from structlog.testing import capture_logs
from twisted.internet.testing import MemoryReactorClock

from bridge.base.media import Codec, Track
from bridge.dialogue.rtsp_client_events import ReadyTrack
from bridge.services.ingest import udp
from bridge.services.ingest.reception import IngestStatistics
from tests.services.ingest.ingest_setting import ReactorClock


@pytest.fixture
def pair():
    pair = udp.UdpPair.open("127.0.0.1")
    yield pair
    pair.close()


@pytest.fixture
def sender():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        yield sender


def read(pair, allowed, *, ports=(0, 0), source_port=udp.SourcePort.ONE):
    reactor, statistics, got = MemoryReactorClock(), IngestStatistics(), []
    batches = []
    pair.read(
        reactor,
        ReactorClock(reactor),
        statistics,
        udp.Senders(None if allowed is None else frozenset({allowed.removeprefix("::ffff:")}), ports, source_port),
        lambda packet, now: got.append(("rtp", bytes(packet))),
        lambda packet, now: got.append(("rtcp", bytes(packet))),
        lambda: batches.append(len(got)),
    )
    return reactor, statistics, got, batches


def test_neighbours_even_and_odd(pair):
    first, second = pair.ports
    assert (first % 2, second) == (0, first + 1)


def test_a_wake_up_reads_all_that_is_there(pair, sender):
    reactor, statistics, got, batches = read(pair, "127.0.0.1")
    for number in range(5):
        sender.sendto(bytes([number]) * 3, ("127.0.0.1", pair.ports[0]))
    sender.sendto(b"report", ("127.0.0.1", pair.ports[1]))
    for reader in sorted(reactor.readers, key=lambda reader: reader._socket.getsockname()):
        reader.doRead()
    assert got == [("rtp", bytes([number]) * 3) for number in range(5)] + [("rtcp", b"report")]
    assert batches == [5, 6]
    assert statistics.bytes == 21


def test_a_wake_up_has_a_bound(pair, sender, monkeypatch):
    monkeypatch.setattr(udp, "MAX_DATAGRAMS_PER_WAKE", 3)
    reactor, _, _, batches = read(pair, None)
    for number in range(4):
        sender.sendto(bytes([number]), ("127.0.0.1", pair.ports[0]))
    (reader,) = (reader for reader in reactor.readers if reader._socket.getsockname()[1] == pair.ports[0])
    reader.doRead()
    reader.doRead()
    assert batches == [3, 4]


@pytest.mark.parametrize(("allowed", "taken"), [("127.0.0.1", 1), ("::ffff:127.0.0.1", 1), ("192.0.2.1", 0), (None, 1)])
def test_whose_datagrams_are_taken(pair, sender, allowed, taken):
    reactor, statistics, got, _ = read(pair, allowed)
    sender.sendto(b"x", ("127.0.0.1", pair.ports[0]))
    for reader in tuple(reactor.readers):
        reader.doRead()
    assert (len(got), statistics.foreign) == (taken, 1 - taken)


@pytest.fixture
def other():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        yield other


def rtp_reader(reactor, pair):
    return next(reader for reader in reactor.readers if reader._socket.getsockname()[1] == pair.ports[0])


@pytest.mark.parametrize(
    ("announced", "source_port", "taken"),
    [
        pytest.param("sender", udp.SourcePort.ONE, "ossss", id="the announced one wins when it is heard"),
        pytest.param(None, udp.SourcePort.ONE, "ooo", id="the first"),
        pytest.param("sender", udp.SourcePort.ANY, "osososs", id="all"),
    ],
)
def test_one_port_at_a_time(pair, sender, other, announced, source_port, taken):
    ports = (sender.getsockname()[1], 0) if announced else (0, 0)
    reactor, statistics, got, _ = read(pair, "127.0.0.1", ports=ports, source_port=source_port)
    for name in "osososs":
        (sender if name == "s" else other).sendto(name.encode(), ("127.0.0.1", pair.ports[0]))
    rtp_reader(reactor, pair).doRead()
    assert b"".join(packet for _, packet in got).decode() == taken
    assert statistics.foreign == 7 - len(taken)


def test_another_port_takes_over_from_one_that_is_silent(pair, sender, other):
    reactor, statistics, got, _ = read(pair, "127.0.0.1")
    reader = rtp_reader(reactor, pair)

    def send(from_, seconds):
        reactor.advance(seconds)
        from_.sendto(b"s" if from_ is sender else b"o", ("127.0.0.1", pair.ports[0]))
        reader.doRead()

    for from_, seconds in ((sender, 0), (other, 0.4), (sender, 0), (other, 0.4), (other, 0.2), (sender, 0)):
        send(from_, seconds)
    assert b"".join(packet for _, packet in got) == b"sso"
    assert statistics.foreign == 3


def test_senders_are_the_peer_and_whom_the_camera_names():
    ready = ReadyTrack(Track(Codec.H264, 90000), None, client_ports=(2, 3), server_ports=(4, 5), source="192.0.2.9")
    senders = udp.senders_of(udp.SourceCheck.ADDRESS, "::ffff:192.0.2.1", ready)
    assert senders.ports == (4, 5)
    assert [senders.may(f"192.0.2.{number}") for number in (1, 9, 2)] == [True, True, False]
    assert senders.may("::ffff:192.0.2.9")
    assert udp.senders_of(udp.SourceCheck.NONE, "192.0.2.1", ready).may("198.51.100.1")


def test_what_the_kernel_refuses_to_send_is_lost(pair):
    pair.send_rtp(b"x", "127.0.0.1", 0)
    pair.send_rtcp(b"x" * 70_000, "127.0.0.1", 9)


def test_closing_ends_reading(pair):
    reactor, *_ = read(pair, None)
    reader = next(iter(reactor.readers))
    pair.close()
    assert reactor.readers == set()
    assert reader.fileno() == -1


def test_a_small_receive_buffer_is_said_once_with_its_remedy(pair, monkeypatch):
    with capture_logs() as lines:
        monkeypatch.setattr(udp.UdpPair, "granted_bytes", lambda self: 212_992)
        udp.note_small_buffer(pair, structlog.get_logger())
        monkeypatch.setattr(udp.UdpPair, "granted_bytes", lambda self: udp.RECEIVE_BUFFER_BYTES)
        udp.note_small_buffer(pair, structlog.get_logger())
    (line,) = lines
    assert line["remedy"] == "sysctl -w net.core.rmem_max=8388608"


def test_no_free_neighbours(monkeypatch):
    taken = []

    def bound(host, port):
        if port:
            raise OSError("in use")
        taken.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        taken[-1].bind((host, 0))
        return taken[-1]

    monkeypatch.setattr(udp, "_bound", bound)
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        udp.UdpPair.open("127.0.0.1")
    assert all(opened.fileno() == -1 for opened in taken)
