"""`python -m tests.torture.neighbours [--kills 96]`: cameras die and come back, and who watches others must not notice.

Each camera is a process of its own, killed with SIGKILL in turn and started again a moment later; meanwhile viewers
watch two that live on. Then must hold:

- no viewer lost a packet, and no picture was left out: RTP times go on by a picture's time
- every camera that was killed was told to be down, and is up again in the end

Prints a line for each fault; exit code 1 when there was one.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.conftest import Service, free_ports, running
from tests.interop.rtsp_viewer import RtspViewer, Tally
from tests.torture.cameras import PASSWORD, RATE, USER

ROOT = Path(__file__).parents[2]
STEADY = 2
PICTURE_TICKS = 90_000 // RATE
LONGEST_S = 2
SETTLE_S = 3
WITHIN_S = 60


@dataclass
class Pictures(Tally):
    """longest: RTP ticks between two pictures, once the viewer has caught up."""

    rtp_time: int | None = None
    longest: int = 0
    since_s: float = field(default_factory=time.monotonic)

    def count(self, packet: bytes) -> None:
        super().count(packet)
        now = int.from_bytes(packet[4:8])
        if self.rtp_time is not None and time.monotonic() - self.since_s > SETTLE_S:
            self.longest = max(self.longest, (now - self.rtp_time) % 2**32)
        self.rtp_time = now


class Viewer(RtspViewer):
    tally = Pictures


class CameraProcess:
    """One camera at a port that stays."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """It can be asked when it has printed its port."""
        command = [sys.executable, "-m", "tests.torture.cameras", "1", str(self.port)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def kill(self) -> None:
        """At once."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextmanager
def bridge(folder: Path, cameras: Sequence[CameraProcess], doors: Sequence[int]) -> Iterator[Service]:
    """A service of them: `steady0`, `steady1`, then `cam0` and so on."""
    onvif, rtsp, http = doors
    lines = [
        f'data = "{folder}/data"',
        'bind = ["127.0.0.1"]',
        f"ports = {{ onvif = {onvif}, rtsp = {rtsp}, rtsps = 0, http = {http}, https = 0 }}",
        "discovery = { enabled = false }",
        f'[[user]]\nname = "{USER}"\npassword = "{PASSWORD}"',
    ]
    for number, camera in enumerate(cameras):
        name = f"steady{number}" if number < STEADY else f"cam{number - STEADY}"
        url = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{camera.port}/live/cam0/main"
        lines.append(f'[[camera]]\nid = "{name}"\nurl = "{url}"')
    config = folder / "onb.toml"
    config.write_text("\n".join(lines) + "\n")
    with running(["serve", "--config", str(config)], folder) as service:
        yield service


def run(folder: Path, *, cameras: int, viewers: int, kills: int, seed: int) -> list[str]:
    """What did not hold."""
    dice, faults, down = random.Random(seed), [], set()
    *ports, onvif, rtsp, http = free_ports(STEADY + cameras + 3)
    all_cameras = [CameraProcess(port) for port in ports]
    with ExitStack() as stack:
        for camera in all_cameras:
            camera.start()
            stack.callback(camera.kill)
        service = stack.enter_context(bridge(folder, all_cameras, (onvif, rtsp, http)))
        service.wait_until_up()
        watching = [
            stack.enter_context(Viewer(f"{service.ready['rtsp']}/live/steady{number % STEADY}", USER, PASSWORD).play())
            for number in range(viewers)
        ]
        time.sleep(SETTLE_S)
        begun, before = time.monotonic(), [viewer.tallies[0].packets for viewer in watching]
        dead: list[int] = []
        for number in range(kills):
            victim = number % cameras
            if victim not in dead:
                all_cameras[STEADY + victim].kill()
                dead.append(victim)
            time.sleep(dice.uniform(0, LONGEST_S))
            down |= {name for name, camera in service.cameras().items() if camera["state"] != "up"}
            if len(dead) > 1:
                all_cameras[STEADY + dead.pop(0)].start()
        for victim in dead:
            all_cameras[STEADY + victim].start()
        faults += _not_up_again(service)
        watched_s = time.monotonic() - begun
        for number, viewer in enumerate(watching):
            tally = viewer.tallies[0]
            assert isinstance(tally, Pictures)
            if viewer.closed.is_set():
                faults.append(f"viewer {number} was cut off")
            if viewer.gaps:
                faults.append(f"viewer {number} lost {viewer.gaps} packets")
            if tally.longest > PICTURE_TICKS:
                faults.append(f"viewer {number} missed {tally.longest // PICTURE_TICKS - 1} pictures on end")
            if tally.packets - before[number] < (watched_s - 1) * RATE:
                faults.append(f"viewer {number} got {tally.packets - before[number]} packets in {watched_s:.0f} s")
        killed = {f"cam{number % cameras}" for number in range(kills)}
        faults += [f"{name} was killed and never told to be down" for name in sorted(killed - down)]
        faults += [f"{name} was told to be down" for name in sorted(down - killed)]
    return faults


def _not_up_again(service: Service) -> list[str]:
    deadline = time.monotonic() + WITHIN_S
    while waiting := [name for name, camera in service.cameras().items() if camera["state"] != "up"]:
        if time.monotonic() > deadline:
            return [f"{name} is not up again" for name in waiting]
        time.sleep(0.2)
    return []


def main() -> int:
    """The long form."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=96)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onb-neighbours-") as folder:
        faults = run(Path(folder), cameras=24, viewers=50, kills=options.kills, seed=options.seed)
    print(*faults, f"{options.kills} cameras killed (seed {options.seed}), {len(faults)} faults", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
