"""`onb serve` as it ships, in a folder of its own, with the cameras that a measurement needs."""

import contextlib
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import measure, viewers

USER = "bench"
PASSWORD = "bench-password"  # of a service that lives for seconds on the loopback address


@dataclass(frozen=True, slots=True)
class Service:
    """One that runs."""

    pid: int
    rtsp: int
    http: int
    onvif: int
    rtsps: int
    https: int

    def live(self, camera: str, door: str = "") -> viewers.Target:
        """What a viewer of the camera asks for. door: scheme, host and port; RTSP over plain TCP if not said"""
        return viewers.Target(f"{door or f'rtsp://127.0.0.1:{self.rtsp}'}/live/{camera}", USER, PASSWORD)

    def recorded(self, recording: str, play: str) -> viewers.Target:
        """What a viewer of a recording asks for. play: the headers of his PLAY."""
        url = f"rtsp://127.0.0.1:{self.rtsp}/recordings/{recording}"
        return viewers.Target(url, USER, PASSWORD, play=f"Require: onvif-replay\r\n{play}")

    def metrics(self) -> dict[str, float]:
        """/metrics: the name without its prefix -> the value; of one with labels the sum."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=10) as answer:
            page = answer.read().decode()
        sums: dict[str, float] = {}
        for name, value in re.findall(r"(?m)^onb_(\w+)(?:\{.*\})? (\S+)$", page):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums


def configuration(
    folder: Path,
    cameras: Mapping[str, str],
    *,
    settings: str = "",
    of_camera: str = "",
    rtsps: bool = False,
    https: bool = False,
) -> Path:
    """Writes onb.toml: digest, rights, RTCP, accounting, logs and metrics are on, discovery is off.

    cameras: id -> URL; settings: more tables; of_camera: more lines for each camera
    """
    rtsp, onvif, http, secure, web = measure.free_ports(5)
    path = folder / "onb.toml"
    path.write_text(
        f'data = "{folder}/data"\nbind = ["127.0.0.1"]\n'
        f"[ports]\nonvif = {onvif}\nrtsp = {rtsp}\nrtsps = {secure if rtsps else 0}\nhttp = {http}\n"
        f"https = {web if https else 0}\n"
        f"[discovery]\nenabled = false\n{settings}\n"
        f'[[user]]\nname = "{USER}"\npassword = "{PASSWORD}"\n'
        + "".join(f'[[camera]]\nid = "{name}"\nurl = "{url}"\n{of_camera}\n' for name, url in cameras.items())
    )
    return path


@contextlib.contextmanager
def serve(path: Path, command: Sequence[str | Path] = (measure.python(), "-m", "bridge.cli")) -> Iterator[Service]:
    """Runs the service of that configuration until the block ends; it stops in order. command: what stands for `onb`"""
    doors = ("rtsp", "http", "onvif", "rtsps", "https")
    ports = [int(re.findall(rf"(?m)^{door} = (\d+)$", path.read_text())[0]) for door in doors]
    arguments = ("serve", "--config", path, "--log-level", "warning")
    with measure.process([*command, *arguments], ready="ready ") as (pid, _):
        yield Service(pid, *ports)
