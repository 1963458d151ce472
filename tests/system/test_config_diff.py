from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridge.system.config import Config
from bridge.system.config_diff import CameraChange, ConfigDiff, diff
from bridge.system.config_load import read


def config(**tables: object) -> Config:
    return read(tables, base=Path("/x"), environ={})


def camera(id_: str, *hosts: str, **keys: object) -> dict[str, object]:
    return {"id": id_, "stream": [{"url": f"rtsp://u:p@{host}/"} for host in hosts or ("h",)], **keys}


def test_nothing():
    assert not diff(config(camera=[camera("a")]), config(camera=[camera("a")]))
    assert not diff(config(), config(ports={"rtsp": 554}))


def test_cameras():
    old = config(camera=[camera("a"), camera("b", "h1", "h2"), camera("c"), camera("d")])
    new = config(camera=[camera("b", "h1", "h3", "h4", name="B"), camera("a"), camera("c"), camera("e")])
    found = diff(old, new)
    assert [one.id for one in found.cameras_added] == ["e"]
    assert found.cameras_removed == ("d",)
    assert found.cameras_changed == (CameraChange("b", ("sub2",), (), ("sub",), ("name",), False),)
    assert found.cameras_reordered
    assert not found.doors_changed


def test_a_new_password_in_an_address_is_a_change():
    old = config(camera=[{"id": "a", "url": "rtsp://u:p@h/"}])
    new = config(camera=[{"id": "a", "url": "rtsp://u:q@h/"}])
    assert diff(old, new).cameras_changed == (CameraChange("a", (), (), ("main",), (), False),)


def test_a_key_of_a_camera_changes_that_camera_alone():
    old = config(camera=[camera("a"), camera("b")])
    new = config(camera=[camera("a", talk=True), camera("b")])
    assert diff(old, new).cameras_changed == (CameraChange("a", (), (), (), ("talk",), False),)


def test_streams_in_another_order():
    one, two = {"name": "x", "url": "rtsp://h/1", "record": True}, {"name": "y", "url": "rtsp://h/2", "record": True}
    old, new = config(camera=[{"id": "a", "stream": [one, two]}]), config(camera=[{"id": "a", "stream": [two, one]}])
    assert diff(old, new).cameras_changed == (CameraChange("a", (), (), (), (), True),)


def test_users():
    old = config(user=[{"name": "a", "password": "1"}, {"name": "b", "password": "1"}, {"name": "c", "password": "1"}])
    new = config(user=[{"name": "a", "password": "1"}, {"name": "b", "password": "2"}, {"name": "d", "password": "1"}])
    found = diff(old, new)
    assert (found.users_added, found.users_removed, found.users_changed) == (("d",), ("c",), ("b",))


def test_doors_and_settings():
    found = diff(
        config(),
        config(ports={"rtsp": 8554}, bind_door={"onvif": ["::1"], "onvif_tls": ["::1"]}, discovery={"enabled": False}),
    )
    assert found.doors_changed == ("onvif", "rtsp", "discovery")  # onvif_tls is off: nothing to bind
    assert found.settings == ("discovery",)
    assert diff(config(), config(limits={"audit_rows": 5}, data="/y")) == ConfigDiff(
        settings=("limits",), needs_restart=("data",)
    )


CAMERAS = st.lists(
    st.builds(camera, st.sampled_from("abcdef"), st.sampled_from(["h1", "h2"]), name=st.sampled_from("XY")),
    max_size=6,
    unique_by=lambda one: one["id"],
)


@given(CAMERAS, CAMERAS)
def test_applying_the_difference_gives_the_new_cameras(before, after):
    old, new = config(camera=before), config(camera=after)
    found = diff(old, new)
    cameras = {one.id: one for one in old.cameras if one.id not in found.cameras_removed}
    wanted = {one.id: one for one in new.cameras}
    for change in found.cameras_changed:
        assert cameras[change.id] != wanted[change.id]
        cameras[change.id] = wanted[change.id]
    cameras |= {one.id: one for one in found.cameras_added}
    assert cameras == wanted
    assert bool(found) == (old != new)
    back = diff(new, old)
    assert {one.id for one in back.cameras_added} == set(found.cameras_removed)
    assert {one.id for one in back.cameras_changed} == {one.id for one in found.cameras_changed}
