"""The catalogue of cameras."""

from bridge.base.time import ManualClock
from bridge.media.hub import Hub
from bridge.system.catalogue import Camera, Catalogue, LiveStream, StreamState


def camera(camera_id: str, *names: str) -> Camera:
    clock = ManualClock()
    return Camera(camera_id, camera_id, tuple(LiveStream(name, Hub(f"{camera_id}/{name}", clock)) for name in names))


def test_order_is_that_of_the_configuration() -> None:
    catalogue = Catalogue()
    catalogue.replace([camera("b"), camera("a")])
    assert [entry.id for entry in catalogue.cameras()] == ["b", "a"]


def test_the_first_stream_is_the_main_one() -> None:
    entry = camera("a", "main", "sub")
    assert entry.stream("") is entry.streams[0]
    assert entry.stream("sub") is entry.streams[1]
    assert entry.stream("other") is None
    entry.streams[0].state, entry.streams[0].reason = StreamState.DOWN, "refused"
    assert (entry.state, entry.reason) == (StreamState.DOWN, "refused")


def test_a_camera_without_streams_is_down() -> None:
    assert camera("a").state is StreamState.DOWN
    assert camera("a").stream("") is None


def test_watchers_are_told() -> None:
    catalogue, told = Catalogue(), []
    catalogue.watch(lambda: told.append(len(catalogue.cameras())))
    catalogue.replace([camera("a")])
    catalogue.replace([])
    assert told == [1, 0]
    assert catalogue.camera("a") is None
