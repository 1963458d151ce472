"""Which simulated cameras there are: what each shows and how it is encoded."""

import json
from dataclasses import asdict, dataclass, replace

from bridge.base.media import Codec

SILENCE_S = 6


@dataclass(frozen=True, slots=True)
class Scene:
    """One simulated camera. The sub stream has half the size and half the frame rate of the main one, and is H.264.

    hue:         0 to 255; tells the cameras apart at a glance
    loudspeaker: whether it can be talked to
    silent_at_s: so long after its start it sends nothing for SILENCE_S, once: its recording has a gap; 0: never
    """

    name: str
    hue: int
    width: int = 1280
    height: int = 720
    frame_rate: int = 20
    gop: int = 40
    bitrate_bps: int = 1_500_000
    codec: Codec = Codec.H264
    audio: Codec | None = None
    silent_at_s: int = 0
    loudspeaker: bool = False

    @property
    def camera_id(self) -> str:
        """As it stands in URLs."""
        return self.name.lower().replace(" ", "-")

    @property
    def small(self) -> "Scene":
        """The same with half the width and height: a quarter of the work."""
        return replace(self, width=self.width // 2, height=self.height // 2, bitrate_bps=self.bitrate_bps // 2)

    def to_json(self) -> str:
        """As the worker's argument."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Scene":
        """Back again."""
        fields = json.loads(text)
        fields["codec"] = Codec(fields["codec"])
        fields["audio"] = Codec(fields["audio"]) if fields["audio"] else None
        return Scene(**fields)


SCENES: tuple[Scene, ...] = (
    Scene("Entrance", 90, audio=Codec.AAC, loudspeaker=True),
    Scene("Car park", 200, width=960, height=540, frame_rate=16, gop=32, codec=Codec.H265),
    Scene("Workshop", 30, audio=Codec.PCMA),
    Scene("Harbour", 160, silent_at_s=20),
)


def scenes(count: int, *, gap: bool = True, small: bool = False) -> list[Scene]:
    """`count` cameras: SCENES in turn, numbered from the second round on. gap False: none is ever silent."""
    chosen = [scene if gap else replace(scene, silent_at_s=0) for scene in map(_scene, range(count))]
    return [scene.small for scene in chosen] if small else chosen


def _scene(number: int) -> Scene:
    again, scene = number // len(SCENES), SCENES[number % len(SCENES)]
    if not again:
        return scene
    return replace(scene, name=f"{scene.name} {again + 1}", hue=(scene.hue + 25 * again) % 256, silent_at_s=0)
