"""A camera's link is cut, refused and damaged: its viewers stay, and lose no packet number when it is back."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests
from requests.auth import HTTPDigestAuth

from tests.interop.conftest import Service, eventually, running, write_config
from tests.interop.rtsp_viewer import RtspViewer

pytestmark = pytest.mark.interop

PASSWORD = "faulty-link"


class Link:
    """Passes TCP connections on to `to`, as long as it is whole."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.refuses = False
        self.damages = False
        self._to = to
        self._ends: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.refuses = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self.refuses:
                    near.close()
                else:
                    thread = threading.Thread(target=self._carry, args=(near,), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._to) as far:
            self._ends += [near, far]
            up = threading.Thread(target=self._pump, args=(near, far), daemon=True)
            up.start()
            self._pump(far, near, media=True)
            up.join(10)

    def _pump(self, source: socket.socket, sink: socket.socket, *, media: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if media and self.damages and data.startswith(b"$"):
                    data = b"\x00" + data[1:]  # so that nothing after it can be told apart
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass
class Setting:
    link: Link
    service: Service

    @property
    def camera(self) -> dict[str, str]:
        return self.service.cameras()["gate"]

    def watch(self) -> RtspViewer:
        return RtspViewer(f"{self.service.ready['rtsp']}/live/gate", "chief", PASSWORD)

    def snapshot(self) -> int:
        uri = self.service.ready["onvif"].replace("/onvif/device_service", "/snapshot/gate.jpg")
        return requests.get(uri, auth=HTTPDigestAuth("chief", PASSWORD), timeout=20).status_code


@pytest.fixture
def setting(demo: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    parts = urlsplit(demo.ready["rtsp"])
    link = Link((str(parts.hostname), parts.port or 554))
    folder = tmp_path_factory.mktemp("faults")
    url = re.sub(r":\d+/live", f":{link.port}/live", demo.rtsp_url("/live/entrance"))
    config = write_config(
        folder,
        f'[[user]]\nname = "chief"\npassword = "{PASSWORD}"\n[[camera]]\nid = "gate"\nurl = "{url}"\n',
    )
    try:
        with running(["serve", "--config", str(config)], folder) as service:
            service.wait_until_up()
            yield Setting(link, service)
    finally:
        link.close()


def test_viewers_outlive_their_cameras_faults(setting: Setting) -> None:
    link = setting.link
    with setting.watch().play() as viewer:
        eventually(lambda: viewer.packets > 50, what="media")
        assert eventually(lambda: setting.snapshot() == 200, what="a snapshot")

        link.refuses = True
        link.cut()
        eventually(lambda: setting.camera["state"] == "down", what="the camera down")
        assert setting.camera["reason"].startswith("closed")
        # An old picture does not pass for a present one; what the stream is like is known all the same.
        assert setting.snapshot() == 503
        with setting.watch() as late:
            assert late.media() == ["video", "audio"]
        seen = viewer.packets
        link.refuses = False
        eventually(lambda: viewer.packets > seen + 50, what="media after the cut")

        begin = len(setting.service.log.read_text())
        link.damages = True
        eventually(lambda: "camera down" in setting.service.log.read_text()[begin:], what="the damage noticed")
        link.damages = False
        seen = viewer.packets
        eventually(lambda: viewer.packets > seen + 50, what="media after the damage")
        assert setting.camera["state"] == "up"

        assert viewer.gaps == 0
        assert all(len(tally.ssrcs) == 1 for tally in viewer.tallies.values())
        assert not viewer.closed.is_set()
    assert "Traceback" not in setting.service.log.read_text()
