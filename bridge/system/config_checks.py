"""What two keys of the configuration say together: ids that stand once, doors that share a port, missing partners.

Works on the tables as TOML gave them, values of the wrong type passed over: those are faults already, and a user wants
all faults at once.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bridge.base.time import NS_PER_S
from bridge.system.config import DOORS, Config, Ports, Recording, default_stream_name
from bridge.system.config_values import ExpectedError, parse_port_range

KeyPath = tuple[str | int, ...]
_DEFAULT_BIND = ("0.0.0.0", "::")  # noqa: S104 - the contract's default


@dataclass(frozen=True, slots=True)
class Broken:
    """A place in the tables, and what was expected there."""

    path: KeyPath
    expected: str


def check(tables: Mapping[str, object]) -> Iterator[Broken]:
    """Every fault that no single key shows."""
    yield from _binds(tables)
    yield from _ports(tables)
    yield from _tls(tables)
    yield from _storages(tables)
    yield from _users(tables)
    yield from _cameras(tables)


def _table(tables: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = tables.get(key)
    return value if isinstance(value, dict) else {}


def _tables(tables: Mapping[str, object], key: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The tables of an array with their place; what is no table is passed over."""
    value = tables.get(key)
    if isinstance(value, list):
        yield from ((index, table) for index, table in enumerate(value) if isinstance(table, dict))


def _text(table: Mapping[str, object], key: str, default: str = "") -> str:
    value = table.get(key, default)
    return value if isinstance(value, str) else ""


def _port(table: Mapping[str, object], key: str, default: int = 0) -> int:
    value = table.get(key, default)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535 else 0


def _binds(tables: Mapping[str, object]) -> Iterator[Broken]:
    narrowed = _table(tables, "bind_door")
    lists: list[tuple[KeyPath, object]] = [(("bind",), tables.get("bind"))]
    lists.extend((("bind_door", key), value) for key, value in narrowed.items())
    for path, value in lists:
        if isinstance(value, list) and not value:
            hint = " (port 0 switches a door off)" if path[-1] not in ("bind", "discovery") else ""
            yield Broken(path, f"at least one address{hint}")


def _ports(tables: Mapping[str, object]) -> Iterator[Broken]:
    """Two doors on one port and one address; a push camera's port outside the range, or taken."""
    ports, narrowed = _table(tables, "ports"), _table(tables, "bind_door")
    taken: dict[int, list[tuple[str, set[str]]]] = {}
    for door in DOORS:
        port = _port(ports, door, getattr(Ports(), door))
        addresses = _addresses(narrowed.get(door, tables.get("bind")))
        if port == 0:
            continue
        for other, others in taken.get(port, []):
            if _overlap(addresses, others):
                yield Broken(("ports", door), f"a port that no other door has; ports.{other} is {port} too")
                break
        taken.setdefault(port, []).append((door, addresses))
    try:
        push = parse_port_range(_text(ports, "push"))
    except ExpectedError:
        yield from _devices(tables, taken, None)
        return
    addresses = _addresses(narrowed.get("push", tables.get("bind")))
    for port, doors in sorted(taken.items()) if push else ():
        if push and push[0] <= port <= push[1]:
            for door, others in doors:
                if _overlap(addresses, others):
                    yield Broken(("ports", "push"), f"a range without the ports of other doors; ports.{door} is {port}")
    yield from _push_cameras(tables, push)
    yield from _devices(tables, taken, push)


def _push_cameras(tables: Mapping[str, object], push: tuple[int, int] | None) -> Iterator[Broken]:
    first: dict[int, int] = {}
    for index, camera in _tables(tables, "camera"):
        port = _port(camera, "push")
        if port == 0:
            continue
        if push is None or not push[0] <= port <= push[1]:
            yield Broken(("camera", index, "push"), "a port inside the range that ports.push names")
        if port in first:
            yield Broken(("camera", index, "push"), f"a port of its own; camera[{first[port]}] has it too")
        first.setdefault(port, index)


