"""Still pictures: found, not found, not yet."""

import pytest

from bridge.base.errors import BridgeError
from bridge.services.onvif.snapshot import SnapshotPage
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Catalogue
from tests.services.onvif.bridge_setting import ADMIN, GATE_ONLY, NOBODY, YARD_ONLY, call, fixture_cameras, run


def get(path, principal=ADMIN, picture=b"\xff\xd8jpeg"):
    async def still(camera_id):
        assert camera_id == "gate"
        if isinstance(picture, Exception):
            raise picture
        return picture

    catalogue = Catalogue()
    catalogue.replace(fixture_cameras())
    return run(SnapshotPage(catalogue, Gatekeeper(), still).answer(call(principal), path))


@pytest.mark.parametrize("principal", [ADMIN, GATE_ONLY])
def test_picture(principal):
    reply = get("/snapshot/gate.jpg", principal)
    assert (reply.status, reply.body, reply.content_type) == (200, b"\xff\xd8jpeg", "image/jpeg")
    assert ("Cache-Control", "no-store") in reply.headers


@pytest.mark.parametrize("principal", [YARD_ONLY, NOBODY, None])
def test_no_right_looks_like_no_camera(principal):
    assert get("/snapshot/gate.jpg", principal) == get("/snapshot/nothing.jpg")
    assert get("/snapshot/gate.jpg", principal).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/snapshot/",
        "/snapshot/.jpg",
        "/snapshot/gate",
        "/snapshot/gate.png",
        "/snapshot/../gate.jpg",
        "/snapshot/Gate.jpg",
    ],
)
def test_other_paths(path):
    assert get(path).status == 404


@pytest.mark.parametrize("picture", [None, BridgeError("decoder died")])
def test_not_yet(picture):
    reply = get("/snapshot/gate.jpg", picture=picture)
    assert reply.status == 503
    assert "Retry-After" in dict(reply.headers)
