"""`/api/v1/cameras`: which cameras somebody may see live or play back, how they are, and what he may do with them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel

from bridge.base.time import NS_PER_S
from bridge.base.tokens import is_camera_id
from bridge.services.web.problems import not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.system.access import Action, Gatekeeper, Principal, Role
from bridge.system.camera_trust import TrustedCertificate
from bridge.system.catalogue import Camera, Catalogue
from bridge.system.config import CameraConfig
from bridge.system.control import describe_camera
from bridge.wire.mp4.codecs import media_type

CAMERAS = "/api/v1/cameras"
CAMERA = "/api/v1/cameras/{id}"


class StreamShown(BaseModel):
    """One encoding of a camera; null: not known (yet).

    mime:  to ask a browser with, `video/mp4; codecs="avc1.640028,mp4a.40.2"`; null: no browser plays it in MP4
    tracks: codecs of all tracks
    url, transport: for administrators alone; the address without its log-in
    """

    name: str
    codec: str | None
    width: int | None
    height: int | None
    fps: float | None
    bitrate: int | None
    mime: str | None
    tracks: list[str]
    recording: str | None
    recording_reason: str | None
    url: str | None = None
    transport: str | None = None


class CertificateShown(BaseModel):
    """A certificate that a camera over rtsps:// is trusted with. offered: what it shows instead."""

    address: str
    sha256: str
    offered: str | None


class SettingsShown(BaseModel):
    """How it is recorded and pulled, as the configuration writes it; null: no limit."""

    driver: str
    record: str
    storage: str
    retention: str | None
    retention_bytes: int | None
    device_port: int


class CameraShown(BaseModel):
    """A camera. settings, certificates: for administrators alone."""

    id: str
    name: str
    state: str
    reason: str
    streams: list[StreamShown]
    may: list[Action]
    source: Literal["file", "database"]
    settings: SettingsShown | None = None
    certificates: list[CertificateShown] | None = None


class CameraPages:
    """Shows cameras."""

    def __init__(
        self,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        recordings: Callable[[], Mapping[tuple[str, str], tuple[str, str]]],
        trusted: Callable[[], Mapping[str, Sequence[TrustedCertificate]]],
        configured: Callable[[], Mapping[str, CameraConfig]],
        of_file: Callable[[], frozenset[str]],
    ) -> None:
        """
        recordings: by camera and stream, state and reason of its recording
        trusted:    by camera, its certificates
        configured: every camera, by id
        of_file:    ids of those that stand in the configuration file
        """
        self._catalogue, self._gatekeeper = catalogue, gatekeeper
        self._recordings, self._trusted = recordings, trusted
        self.configured, self._of_file = configured, of_file

    def all(self, asked: Asked) -> list[CameraShown]:
        """GET."""
        principal = asked.principal
        cameras = [one for one in self._catalogue.cameras() if self._may_see(principal, one.id)]
        return self._show(principal, cameras)

    def one(self, asked: Asked) -> CameraShown:
        """GET of one."""
        return self.show(asked.principal, asked.place["id"])

    def show(self, principal: Principal, camera_id: str) -> CameraShown:
        """As that user sees it. Raises ProblemError."""
        camera = self._catalogue.camera(camera_id) if is_camera_id(camera_id) else None
        if camera is None or not self._may_see(principal, camera_id):
            raise not_found()
        return self._show(principal, [camera])[0]

    def _may_see(self, principal: Principal, camera_id: str) -> bool:
        return any(self._gatekeeper.may(principal, action, camera_id) for action in (Action.LIVE, Action.PLAYBACK))

    def _show(self, principal: Principal, cameras: Sequence[Camera]) -> list[CameraShown]:
        administers = principal.role is Role.ADMINISTRATOR
        recordings, of_file = self._recordings(), self._of_file()
        trusted = self._trusted() if administers else {}
        configured = self.configured() if administers else {}
        return [
            self._shown(principal, camera, recordings, of_file, trusted, configured.get(camera.id))
            for camera in cameras
        ]

    def _shown(
        self,
        principal: Principal,
        camera: Camera,
        recordings: Mapping[tuple[str, str], tuple[str, str]],
        of_file: frozenset[str],
        trusted: Mapping[str, Sequence[TrustedCertificate]],
        config: CameraConfig | None,
    ) -> CameraShown:
        told = describe_camera(camera, recordings)
        addresses = {one.name: one for one in config.streams} if config else {}
        streams = [
            StreamShown(
                **described,
                mime=media_type(stream.hub.tracks),
                tracks=[track.codec.value for track in stream.hub.tracks],
                url=str(addresses[stream.name].url) if stream.name in addresses else None,
                transport=addresses[stream.name].transport if stream.name in addresses else None,
            )
            for stream, described in zip(camera.streams, told["streams"], strict=True)
        ]
        return CameraShown(
            id=camera.id,
            name=camera.name,
            state=camera.state.value,
            reason=camera.reason,
            streams=streams,
            may=[action for action in Action if self._gatekeeper.may(principal, action, camera.id)],
            source="file" if camera.id in of_file else "database",
            settings=_settings(config) if config else None,
            certificates=[
                CertificateShown(address=one.address, sha256=one.sha256, offered=one.offered)
                for one in trusted.get(camera.id, ())
            ]
            if config
            else None,
        )


def camera_routes(pages: CameraPages) -> list[Route]:
    """Reading; what administrators change is in camera_changes.py."""
    return [
        Route("GET", CAMERAS, pages.all, Who.USER, "Cameras that you may see or play back", answer=list[CameraShown]),
        Route("GET", CAMERA, pages.one, Who.USER, "One camera", answer=CameraShown),
    ]


def _settings(config: CameraConfig) -> SettingsShown:
    kept_ns = config.retention_ns
    return SettingsShown(
        driver=config.driver,
        record=config.record,
        storage=config.storage,
        retention=None if kept_ns is None else in_words(kept_ns),
        retention_bytes=config.retention_bytes,
        device_port=config.device_port,
    )


def in_words(length_ns: int) -> str:
    """A duration as the configuration writes it: `7d`."""
    seconds = length_ns // NS_PER_S
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