def _devices(
    tables: Mapping[str, object], taken: dict[int, list[tuple[str, set[str]]]], push: tuple[int, int] | None
) -> Iterator[Broken]:
    """A virtual device's port that a door, push or another device has; an address without a port.

    taken: the doors by port, with their addresses
    """
    devices: dict[int, list[tuple[int, set[str]]]] = {}
    narrowed = _table(tables, "bind_door")
    usual = _addresses(narrowed.get("onvif", tables.get("bind")))
    for index, camera in _tables(tables, "camera"):
        port, address = _port(camera, "device_port"), _text(camera, "device_address")
        path: KeyPath = ("camera", index, "device_port")
        if port == 0:
            if address:
                yield Broken(("camera", index, "device_address"), "device_port beside it")
            continue
        addresses = {address} if address else usual
        door = next((name for name, others in taken.get(port, []) if _overlap(addresses, others)), None)
        other = next((place for place, others in devices.get(port, []) if _overlap(addresses, others)), None)
        if door is not None:
            yield Broken(path, f"a port that no door has; ports.{door} is {port} too")
        elif push is not None and push[0] <= port <= push[1]:
            yield Broken(path, f"a port outside of ports.push, {push[0]}-{push[1]}")
        elif other is not None:
            yield Broken(path, f"a port of its own; camera[{other}] has it too")
        devices.setdefault(port, []).append((index, addresses))


def _addresses(value: object) -> set[str]:
    listed = value if isinstance(value, list) else _DEFAULT_BIND
    return {address for address in listed if isinstance(address, str)}


def _overlap(one: set[str], other: set[str]) -> bool:
    return any(_same(a, b) for a in one for b in other)


def _same(one: str, other: str) -> bool:
    """Whether two listeners on these addresses would meet: equal, or one of them is the family's wildcard."""
    try:
        a, b = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return False
    return a.version == b.version and (a == b or a.is_unspecified or b.is_unspecified)


def _tls(tables: Mapping[str, object]) -> Iterator[Broken]:
    table = _table(tables, "tls")
    for key, other, what in (("key", "certificate", "key"), ("certificate", "key", "certificate")):
        if _text(table, other) and not _text(table, key):
            yield Broken(("tls", key), f"the file with the {what} that belongs to tls.{other}, or neither of them")


def _storages(tables: Mapping[str, object]) -> Iterator[Broken]:
    recording = _table(tables, "recording")
    if recording.get("storage") == []:
        yield Broken(("recording", "storage"), "at least one [[recording.storage]], or none at all for the default one")
    listed = [(index, _text(storage, "name", "default")) for index, storage in _tables(recording, "storage")]
    yield from _once(("recording", "storage"), "name", listed)
    names = {name for _, name in listed} if "storage" in recording else {s.name for s in Recording().storages}
    for index, camera in _tables(tables, "camera"):
        name = _text(camera, "storage", "default")
        if name and names and name not in names:
            yield Broken(
                ("camera", index, "storage"), f"the name of a [[recording.storage]]: {', '.join(sorted(names))}"
            )


def _once(path: KeyPath, key: str, listed: list[tuple[int, str]]) -> Iterator[Broken]:
    first: dict[str, int] = {}
    for index, name in listed:
        if name and name in first:
            place = format_path((*path, first[name]))
            yield Broken((*path, index, key), f"a text that stands once; {place} has it too")
        first.setdefault(name, index)


def _users(tables: Mapping[str, object]) -> Iterator[Broken]:
    yield from _once(("user",), "name", [(index, _text(user, "name")) for index, user in _tables(tables, "user")])
    for index, user in _tables(tables, "user"):
        given = [key for key in ("password", "password_file", "password_hash") if key in user]
        if not given:
            yield Broken(("user", index), "password, password_file or password_hash")
        for key in given[1:]:
            yield Broken(
                ("user", index, key), f"only one of password, password_file and password_hash; {given[0]} is set"
            )
        if "password_hash" in user and user.get("doors") != ["web"]:
            yield Broken(
                ("user", index, "password_hash"),
                'password or password_file, as ONVIF and RTSP digest need the secret itself; or doors = ["web"]',
            )


