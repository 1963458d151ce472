"""What a reload changes: two configurations in, one value out. `app` applies it.

Pure. Cameras are told apart down to the stream, as a stream that did not change must not be interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.system.config import DOORS, CameraConfig, Config, StreamConfig

_RESTART = ("data", "database")
_LIVE_TABLES = (
    "public",
    "discovery",
    "recording",
    "rtsp",
    "multicast",
    "tls",
    "security",
    "clients",
    "events",
    "limits",
    "export",
)


@dataclass(frozen=True, slots=True)
class CameraChange:
    """One camera that is in both configurations and differs.

    streams_*: names of streams; of changed ones the address, transport or recording changed
    keys:      other keys that changed, by their name in the file (`name`, `record`, `retention` …)
    reordered: the streams stand in another order: the first is the main stream and what is recorded
    """

    id: str
    streams_added: tuple[str, ...]
    streams_removed: tuple[str, ...]
    streams_changed: tuple[str, ...]
    keys: tuple[str, ...]
    reordered: bool


@dataclass(frozen=True, slots=True)
class ConfigDiff:
    """Everything that differs; empty means that there is nothing to do.

    cameras_reordered: the cameras that stay stand in another order (the order of lists and of ONVIF profiles)
    doors_changed:     doors (config.DOORS, `push`, `discovery`) whose port or addresses changed: they are bound anew;
                       connections stay, and other doors are not touched
    settings:          tables that apply at once, to what begins after the reload
    needs_restart:     keys that a running service cannot change; they keep their old value until a restart
    """

    cameras_added: tuple[CameraConfig, ...] = ()
    cameras_removed: tuple[str, ...] = ()
    cameras_changed: tuple[CameraChange, ...] = ()
    cameras_reordered: bool = False
    users_added: tuple[str, ...] = ()
    users_removed: tuple[str, ...] = ()
    users_changed: tuple[str, ...] = ()
    doors_changed: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != ConfigDiff()


def diff(old: Config, new: Config) -> ConfigDiff:
    """What has to be done so that a service that runs `old` runs `new`."""
    cameras = diff_cameras(old.cameras, new.cameras)
    users_before, users_after = {user.name: user for user in old.users}, {user.name: user for user in new.users}
    return ConfigDiff(
        cameras_added=cameras.cameras_added,
        cameras_removed=cameras.cameras_removed,
        cameras_changed=cameras.cameras_changed,
        cameras_reordered=cameras.cameras_reordered,
        users_added=tuple(name for name in users_after if name not in users_before),
        users_removed=tuple(name for name in users_before if name not in users_after),
        users_changed=tuple(
            name for name, user in users_after.items() if name in users_before and users_before[name] != user
        ),
        doors_changed=tuple(door for door in (*DOORS, "push", "discovery") if _door(old, door) != _door(new, door)),
        settings=tuple(key for key in _LIVE_TABLES if getattr(old, key) != getattr(new, key)),
        needs_restart=tuple(key for key in _RESTART if getattr(old, key) != getattr(new, key)),
    )


def diff_cameras(old: Sequence[CameraConfig], new: Sequence[CameraConfig]) -> ConfigDiff:
    """The cameras' part alone: for cameras of the file and of the database together."""
    before, after = {camera.id: camera for camera in old}, {camera.id: camera for camera in new}
    changes = (_camera(before[id_], camera) for id_, camera in after.items() if id_ in before)
    return ConfigDiff(
        cameras_added=tuple(camera for id_, camera in after.items() if id_ not in before),
        cameras_removed=tuple(id_ for id_ in before if id_ not in after),
        cameras_changed=tuple(change for change in changes if change is not None),
        cameras_reordered=[id_ for id_ in before if id_ in after] != [id_ for id_ in after if id_ in before],
    )


def _door(config: Config, door: str) -> object:
    """What a door's listeners hang on."""
    if door == "discovery":
        return config.bind_of(door), config.discovery.enabled
    port = config.ports.push if door == "push" else config.port_of(door)
    return (config.bind_of(door), port) if port else None


def _camera(old: CameraConfig, new: CameraConfig) -> CameraChange | None:
    if old == new:
        return None
    before, after = _streams(old), _streams(new)
    return CameraChange(
        id=new.id,
        streams_added=tuple(name for name in after if name not in before),
        streams_removed=tuple(name for name in before if name not in after),
        streams_changed=tuple(name for name in after if name in before and before[name] != after[name]),
        keys=tuple(
            field.alias or name
            for name, field in CameraConfig.model_fields.items()
            if name != "streams" and getattr(old, name) != getattr(new, name)
        ),
        reordered=[name for name in before if name in after] != [name for name in after if name in before],
    )


def _streams(camera: CameraConfig) -> dict[str, StreamConfig]:
    return {stream.name: stream for stream in camera.streams}
