"""[clients] with clients that need it: FFmpeg beside SHA-256, RTSP without credentials after an ONVIF log-in."""

from collections.abc import Iterator

import av
import pytest

from tests.interop.conftest import Service, running, write_config
from tests.interop.test_devices import PASSWORD, body, told

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def service(demo: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("presets")
    settings = '[clients]\npreset = "unifi-protect"\ndigest = ["sha-256", "md5"]\n'
    config = write_config(folder, settings + body({"entrance": demo.rtsp_url("/live/entrance/sub")}, {}))
    with running(["serve", "--config", str(config)], folder) as started:
        started.wait_until_up()
        yield started


def width(url: str) -> int:
    with av.open(url, options={"rtsp_transport": "tcp", "analyzeduration": "500000"}, timeout=20) as container:
        return next(container.decode(video=0)).width


def test_ffmpeg_logs_in_where_sha_256_is_offered_before_md5(service: Service) -> None:
    assert width(service.rtsp_url("/live/entrance", user="chief", password=PASSWORD.replace(" ", "%20")))


def test_who_logged_in_by_onvif_needs_no_credentials_for_his_video(service: Service) -> None:
    url = f"{service.ready['rtsp']}/live/entrance"
    with pytest.raises(av.HTTPUnauthorizedError):
        width(url)
    found = told(int(service.ready["onvif"].split(":")[2].split("/")[0]))
    assert found["profiles"][0]["stream"] == url
    assert width(url)
