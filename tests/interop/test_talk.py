"""Foreign clients talk through our door to a camera, and we to a foreign camera: what is said arrives bit for bit."""

import json
import re
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.interop.conftest import eventually, free_ports, running
from tests.interop.rtsp_viewer import RtspViewer
from tests.interop.test_ingest_gstreamer import SYSTEM_PYTHON, missing

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

HERE = Path(__file__).parent
PACKETS = 60
TAG = "www.onvif.org/ver20/backchannel"


@pytest.fixture(scope="module")
def gstreamer():
    if reason := missing(("rtspsrc", "fakesink", "x264enc", "mulawdec", "rtppcmudepay")):
        pytest.skip(reason)


def gst_talk(url, ready, protocol):
    command = [SYSTEM_PYTHON, str(HERE / "gst_talk.py"), url, ready["user"], ready["password"], protocol, str(PACKETS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sound(count):
    return b"".join(bytes([number % 256]) * 160 for number in range(count))


def numbers(service):
    return {
        name: float(value)
        for name, value in re.findall(r'^(onb_talk_\w+){camera="entrance"} (\S+)$', service.metrics(), re.MULTILINE)
    }


def test_gstreamer_talks_to_the_entrance(gstreamer, tmp_path):
    names = ("onvif", "rtsp", "http")
    ports = ",".join(f"{name}={port}" for name, port in zip(names, free_ports(len(names)), strict=True))
    arguments = ["demo", "--data", str(tmp_path / "data"), "--ports", f"{ports},rtsps=0,https=0", "--bind", "127.0.0.1"]
    with running([*arguments, "--no-gap", "--small", "--cameras", "1"], tmp_path, data=tmp_path / "data") as service:
        service.wait_until_up()
        url = f"{service.ready['rtsp']}/live/entrance"
        eventually(lambda: numbers(service).get("onb_talk_up"), what="a loudspeaker")
        for protocol in ("tcp", "udp"):
            seen = gst_talk(url, service.ready, protocol)
            assert [way[1:] for way in seen["ways"]] == [["PCMU", 0]], seen
            assert (seen["pushed"], set(seen["flows"]), seen["error"]) == (PACKETS, {0}, "")
            assert seen["pictures"] > 10
        assert eventually(lambda: numbers(service)["onb_talk_packets_total"] == 2 * PACKETS, what="the talk")
        with RtspViewer(url, service.ready["user"], service.ready["password"]) as first:
            assert first.media() == ["video", "audio"]
            reply = first.request("DESCRIBE", url + "/", Require=TAG)
            assert reply.body.count("a=sendonly") == 1
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(15)
        log = service.log.read_text()
    assert f"played_crc32={zlib.crc32(2 * sound(PACKETS))}" in re.sub(r"\x1b\[[\d;]*m", "", log), log[-3000:]
    assert "Traceback" not in log


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_we_talk_to_gstreamers_onvif_server(gstreamer, transport):
    with subprocess.Popen(
        [SYSTEM_PYTHON, str(HERE / "gst_talk_camera.py")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as camera:
        try:
            port = json.loads(camera.stdout.readline())["port"]
            url = f"rtsp://127.0.0.1:{port}/door"
            done = subprocess.run(
                [sys.executable, str(HERE / "talk.py"), url, transport, str(PACKETS)],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                cwd=HERE.parent.parent,
            )
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout) == {"pushed": PACKETS, "faults": []}
            played = b""
            while len(played) < PACKETS * 160 and (line := camera.stdout.readline()):
                played += bytes.fromhex(json.loads(line)["played"])
            assert played == sound(PACKETS)
        finally:
            camera.terminate()
