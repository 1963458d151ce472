"""Which simulated cameras there are."""

from bridge.base.media import Codec
from bridge.base.tokens import is_camera_id
from bridge.sim.scenes import Scene, scenes


def test_more_cameras_than_scenes_are_numbered() -> None:
    names = [scene.name for scene in scenes(6)]
    assert names == ["Entrance", "Car park", "Workshop", "Harbour", "Entrance 2", "Car park 2"]
    assert len({scene.hue for scene in scenes(8)}) == 8
    assert all(is_camera_id(scene.camera_id) for scene in scenes(9))


def test_a_scene_travels_as_json() -> None:
    scene = Scene("A b", 3, codec=Codec.H265, audio=Codec.PCMA)
    assert Scene.from_json(scene.to_json()) == scene


def test_one_camera_is_silent_for_a_while_unless_told() -> None:
    assert [scene.name for scene in scenes(8) if scene.silent_at_s] == ["Harbour"]
    assert not any(scene.silent_at_s for scene in scenes(8, gap=False))


def test_small_ones_have_a_quarter_of_the_pixels():
    for scene, small in zip(scenes(6), scenes(6, small=True), strict=True):
        assert (2 * small.width, 2 * small.height) == (scene.width, scene.height)
        assert (small.camera_id, small.frame_rate, small.codec) == (scene.camera_id, scene.frame_rate, scene.codec)
