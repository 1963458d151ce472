"""Multicast on the loopback interface: FFmpeg, GStreamer and our own ingest share one sending."""

import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.interop.conftest import Service, eventually, needs, running, write_config
from tests.interop.rtsp_viewer import RtspViewer

pytestmark = pytest.mark.interop

PLAYED_WITHIN_S = 30
HERE = "127.0.0.1"
USER = "[[user]]\nname = 'eva'\npassword = 'apple'\n"


def numbers(service: Service) -> dict[str, float]:
    page = service.metrics()
    names = ("onb_rtsp_sessions", "onb_rtsp_multicast_viewers", "onb_rtsp_multicast_tracks")
    return {name: float(re.search(rf"^{name} (\S+)$", page, re.MULTILINE)[1]) for name in names}  # type: ignore[index]


@pytest.fixture(scope="module")
def bridge(demo: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A bridge that takes a camera of the demo and sends it by multicast."""
    folder = tmp_path_factory.mktemp("multicast")
    source = demo.rtsp_url("/live/entrance")
    path = write_config(folder, "")
    path.write_text(
        f"{path.read_text()}\n[multicast]\nenabled = true\ndscp = 34\n{USER}"
        f"[[camera]]\nid = 'door'\nurl = '{source}'\nrecord = 'never'\n"
    )
    with running(["serve", "--config", str(path)], folder) as service:
        service.wait_until_up("door")
        yield service


def url(service: Service, path: str) -> str:
    return service.rtsp_url(path, user="eva", password="apple")


@pytest.fixture(scope="module")
def joined(bridge: Service) -> Iterator[str]:
    """The group of the camera, joined on the loopback interface.

    FFmpeg joins where the default route goes and cannot be told otherwise. Its sockets hear what any socket of the
    host has joined (ip(7), IP_MULTICAST_ALL), so this one joins for it: that needs no right, no route and no network.
    """
    with RtspViewer(f"{bridge.ready['rtsp']}/live/door/main/multicast", "eva", "apple") as viewer:
        described = viewer.request("DESCRIBE", viewer.url).body
    (group,) = set(re.findall(r"^c=IN IP4 (239[\d.]+)/1\r?$", described, re.MULTILINE))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:
        request = socket.inet_aton(group) + socket.inet_aton(HERE)
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        try:
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4))
        except OSError as error:
            pytest.skip(f"FFmpeg cannot join where no route goes: {error}")
        yield group


def ffmpeg(service: Service, path: str = "/live/door") -> av.container.InputContainer:
    options = {"rtsp_transport": "udp_multicast", "timeout": "10000000"}
    return av.open(url(service, path), options=options, timeout=20)


def gstreamer(service: Service) -> "subprocess.Popen[bytes]":
    pipeline = (
        f"rtspsrc location={service.ready['rtsp']}/live/door user-id=eva user-pw=apple protocols=udp-mcast "
        "multicast-iface=lo latency=200 name=source source. ! application/x-rtp,media=video ! decodebin ! "
        "videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1 sync=false"
    )
    command = [needs("gst-launch-1.0"), "-q", *pipeline.split()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize("path", ["/live/door", "/live/door/main/multicast"])
def test_ffmpeg(bridge: Service, path: str) -> None:
    with ffmpeg(bridge, path) as container:
        assert len(container.streams.audio) == 1
        frames = [frame for _, frame in zip(range(20), container.decode(video=0), strict=False)]
        assert len(frames) == 20
        assert numbers(bridge)["onb_rtsp_multicast_tracks"] == 2


@pytest.mark.usefixtures("joined")
def test_three_readers_and_one_sending(bridge: Service) -> None:
    """FFmpeg twice and GStreamer, each with the pictures; when they have gone, nothing is sent."""
    eventually(lambda: not any(numbers(bridge).values()), what="nobody there")
    with ffmpeg(bridge) as first, ffmpeg(bridge) as second:
        player = gstreamer(bridge)
        watch = threading.Timer(PLAYED_WITHIN_S, player.kill)  # a player that shows nothing must not hold the tests up
        watch.start()
        assert player.stdout is not None
        shown = len(player.stdout.read(2_000_000))
        now = numbers(bridge)
        for container in (first, second):
            assert len([frame for _, frame in zip(range(10), container.decode(video=0), strict=False)]) == 10
        watch.cancel()
        player.send_signal(signal.SIGINT)  # it takes leave
        _, errors = player.communicate()
    assert shown == 2_000_000, errors.decode()
    assert now["onb_rtsp_multicast_viewers"] == 3
    assert now["onb_rtsp_multicast_tracks"] == 2
    eventually(lambda: not any(numbers(bridge).values()), what="everybody gone")


def test_our_own_camera(bridge: Service, tmp_path: Path) -> None:
    """A second bridge joins the group of the first: with its sound, and nothing is lost or foreign."""
    eventually(lambda: not any(numbers(bridge).values()), what="nobody there")
    path = write_config(
        tmp_path,
        f"[[camera]]\nid = 'copy'\nrecord = 'never'\n[[camera.stream]]\nurl = '{url(bridge, '/live/door')}'\n"
        "transport = 'multicast'\n",
    )
    with running(["serve", "--config", str(path)], tmp_path) as second:
        second.wait_until_up("copy")
        assert numbers(bridge)["onb_rtsp_multicast_tracks"] == 2
        packets = ingested(second)["onb_ingest_packets_total"]
        eventually(lambda: ingested(second)["onb_ingest_packets_total"] > packets + 100, what="packets")
        assert ingested(second) | {"onb_ingest_packets_total": 0} == dict.fromkeys(COUNTED, 0)
        assert "onb_ingest_faults" not in second.metrics()
    # It took leave.
    eventually(lambda: not any(numbers(bridge).values()), what="everybody gone", within_s=20)


COUNTED = ("onb_ingest_packets_total", "onb_ingest_foreign_packets_total", "onb_ingest_reconnects_total")


def ingested(service: Service) -> dict[str, float]:
    page = service.metrics()
    labels = re.escape('{camera="copy",stream="main"}')
    return {name: float(re.search(rf"^{name}{labels} (\S+)$", page, re.MULTILINE)[1]) for name in COUNTED}  # type: ignore[index]