def _cameras(tables: Mapping[str, object]) -> Iterator[Broken]:
    yield from _once(("camera",), "id", [(index, _text(camera, "id")) for index, camera in _tables(tables, "camera")])
    for index, camera in _tables(tables, "camera"):
        place: KeyPath = ("camera", index)
        pushed = "push" in camera and camera["push"] != 0
        pulled = "url" in camera or bool(camera.get("stream"))
        if not pushed and not pulled:
            yield Broken(place, "url, or a [[camera.stream]] with one")
        if pushed and pulled:
            yield Broken((*place, "push"), "either push, or url and streams")
        if "url" in camera and "stream" in camera:
            yield Broken((*place, "url"), "either url, which is short for one stream, or [[camera.stream]]")
        if pushed and "owner" not in camera:
            yield Broken((*place, "owner"), "the user who may push")
        if "owner" in camera and not pushed:
            yield Broken((*place, "owner"), "push beside it: only push cameras have an owner")
        yield from _over_tls(place, camera)
        yield from _talk(place, camera)
        if _text(camera, "driver") == "aiortsp":
            for at, stream in _tables(camera, "stream"):
                if (transport := _text(stream, "transport")) in ("http", "multicast"):
                    expected = f'tcp or udp; {transport} needs driver = "native"'
                    yield Broken((*place, "stream", at, "transport"), expected)
        names = [(at, _text(stream, "name", default_stream_name(at))) for at, stream in _tables(camera, "stream")]
        yield from _once((*place, "stream"), "name", names)


def _over_tls(place: KeyPath, camera: Mapping[str, object]) -> Iterator[Broken]:
    """Of cameras over rtsps:// everything travels in the one connection, and one driver knows how."""
    streams = [((*place, "stream", at), stream) for at, stream in _tables(camera, "stream")]
    every = [*streams, (place, camera)]
    secure = [(at, stream) for at, stream in every if _text(stream, "url").lower().startswith("rtsps://")]
    if secure and _text(camera, "driver") == "aiortsp":
        yield Broken((*place, "driver"), '"native": aiortsp knows no rtsps://')
    for at, stream in secure:
        if _text(stream, "transport", "tcp") != "tcp":
            yield Broken((*at, "transport"), '"tcp": over rtsps:// the media travel in the connection')


def _talk(place: KeyPath, camera: Mapping[str, object]) -> Iterator[Broken]:
    """The way to a loudspeaker is a part of the main stream's connection."""
    if camera.get("talk") is not True:
        return
    main = next((stream for _, stream in _tables(camera, "stream")), camera)
    if camera.get("push"):
        yield Broken((*place, "talk"), "false: nobody talks to a push camera")
    elif _text(camera, "driver") == "aiortsp":
        yield Broken((*place, "talk"), 'false, or driver = "native": aiortsp knows no backchannel')
    elif _text(main, "transport") == "multicast":
        yield Broken((*place, "talk"), "false, or another transport of the first stream: nobody talks by multicast")


def format_path(path: KeyPath) -> str:
    """`("camera", 0, "stream", 1, "url")` -> `camera[0].stream[1].url`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def warnings(config: Config, utc_ns: int | None = None) -> list[str]:
    """What is configured and sound, but not served by this version; and what is probably not meant. One line each.

    utc_ns: the time now, for what has expired; None: nothing has
    """
    lines = []
    certificate = config.tls.certificate
    if certificate is not None and utc_ns is not None:
        until = certificate.certificates[0].not_valid_after_utc
        # No fault: a recorder records, whatever has become of its certificate.
        if utc_ns > until.timestamp() * NS_PER_S:
            lines.append(f"tls.certificate expired on {until:%Y-%m-%d %H:%M} UTC: clients refuse the TLS doors")
    if config.ports.push is not None:
        lines.append("ports.push is configured, but video push comes with a later version")
    for index, camera in enumerate(config.cameras):
        if camera.push:
            lines.append(f"camera[{index}] ({camera.id}) is a push camera; video push comes with a later version")
        if camera.record == "motion":
            lines.append(f"camera[{index}] ({camera.id}) is to record on motion, which comes with a later version")
    rtsp = set(config.bind_of("rtsp"))
    lines.extend(
        f"camera[{index}] ({camera.id}): RTSP does not listen on its device_address {camera.device_address},"
        " where recorders will look for its video; see bind and [bind_door]"
        for index, camera in enumerate(config.cameras)
        if camera.device_address and not _overlap({camera.device_address}, rtsp)
    )
    ids = [camera.id for camera in config.cameras]
    for index, user in enumerate(config.users):
        lines.extend(
            f'user[{index}].cameras: no camera of this file is called "{name}"'
            for name in user.cameras
            if not set(name) & set("*?[") and name not in ids
        )
    return lines
