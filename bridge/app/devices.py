"""The virtual devices: a door and a face for each camera that is to be a device of its own.

Kept in step with the configuration. A door that cannot be opened costs its own device alone, and is tried again with
every change: the bridge and its recordings do not stop for a taken port.
"""

from collections.abc import Sequence
from typing import Any

import structlog

from bridge.app.doors import Door, DoorError, OpenDoor, open_door
from bridge.app.onvif import OnvifDoor
from bridge.system.config import CameraConfig, Config


class VirtualDevices:
    """`apply` makes the open doors what the configuration says."""

    def __init__(self, reactor: Any, onvif: OnvifDoor) -> None:
        self._reactor, self._onvif = reactor, onvif
        self._open: dict[str, OpenDoor] = {}
        self._log = structlog.get_logger()

    def __len__(self) -> int:
        return len(self._open)

    async def apply(self, config: Config, cameras: Sequence[CameraConfig]) -> None:
        """Closes the doors of devices that go or move, and opens those that come."""
        wanted = self._wanted(config, cameras)
        for camera_id in [one for one, opened in self._open.items() if wanted.get(one) != opened.door]:
            await self._open.pop(camera_id).close()
        self.open(config, cameras)

    def open(self, config: Config, cameras: Sequence[CameraConfig]) -> None:
        """Opens those that come; none goes (at the start)."""
        for camera_id, door in self._wanted(config, cameras).items():
            if camera_id in self._open:
                continue
            try:
                self._open[camera_id] = open_door(self._reactor, door)
            except DoorError as error:
                self._log.error("a virtual device cannot be reached", camera=camera_id, reason=str(error))
        self._onvif.show([camera for camera in cameras if camera.id in self._open])

    async def close(self) -> None:
        """No more connections."""
        for opened in self._open.values():
            await opened.close()
        self._open.clear()

    def _wanted(self, config: Config, cameras: Sequence[CameraConfig]) -> dict[str, Door]:
        return {camera.id: self._door(config, camera) for camera in cameras if camera.device_port}

    def _door(self, config: Config, camera: CameraConfig) -> Door:
        return Door(
            f"camera {camera.id}",
            camera.device_port,
            config.device_addresses(camera),
            self._onvif.factory,
            key="device_port",
        )
