import pytest

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.base.media import Codec, Track
from bridge.dialogue.rtsp_client_events import Lower, OfferedTrack
from bridge.dialogue.rtsp_setups import Setups
from bridge.wire.rtsp.message import Headers, Response

TRACKS = [
    OfferedTrack(Track(Codec.H264, 90_000), None, "rtsp://cam/0"),
    OfferedTrack(Track(Codec.PCMU, 8_000), None, "rtsp://cam/1"),
]


def setups(lower):
    made = Setups(lower)
    made.want(TRACKS)
    return made


def granted(transport):
    return Response(200, "OK", Headers([("Transport", transport)]))


def test_channels_are_asked_for_in_pairs():
    made = setups(Lower.TCP)
    assert made.transport() == "RTP/AVP/TCP;unicast;interleaved=0-1"
    made.accept(granted("RTP/AVP/TCP;unicast;interleaved=2-3"))
    assert made.transport() == "RTP/AVP/TCP;unicast;interleaved=0-1"
    made.accept(granted(""))
    assert [ready.channels for ready in made.ready] == [(2, 3), (0, 1)]
    assert made.pending == []


def test_ports_are_used_in_turn_and_those_of_a_track_given_up_as_well():
    made = setups(Lower.UDP)
    with pytest.raises(LocalProtocolError, match="1 pairs of ports for 2 tracks"):
        made.give_ports([(5000, 5001)])
    made.give_ports([(5000, 5001), (5002, 5003)])
    assert not made.begun
    assert made.give_up() is TRACKS[0]
    assert made.begun
    assert made.transport() == "RTP/AVP;unicast;client_port=5002-5003"
    made.accept(granted("RTP/AVP;unicast;client_port=5002-5003;server_port=7000-7001"))
    assert [(ready.client_ports, ready.server_ports) for ready in made.ready] == [((5002, 5003), (7000, 7001))]


def test_two_tracks_cannot_share_a_group():
    made = setups(Lower.MULTICAST)
    answer = granted("RTP/AVP;multicast;destination=239.1.1.1;port=6000-6001;ttl=2")
    made.accept(answer)
    with pytest.raises(RemoteProtocolError, match="one group and port for two tracks"):
        made.accept(answer)
