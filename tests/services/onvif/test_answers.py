"""Parts that both media services share."""

from dataclasses import replace

import pytest

from bridge.base.media import Medium
from bridge.services.onvif.answers import (
    MAX_URI,
    NO_MULTICAST,
    bounds_range,
    int_range,
    multicast_configuration,
    multicast_url,
    replay_url,
    snapshot_url,
    stream_url,
)
from bridge.wire.soap.faults import SoapFault
from tests.services.onvif.bridge_setting import ADMIN, Bridge, call


def profile():
    return Bridge().profiles.profile(ADMIN, "gate.sub")


def test_urls():
    assert stream_url(call(), profile()) == "rtsp://192.0.2.5:554/live/gate/sub"
    assert snapshot_url(call(), profile()) == "http://192.0.2.5:580/snapshot/gate.jpg"
    assert stream_url(call(host="[2001:db8::1]"), profile()) == "rtsp://[2001:db8::1]:554/live/gate/sub"


def test_urls_over_tls():
    over_tls = replace(call(), scheme="https", port=443, rtsps_port=322)
    assert stream_url(over_tls, profile()) == "rtsps://192.0.2.5:322/live/gate/sub"
    assert stream_url(over_tls, profile(), udp=True) == "rtsp://192.0.2.5:554/live/gate/sub"
    assert snapshot_url(over_tls, profile()) == "https://192.0.2.5:443/snapshot/gate.jpg"
    assert replay_url(over_tls, "rec-gate.main") == "rtsps://192.0.2.5:322/recordings/rec-gate.main"


def test_no_address_for_a_door_that_is_closed():
    for closed in (replace(call(), rtsp_port=0), replace(call(), rtsp_port=0, rtsps_port=322)):
        with pytest.raises(SoapFault, match="UDP is not served"):
            stream_url(closed, profile(), udp=True)


def test_a_long_host_gives_way_to_the_address():
    for local, expected in (
        ("192.0.2.9", "192.0.2.9"),
        ("2001:db8::9", "[2001:db8::9]"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
    ):
        url = stream_url(call(host="h" * 120, local=local), profile())
        assert url == f"rtsp://{expected}:554/live/gate/sub"
        assert len(url) <= MAX_URI


def test_multicast():
    bridge = Bridge(multicast="239.1.2.0/24")
    group = bridge.groups.of("gate", "sub")
    seen = bridge.profiles.profile(ADMIN, "gate.sub")
    told = {
        "Address": {"Type": "IPv4", "IPv4Address": group.host},
        "Port": group.first_port,
        "TTL": 4,
        "AutoStart": False,
    }
    assert multicast_configuration(seen, Medium.VIDEO) == told
    assert multicast_configuration(seen, Medium.AUDIO) == told | {"Port": group.first_port + 2}
    assert multicast_url(call(), seen) == "rtsp://192.0.2.5:554/live/gate/sub/multicast"


def test_no_multicast():
    assert multicast_configuration(profile(), Medium.VIDEO) == NO_MULTICAST
    with pytest.raises(SoapFault, match="InvalidMulticastSettings"):
        multicast_url(call(), profile())


def test_ranges():
    assert int_range([5, 3, 9]) == {"Min": 3, "Max": 9}
    assert bounds_range([profile().source])["WidthRange"] == {"Min": 1920, "Max": 1920}
