"""Cameras that `onb cameras add` and the API keep in config.db, beside those of the file.

Their definitions are [[camera]] tables as JSON, sealed as a whole, as addresses hold log-ins.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from bridge.base.errors import BridgeError
from bridge.base.time import UtcNs
from bridge.store.database import Database
from bridge.system import schema
from bridge.system.config import CameraConfig
from bridge.system.config_load import FaultyConfigurationError, read_camera
from bridge.system.secrets import SecretsError, Vault


class CamerasError(BridgeError):
    """What was asked cannot be done: one sentence for people."""


@dataclass(frozen=True, slots=True)
class AllCameras:
    """cameras: the file's first; problems: database cameras left out, and why, one line each."""

    cameras: tuple[CameraConfig, ...]
    problems: tuple[str, ...]


class StoredCameras:
    """The database's cameras. All calls block for the database."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def with_file(self, of_file: Iterable[CameraConfig]) -> AllCameras:
        """The file's cameras and the database's; an id in both is the file's. Raises DatabaseUnusableError."""
        cameras = {camera.id: camera for camera in of_file}
        problems = []
        query = sa.select(schema.cameras).order_by(schema.cameras.c.position)
        for row in self._database.read(lambda connection: tuple(connection.execute(query))):
            if row.id in cameras:
                problems.append(f"camera {row.id} of the database is hidden by the file's camera of that id")
                continue
            try:
                cameras[row.id] = read_camera(json.loads(self._vault.open(row.definition)), environ={})
            except (SecretsError, FaultyConfigurationError, ValueError) as error:
                problems.append(f"camera {row.id} of the database is left out: {error}")
        return AllCameras(tuple(cameras.values()), tuple(problems))

    def add(self, table: Mapping[str, object], of_file: Iterable[CameraConfig], utc_ns: UtcNs) -> CameraConfig:
        """Keeps a [[camera]] table. Raises FaultyConfigurationError, CamerasError, DatabaseUnusableError."""
        camera = read_camera(table, environ={})
        _check_not_of_file(camera.id, of_file)
        row = {"id": camera.id, "definition": self._vault.seal(json.dumps(table)), "created_utc_ns": utc_ns}
        try:
            self._database.write(lambda connection: connection.execute(sa.insert(schema.cameras), row).close())
        except sa.exc.IntegrityError:
            raise CamerasError(f"a camera {camera.id} is there already") from None
        return camera

    def table(self, camera_id: str) -> dict[str, object] | None:
        """The [[camera]] table of one, its log-ins included; None: there is none of that id. Raises SecretsError."""
        query = sa.select(schema.cameras.c.definition).where(schema.cameras.c.id == camera_id)
        sealed = self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if sealed is None:
            return None
        table: dict[str, object] = json.loads(self._vault.open(sealed))
        return table

    def change(self, table: Mapping[str, object], of_file: Iterable[CameraConfig]) -> CameraConfig:
        """Puts it in the place of the one of its id. Raises as `add` does."""
        camera = read_camera(table, environ={})
        _check_not_of_file(camera.id, of_file)
        statement = (
            sa.update(schema.cameras)
            .where(schema.cameras.c.id == camera.id)
            .values(definition=self._vault.seal(json.dumps(table)))
        )
        if self._database.write(lambda connection: connection.execute(statement).rowcount) == 0:
            raise CamerasError(f"there is no camera {camera.id}")
        return camera

    def remove(self, camera_id: str, of_file: Iterable[CameraConfig]) -> None:
        """Takes a camera out. Its recordings stay. Raises CamerasError, DatabaseUnusableError."""
        _check_not_of_file(camera_id, of_file)
        statement = sa.delete(schema.cameras).where(schema.cameras.c.id == camera_id)
        if self._database.write(lambda connection: connection.execute(statement).rowcount) == 0:
            raise CamerasError(f"there is no camera {camera_id}")


def _check_not_of_file(camera_id: str, of_file: Iterable[CameraConfig]) -> None:
    if any(camera_id == one.id for one in of_file):
        raise CamerasError(f"camera {camera_id} stands in the configuration file: change it there")
