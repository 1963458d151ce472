"""The still picture of a camera, `GET /snapshot/<camera>.jpg` (Media Service Specification, GetSnapshotUri).

The log-in is the SOAP door's HTTP Digest and comes before this. A camera that the principal may not see is not found.
"""

from collections.abc import Awaitable, Callable

import structlog

from bridge.base.errors import BridgeError
from bridge.base.tokens import is_camera_id
from bridge.net.http import Reply
from bridge.services.onvif.call import Call
from bridge.system.access import Action, Gatekeeper, Principal
from bridge.system.catalogue import Catalogue

PREFIX = "/snapshot/"
_SUFFIX = ".jpg"
_TEXT = "text/plain; charset=utf-8"

RETRY_AFTER_S = 2  # a key frame comes that often from most cameras

Still = Callable[[str], Awaitable[bytes | None]]
"""Camera id -> the JPEG of its latest key frame; None while there is none. BridgeError when it cannot be made."""


class SnapshotPage:
    """Answers for every path below PREFIX."""

    def __init__(self, catalogue: Catalogue, gatekeeper: Gatekeeper, still: Still) -> None:
        self._catalogue = catalogue
        self._gatekeeper = gatekeeper
        self._still = still
        self._log = structlog.get_logger()

    async def answer(self, call: Call, path: str) -> Reply:
        """A `PlainResource` of the server. path: of the request, without its query."""
        camera_id = path.removeprefix(PREFIX).removesuffix(_SUFFIX)
        if path != f"{PREFIX}{camera_id}{_SUFFIX}" or not is_camera_id(camera_id):
            return _NOT_FOUND
        if self._catalogue.camera(camera_id) is None or not self._may_see(call.principal, camera_id):
            return _NOT_FOUND
        try:
            jpeg = await self._still(camera_id)
        except BridgeError as error:
            self._log.warning("no snapshot", camera=camera_id, reason=str(error))
            jpeg = None
        if jpeg is None:
            return _NOT_YET
        return Reply(200, jpeg, "image/jpeg", (("Cache-Control", "no-store"),))

    def _may_see(self, principal: Principal | None, camera_id: str) -> bool:
        return principal is not None and self._gatekeeper.may(principal, Action.LIVE, camera_id)


_NOT_FOUND = Reply(404, b"not found\n", _TEXT)
_NOT_YET = Reply(503, b"no picture yet\n", _TEXT, (("Retry-After", str(RETRY_AFTER_S)),))
