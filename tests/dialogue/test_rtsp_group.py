"""Which groups of a camera are joined, and which are none of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.dialogue.rtsp_group import CameraGroup, DescribedPlace, camera_group
from bridge.wire.rtsp.headers import Transport

SAID = "RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001;ttl=16"
IN_SDP = DescribedPlace("IN IP4 239.9.9.9/64", 40_000)


@pytest.mark.parametrize(
    ("answered", "described", "group"),
    [
        (SAID, DescribedPlace(), CameraGroup("239.1.2.3", (5000, 5001))),
        (SAID, IN_SDP, CameraGroup("239.1.2.3", (5000, 5001))),
        ("RTP/AVP;multicast", IN_SDP, CameraGroup("239.9.9.9", (40_000, 40_001))),
        ("RTP/AVP", IN_SDP, CameraGroup("239.9.9.9", (40_000, 40_001))),
        ("RTP/AVP;multicast;port=6000", IN_SDP, CameraGroup("239.9.9.9", (6000, 6001))),
        ("RTP/AVP;multicast;destination=232.0.0.9;client_port=7000-7001;ttl=0", IN_SDP,
         CameraGroup("232.0.0.9", (7000, 7001))),
    ],
)  # fmt: skip
def test_groups_of_streams(answered, described, group):
    assert camera_group(Transport.parse(answered), described) == group


@pytest.mark.parametrize(
    "destination",
    ["224.0.0.1", "224.0.0.251", "224.0.1.1", "239.255.255.250", "192.0.2.1", "255.255.255.255", "127.0.0.1",
     "0.0.0.0", "ff05::1", "cam.example", "239.1.2", "239.1.2.3/24"],
)  # fmt: skip
def test_groups_that_are_none_for_us(destination):
    with pytest.raises(RemoteProtocolError, match="the camera names the group"):
        camera_group(Transport(multicast=True, destination=destination, port=(5000, 5001)), IN_SDP)


@pytest.mark.parametrize("ports", [None, (0, 1), (22, 23), (1023, 1024), (5000, 5000)])
def test_ports_that_are_none_for_us(ports):
    with pytest.raises(RemoteProtocolError, match="the camera names the ports"):
        camera_group(Transport(multicast=True, destination="239.1.2.3", port=ports), DescribedPlace())


@pytest.mark.parametrize("answered", ["RTP/AVP;unicast;server_port=1-2", "RTP/AVP/TCP;interleaved=0-1"])
def test_a_camera_that_sets_up_something_else(answered):
    with pytest.raises(RemoteProtocolError, match="asked for multicast"):
        camera_group(Transport.parse(answered), IN_SDP)


@given(
    st.builds(
        Transport, multicast=st.booleans(), destination=st.text(max_size=20), ttl=st.integers(0, 255) | st.none()
    ),
    st.builds(DescribedPlace, st.text(max_size=30), st.integers(0, 65_535)),
)
def test_any_answer_gives_a_group_or_a_protocol_error(granted, described):
    try:
        group = camera_group(granted, described)
    except RemoteProtocolError:
        return
    assert group.host.split(".")[0] in map(str, range(224, 240))
