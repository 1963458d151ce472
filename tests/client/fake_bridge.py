"""A bridge for the page alone: answers the API of docs/design/web.md out of made-up things; its video shows its time.

`python -m tests.client.fake_bridge` prints its address and serves until its standard input closes. Every picture is
made of its time, so a test reads in the browser whether what is shown is what was asked for. Lines on standard input
change things: `away CAMERA`, `back CAMERA`, `expire` (all access tokens), `notice cameras`, `refuse CAMERA`.
"""

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from fractions import Fraction
from functools import lru_cache
from itertools import count
from math import sin
from typing import Any
from urllib.parse import parse_qs

import av
import structlog
from pydantic import BaseModel, ConfigDict
from twisted.internet import reactor as the_reactor
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineReceiver

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, SystemClock, format_utc, parse_utc
from bridge.net.http import Head, HttpLimits, Reply
from bridge.services.web.door import WebDoor
from bridge.services.web.page import page_routes, read_page
from bridge.services.web.problems import NAMES, ProblemError, not_found
from bridge.services.web.routes import Asked, Caller, Means, Route, Routes, Who
from bridge.services.web.sockets import Socket, SocketDoor
from bridge.sim.picture import Picture
from bridge.system.access import Principal, Role
from bridge.wire import annexb
from bridge.wire.mp4.fragment import DELTA_FLAGS, KEY_FLAGS, TrackRun, mdat_header, moof
from bridge.wire.mp4.init import init

RATE, FPS, WIDTH, HEIGHT = 90_000, 5, 320, 180
FRAME = RATE // FPS
CAMERAS = {
    "entrance": "Entrance",
    "car-park": "Car park",
    "workshop": "Workshop",
    "harbour": "Harbour",
    "gate-north": "Gate north",
    "loading-bay": "Loading bay",
}
GAP_S = (240, 180)
"""Nothing was recorded from so many seconds before the start until so many."""
PAST_S = 40 * 86_400
clock: Any = SystemClock()
reactor: Any = the_reactor
for name in ("wrong-login", "busy", "plain-http", "no-footage", "of-the-file", "no-recording"):
    NAMES.setdefault(name, name)


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


# --- Video ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Second:
    """A GOP: the pictures of one second, the first a key frame."""

    samples: tuple[bytes, ...]
    sets: tuple[bytes, ...]


@lru_cache(maxsize=16)
def drawn(camera: str) -> Picture:
    strides = tuple(plane.line_size for plane in av.VideoFrame(WIDTH, HEIGHT, "yuv420p").planes)
    hue = list(CAMERAS).index(camera) * 41 % 256 if camera in CAMERAS else 90
    return Picture(CAMERAS.get(camera, camera), WIDTH, HEIGHT, hue, (strides[0], strides[1], strides[2]))


@lru_cache(maxsize=2000)
def second(camera: str, at_s: int, pictures: int = FPS) -> Second:
    """pictures: 1: the key frame alone"""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.framerate = Fraction(1, RATE), Fraction(FPS)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "28",
        "x264-params": f"keyint={FPS}:scenecut=0:threads=1:repeat-headers=1",
    }
    picture = drawn(camera)
    samples: list[bytes] = []
    sets: tuple[bytes, ...] = ()
    for number in range(pictures):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        utc_ns = at_s * NS_PER_S + number * NS_PER_S // FPS
        planes = (bytes(picture.draw(utc_ns, (at_s * FPS + number) * 4 % 100_000)), picture.u, picture.v)
        for plane, data in zip(frame.planes, planes, strict=True):
            plane.update(data)
        frame.pts, frame.time_base = number * FRAME, Fraction(1, RATE)
        for packet in context.encode(frame):
            units = annexb.split(bytes(packet))
            sets = sets or tuple(unit for unit in units if unit[0] & 31 in (7, 8))
            kept = [unit for unit in units if unit[0] & 31 not in (7, 8)]
            samples.append(b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept))
    return Second(tuple(samples), sets)


def header(camera: str) -> tuple[str, bytes]:
    sets = second(camera, 1_700_000_000, 1).sets
    sps = next(one for one in sets if one[0] & 31 == 7)
    track = Track(Codec.H264, RATE, parameter_sets=sets, width=WIDTH, height=HEIGHT)
    return f'video/mp4; codecs="avc1.{sps[1:4].hex()}"', b"".join(init([track]))


def fragment(samples: list[bytes], decode_time: int, duration: int = FRAME) -> bytes:
    flags = [KEY_FLAGS] + [DELTA_FLAGS] * (len(samples) - 1)
    run = TrackRun(1, decode_time, [duration] * len(samples), [len(one) for one in samples], flags, [0] * len(samples))
    body = b"".join(samples)
    return moof(1, [run]) + mdat_header(len(body)) + body


# --- The made-up world ---------------------------------------------------------------------------------------------


@dataclass
class World:
    began_ns: int = field(default_factory=lambda: clock.utc_ns())
    access: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))
    away: dict[str, str] = field(default_factory=lambda: {"loading-bay": "connection refused by 192.0.2.44:554"})
    refused: set[str] = field(default_factory=set)
    cameras: dict[str, dict[str, Any]] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    exports: dict[str, dict[str, Any]] = field(default_factory=dict)
    listeners: set[Any] = field(default_factory=set)
    talks: set[Any] = field(default_factory=set)
    failures: int = 0

    def tell(self, what: str) -> None:
        for one in self.listeners:
            one.send({"changed": what})

    def spans(self, from_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
        """What was recorded: for weeks, with a gap each night and one a few minutes ago; a key frame each second."""
        now_ms = clock.utc_ns() // NS_PER_MS - 600
        began_ms = self.began_ns // NS_PER_MS
        holes = [(began_ms - GAP_S[0] * 1000, began_ms - GAP_S[1] * 1000)]
        day = 86_400_000
        first = began_ms - PAST_S * 1000
        midnight = first // day * day
        while midnight < now_ms:
            holes.append((midnight + 7_200_000, midnight + 7_200_000 + (midnight // day % 4) * 2_400_000))
            midnight += day
        at = first
        for begin, end in sorted(holes):
            if begin > now_ms or end > now_ms or end <= begin:
                continue
            if max(at, from_ms) < min(begin, until_ms):
                yield max(at, from_ms), min(begin, until_ms)
            at = end
        if max(at, from_ms) < min(now_ms, until_ms):
            yield max(at, from_ms), min(now_ms, until_ms)


world = World()
world.users = {
    "anna": {
        "name": "anna",
        "role": "administrator",
        "cameras": ["*"],
        "source": "file",
        "grants": [],
        "password": "anna-pass",
    },
    "vera": {
        "name": "vera",
        "role": "viewer",
        "cameras": ["gate-*"],
        "source": "database",
        "grants": [],
        "password": "vera-pass",
    },
}
world.views = {
    "v1": {
        "id": "v1",
        "name": "Outside",
        "layout": "4",
        "shared": True,
        "mine": True,
        "owner": "anna",
        "cells": [{"camera": one, "stream": ""} for one in ("entrance", "car-park", "gate-north", "harbour")],
    },
}
for key, title in CAMERAS.items():
    world.cameras[key] = {"id": key, "name": title, "source": "file" if key != "gate-north" else "database"}


def principal_of(name: str) -> Principal:
    user = world.users[name]
    return Principal.with_role(name, Role(user["role"]), user["cameras"])


def find_caller(head: Head, peer: str, secure: bool) -> Caller | None:
    cookies = dict(one.strip().split("=", 1) for one in head.value("cookie").split(";") if "=" in one)
    name = world.access.get(cookies.get("onb_access", ""))
    return Caller(principal_of(name), Means.COOKIE, "s") if name in world.users else None


def sees(principal: Principal, camera: str) -> bool:
    return any(fnmatch(camera, one) for one in world.users[principal.name]["cameras"])


def ms(text: str) -> int:
    return int(float(text)) if text.replace(".", "", 1).isdigit() else int(parse_utc(text)) // NS_PER_MS


def rfc(at_ms: float) -> str:
    return format_utc(int(at_ms) * NS_PER_MS)


def own(value: Any, status: int = 200, *headers: tuple[str, str]) -> Reply:
    return Reply(status, json.dumps(value).encode(), "application/json", (("Cache-Control", "no-store"), *headers))


# --- Session -------------------------------------------------------------------------------------------------------


def me(name: str) -> dict[str, Any]:
    role = world.users[name]["role"]
    rights = ["live", "playback", "export", "audio"] if role != "viewer" else ["live", "playback"]
    return {
        "user": name,
        "role": role,
        "rights": rights,
        "expires_at": rfc(clock.utc_ns() // NS_PER_MS + 900_000),
        "version": "0.1.0",
    }


def logged_in(name: str) -> Reply:
    number = next(world.numbers)
    world.access[f"a{number}"] = world.refresh[f"r{number}"] = name
    return own(
        me(name) | {"expires_in_s": 900},
        200,
        ("Set-Cookie", f"onb_access=a{number}; HttpOnly; SameSite=Strict; Path=/"),
        ("Set-Cookie", f"onb_refresh=r{number}; HttpOnly; SameSite=Strict; Path=/api/v1/session"),
    )


def log_in(asked: Asked) -> Reply:
    user = world.users.get(asked.body.user)
    if asked.body.user == "plain":
        raise ProblemError(
            403, "plain-http", "passwords are not taken over plain HTTP: use https://bridge.example:8082/"
        )
    if asked.body.user == "locked":
        raise ProblemError(429, "busy", "too many failed attempts", headers=(("Retry-After", "30"),))
    if user is None or user["password"] != asked.body.password:
        raise ProblemError(401, "wrong-login", "the user or the password is wrong")
    return logged_in(user["name"])


def renew(asked: Asked) -> Reply:
    cookies = dict(one.strip().split("=", 1) for one in asked.head.value("cookie").split(";") if "=" in one)
    name = world.refresh.pop(cookies.get("onb_refresh", ""), None)
    if name is None:
        raise ProblemError(401, "log-in", "log in first")
    return logged_in(name)


def log_out(asked: Asked) -> Reply:
    world.access.clear()
    world.refresh.clear()
    gone = "=; Max-Age=0; Path="
    return Reply(
        204, headers=(("Set-Cookie", f"onb_access{gone}/"), ("Set-Cookie", f"onb_refresh{gone}/api/v1/session"))
    )


# --- Cameras, recordings, footage ----------------------------------------------------------------------------------


def camera_shown(camera: dict[str, Any], principal: Principal) -> dict[str, Any]:
    away = world.away.get(camera["id"], "")
    mime, _ = header(camera["id"])
    streams = [
        {
            "name": name,
            "codec": "H264",
            "width": WIDTH * scale * 2,
            "height": HEIGHT * scale * 2,
            "fps": FPS,
            "bitrate": 900_000 * scale,
            "mime": mime,
            "recording": recording,
            "recording_reason": None,
        }
        for name, scale, recording in (("main", 4, "no signal" if away else "recording"), ("sub", 1, None))
    ]
    may = ["live", "playback", "export", "audio"] if principal.role is not Role.VIEWER else ["live", "playback"]
    return camera | {
        "state": "down" if away else "up",
        "reason": away,
        "streams": streams,
        "may": may,
        "settings": {"record": "always", "retention": camera.get("retention", "30d")},
    }


def cameras(asked: Asked) -> Reply:
    by = asked.principal
    return own([camera_shown(one, by) for one in world.cameras.values() if sees(by, one["id"])])


def add_camera(asked: Asked) -> Reply:
    given = asked.body.model_dump()
    if given["id"] in world.cameras:
        raise ProblemError(409, "of-the-file", "a camera has this id already")
    world.cameras[given["id"]] = {"id": given["id"], "name": given["name"], "source": "database"}
    world.tell("cameras")
    return own(camera_shown(world.cameras[given["id"]], asked.principal), 201)


def change_camera(asked: Asked) -> Reply:
    camera = world.cameras[asked.place["id"]]
    camera |= {"name": asked.body.model_dump().get("name", camera["name"])}
    world.tell("cameras")
    return own(camera_shown(camera, asked.principal))


def drop_camera(asked: Asked) -> None:
    world.cameras.pop(asked.place["id"])
    world.tell("cameras")


def test_camera(asked: Asked) -> Reply:
    url = asked.body.url
    if "wrong" in url:
        return own(
            {
                "ok": False,
                "reason": "401 Unauthorized: the camera refuses this user and password",
                "tracks": [],
                "picture": None,
            }
        )
    picture = "data:image/jpeg;base64," + still("harbour")
    return own(
        {
            "ok": True,
            "reason": "",
            "picture": picture,
            "tracks": [{"codec": "H264", "width": 1920, "height": 1080}, {"codec": "PCMA", "clock_rate": 8000}],
        }
    )


def still(camera: str) -> str:
    return base64.b64encode(jpeg(camera)).decode()


@lru_cache(maxsize=8)
def jpeg(camera: str) -> bytes:
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt, context.time_base = WIDTH, HEIGHT, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuvj420p")
    strides = tuple(plane.line_size for plane in frame.planes)
    picture = Picture(CAMERAS.get(camera, camera), WIDTH, HEIGHT, 160, (strides[0], strides[1], strides[2]))
    for plane, data in zip(frame.planes, (bytes(picture.draw(clock.utc_ns(), 50)), picture.u, picture.v), strict=True):
        plane.update(data)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def recordings(asked: Asked) -> Reply:
    query = parse_qs(asked.head.target.partition("?")[2])
    camera = query["camera"][0]
    if not sees(asked.principal, camera) or camera not in CAMERAS:
        return own([])
    spans = list(world.spans(ms(query["from"][0]), ms(query["until"][0])))
    return own(
        [
            {
                "recording": f"rec-{camera}.main",
                "camera": camera,
                "stream": "main",
                "from": rfc(world.began_ns // NS_PER_MS - PAST_S * 1000),
                "until": rfc(clock.utc_ns() // NS_PER_MS),
                "growing": camera not in world.away,
                "ended": False,
                "spans": [{"from": rfc(begin), "until": rfc(end)} for begin, end in spans],
                "gaps": [],
            }
        ]
    )


def footage(asked: Asked) -> Reply:
    query = parse_qs(asked.head.target.partition("?")[2])
    camera, keys = asked.place["camera"], query.get("frames") == ["key"]
    if not sees(asked.principal, camera):
        raise not_found()
    from_ms, until_ms = ms(query["from"][0]), ms(query["until"][0])
    until_ms = min(until_ms, from_ms + (3_600_000 if keys else 60_000))
    horizon_ms = clock.utc_ns() // NS_PER_MS
    everything = list(world.spans(0, horizon_ms + 1000))
    inside = [(max(a, from_ms), min(b, until_ms)) for a, b in everything if a < until_ms and b > from_ms]
    after = next((a for a, b in everything if a >= until_ms), None)
    if not inside:
        raise ProblemError(404, "no-footage", "nothing was recorded then", more={"next": rfc(after) if after else None})
    mime, head = header(camera)
    parts, first_s = [head], inside[0][0] // 1000
    step = max(1, (until_ms - from_ms) // 40_000) if keys else 1
    for begin, end in inside:
        for at_s in range(begin // 1000, -(-end // 1000), step):
            samples = list(second(camera, at_s, 1 if keys else FPS).samples)
            if keys:
                parts.append(fragment(samples[:1], at_s * RATE, RATE * step))
            else:
                kept = [one for i, one in enumerate(samples) if at_s * 1000 + i * 1000 // FPS < end]
                parts += [fragment(kept, at_s * RATE)] if kept else []
    last_ms = inside[-1][1]
    continues = any(a <= until_ms < b for a, b in everything)
    following = rfc(last_ms) if continues else (rfc(after) if after else None)
    headers = [("X-Footage-From", rfc(first_s * 1000)), ("X-Footage-Until", rfc(last_ms)), ("X-Footage-Mime", mime)]
    if following:
        headers.append(("X-Footage-Next", following))
    return Reply(200, b"".join(parts), "video/mp4", tuple(headers))


# --- Live ----------------------------------------------------------------------------------------------------------


class LiveTalk:
    def __init__(self, camera: str) -> None:
        self.camera, self.socket = camera, None
        self.loop = LoopingCall(self.picture)
        self.number = -1

    def opened(self, socket: Socket) -> None:
        self.socket: Any = socket
        world.talks.add(self)
        if self.camera in world.refused:
            socket.send(
                {"type": "refused", "reason": "the stream is H265 and this browser plays h264", "streams": ["sub"]}
            )
            socket.close(1000)
            return
        self.begin()

    def begin(self) -> None:
        if self.camera in world.away:
            self.socket.send({"type": "waiting", "reason": world.away[self.camera]})
            return
        mime, head = header(self.camera)
        self.socket.send({"type": "init", "mime": mime, "width": WIDTH, "height": HEIGHT, "tracks": ["h264"]})
        self.socket.writer.write(head)
        self.started_s = clock.utc_ns() // NS_PER_S
        self.socket.send({"type": "clock", "media_s": 100.0, "utc_ms": self.started_s * 1000})
        self.number = -1
        if not self.loop.running:
            self.loop.clock = reactor
            self.loop.start(0.02)

    def picture(self) -> None:
        if self.camera in world.away:
            return
        due = (clock.utc_ns() - self.started_s * NS_PER_S) * FPS // NS_PER_S
        while self.number < due:
            self.number += 1
            samples = second(self.camera, self.started_s + self.number // FPS).samples
            at = self.number % FPS
            flags = KEY_FLAGS if at == 0 else DELTA_FLAGS
            run = TrackRun(1, 100 * RATE + self.number * FRAME, [FRAME], [len(samples[at])], [flags], [0])
            self.socket.writer.write(moof(1, [run]) + mdat_header(len(samples[at])) + samples[at])

    def gone(self) -> None:
        world.talks.discard(self)
        if self.loop.running:
            self.loop.stop()


def live(asked: Asked) -> LiveTalk:
    camera = asked.place["camera"]
    if camera not in world.cameras or not sees(asked.principal, camera):
        raise not_found()
    return LiveTalk(camera)


class Listener:
    def opened(self, socket: Socket) -> None:
        self.socket = socket
        world.listeners.add(socket)

    def gone(self) -> None:
        world.listeners.discard(self.socket)


# --- All else ------------------------------------------------------------------------------------------------------


def export_shown(job: dict[str, Any]) -> dict[str, Any]:
    if job["state"] == "running":
        job["progress"] = min(1.0, (clock.utc_ns() - job["began"]) / (3 * NS_PER_S))
        if job["progress"] >= 1:
            job |= {"state": "done", "bytes": 48_300_112}
    return {key: value for key, value in job.items() if key != "began"}


def add_export(asked: Asked) -> Reply:
    number = f"e{next(world.numbers)}"
    given = asked.body.model_dump()
    world.exports[number] = given | {
        "id": number,
        "user": asked.principal.name,
        "state": "running",
        "progress": 0.0,
        "bytes": 0,
        "reason": "",
        "began": clock.utc_ns(),
    }
    return own(export_shown(world.exports[number]), 202)


def one_export(asked: Asked) -> dict[str, Any]:
    if asked.place["id"] not in world.exports:
        raise not_found()
    return world.exports[asked.place["id"]]


def manifest(asked: Asked) -> Reply:
    return own({"camera": one_export(asked)["camera"], "exported_by": "anna", "gaps": [], "digest": "9b1c0d7e5f43"})


def drop_export(asked: Asked) -> None:
    job = one_export(asked)
    if job["state"] == "running":
        job["state"] = "cancelled"
    else:
        world.exports.pop(job["id"])


def put_view(asked: Asked) -> Reply:
    world.views[asked.place["id"]] = asked.body.model_dump() | {
        "id": asked.place["id"],
        "mine": True,
        "owner": asked.principal.name,
    }
    world.tell("views")
    return own(world.views[asked.place["id"]])


def drop_view(asked: Asked) -> None:
    world.views.pop(asked.place["id"], None)
    world.tell("views")


def user_shown(user: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in user.items() if key != "password"}


def add_user(asked: Asked) -> Reply:
    given = asked.body.model_dump()
    world.users[given["name"]] = {"grants": [], "source": "database"} | given
    return own(user_shown(world.users[given["name"]]), 201)


def change_user(asked: Asked) -> Reply:
    world.users[asked.place["name"]] |= asked.body.model_dump()
    return own(user_shown(world.users[asked.place["name"]]))


def add_token(asked: Asked) -> Reply:
    number = f"t{next(world.numbers)}"
    now_ms = clock.utc_ns() // NS_PER_MS
    world.tokens[number] = {
        "id": number,
        "name": asked.body.name,
        "created": rfc(now_ms),
        "expires": rfc(now_ms + 365 * 86_400_000),
        "used": None,
    }
    return own(world.tokens[number] | {"token": "onb_3f9c0c1e7b5a4d2f8e6a9b1c0d7e5f43"}, 201)


def system(asked: Asked) -> Reply:
    now_ms = clock.utc_ns() // NS_PER_MS
    notices = [{"level": "warning", "text": "The certificate of the doors expires in 6 days.", "detail": None}]
    told: dict[str, Any] = {"version": "0.1.0", "now": rfc(now_ms), "notices": []}
    if asked.principal.role is not Role.ADMINISTRATOR:
        return own(told)
    kept = [
        {
            "camera": one,
            "stream": "main",
            "bytes": 235_000_000_000,
            "segments": 9000,
            "oldest": rfc(now_ms - PAST_S * 1000),
        }
        for one in CAMERAS
    ]
    storages = [
        {"name": "default", "state": "ok", "reason": "", "bytes": 1_412_000_000_000, "free_bytes": 212_000_000_000},
        {"name": "archive", "state": "slow", "reason": "writes take 4 s", "bytes": 391_000_000_000,
         "free_bytes": 3_609_000_000_000},
    ]  # fmt: skip
    rest = {"max_bytes": 0, "min_free_bytes": 2_000_000_000, "oldest": rfc(now_ms - PAST_S * 1000), "kept": kept}
    doors = {"onvif": 580, "rtsp": 554, "http": 8081, "https": 8082}
    return own(
        told
        | {
            "notices": notices,
            "uptime_s": 356_420,
            "lag_ms": 1.8,
            "worst_lag_ms": 14.2,
            "counts": {"cameras": 6, "cameras_up": 5, "recordings": 6, "recordings_running": 5, "viewers": 14},
            "doors": [
                {"name": name, "port": port, "addresses": ["0.0.0.0", "::"], "tls": name == "https"}
                for name, port in doors.items()
            ],
            "storages": [one | rest for one in storages],
        }
    )


def history(asked: Asked) -> Reply:
    now_ms = clock.utc_ns() // NS_PER_MS
    rows = [
        {
            "at": rfc(now_ms - (360 - i) * 10_000),
            "cpu": 0.21 + 0.06 * sin(i / 19) + (i * 7919 % 13) / 300,
            "memory_bytes": 312e6 + i * 5e4 + 6e6 * sin(i / 40),
            "lag_ms": 1.2 + (i * 104729 % 17) / 9 + (14 if i == 200 else 0),
            "viewers": 8 + (i // 40) % 7,
            "cameras_up": 5,
            "recorded_bytes_per_s": 2.9e6 + 3e5 * sin(i / 11),
            "storages": {"default": int(1.40e12 + i * 3e7), "archive": int(3.91e11 + i * 4e6)},
        }
        for i in range(360)
    ]
    return own({"interval_s": 10, "rows": rows})


def certificates(asked: Asked) -> Reply:
    now_ms = clock.utc_ns() // NS_PER_MS
    shown = {
        "doors": ["https", "rtsps"],
        "source": "ours",
        "name": "bridge.example",
        "issuer": "CN=bridge.example, OU=Open Network Bridge authority",
        "names": ["bridge.example", "localhost", "192.0.2.2", "::1"],
        "until": rfc(now_ms + 6 * 86_400_000),
        "sha256": ":".join(f"{(i * 37 + 11) % 256:02X}" for i in range(32)),
    }
    return own([shown])


def snapshot(asked: Asked) -> Reply:
    return Reply(200, jpeg(next(iter(asked.place.values()))), "image/jpeg")


def rows() -> list[Route]:
    def row(method: str, path: str, handler: Any, who: Who = Who.USER, *, body: Any = None, status: int = 200) -> Route:
        return Route(method, f"/api/v1{path}", handler, who, path, body=body, status=status)

    admin = Who.ADMINISTRATOR
    return [
        row("POST", "/session", log_in, Who.ANYBODY, body=Anything),
        row("GET", "/session", lambda asked: own(me(asked.principal.name))),
        row("DELETE", "/session", log_out, Who.ANYBODY),
        row("POST", "/session/refresh", renew, Who.ANYBODY, body=Anything),
        row("GET", "/cameras", cameras),
        row("POST", "/cameras", add_camera, admin, body=Anything),
        row("PATCH", "/cameras/{id}", change_camera, admin, body=Anything),
        row("DELETE", "/cameras/{id}", drop_camera, admin, status=204),
        row("POST", "/cameras/test", test_camera, admin, body=Anything),
        row("GET", "/cameras/{id}/snapshot.jpg", snapshot),
        row("GET", "/recordings", recordings),
        row("GET", "/footage/{camera}/{stream}", footage),
        row("GET", "/exports", lambda asked: own([export_shown(one) for one in world.exports.values()])),
        row("POST", "/exports", add_export, body=Anything),
        row("GET", "/exports/{id}", lambda asked: own(export_shown(one_export(asked)))),
        row("DELETE", "/exports/{id}", drop_export, status=204),
        row("GET", "/exports/{id}/file", lambda asked: Reply(200, b"file of the export", "video/mp4")),
        row("GET", "/exports/{id}/manifest", manifest),
        row("GET", "/views", lambda asked: own(list(world.views.values()))),
        row("PUT", "/views/{id}", put_view, body=Anything),
        row("DELETE", "/views/{id}", drop_view, status=204),
        row("GET", "/users", lambda asked: own([user_shown(one) for one in world.users.values()]), admin),
        row("POST", "/users", add_user, admin, body=Anything),
        row("PATCH", "/users/{name}", change_user, admin, body=Anything),
        row("DELETE", "/users/{name}", lambda asked: world.users.pop(asked.place["name"]) and None, admin, status=204),
        row("GET", "/tokens", lambda asked: own(list(world.tokens.values()))),
        row("POST", "/tokens", add_token, body=Anything),
        row("DELETE", "/tokens/{id}", lambda asked: world.tokens.pop(asked.place["id"]) and None, status=204),
        row("GET", "/system", system),
        row("GET", "/system/history", history, admin),
        row("GET", "/certificates", certificates, admin),
        row("POST", "/certificates/renew", lambda asked: own({}), admin),
        Route("GET", "/mjpeg/{camera}", lambda asked: snapshot(asked), Who.USER, "mjpeg"),
    ]  # fmt: skip


class Orders(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        verb, _, what = line.decode().partition(" ")
        if verb == "away":
            world.away[what] = "no packets for 10 s"
            for one in list(world.talks):
                if one.camera == what:
                    one.socket.send({"type": "waiting", "reason": "no packets for 10 s"})
            world.tell("cameras")
        elif verb == "back":
            world.away.pop(what, None)
            for one in list(world.talks):
                if one.camera == what:
                    one.begin()
            world.tell("cameras")
        elif verb == "expire":
            world.access.clear()
            for one in list(world.talks):
                one.socket.close(1001)
        elif verb == "refuse":
            world.refused.add(what)
        elif verb == "notice":
            world.tell(what)
        sys.stdout.write(f"done {line.decode()}\n")
        sys.stdout.flush()

    def connectionLost(self, reason: Any = None) -> None:
        if reactor.running:
            reactor.stop()


def main() -> None:
    # Standard output is for addresses and answers.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    door = WebDoor(
        reactor,
        clock,
        find_caller,
        Routes([*page_routes(read_page()), *rows()]),
        HttpLimits(connections_per_address=500),
    )
    sockets = [
        Route("GET", "/live/{camera}/{stream}", live, Who.USER, "live"),
        Route("GET", "/live/{camera}", live, Who.USER, "live"),
        Route("GET", "/api/v1/notices", lambda asked: Listener(), Who.USER, "notices"),
    ]
    door.add_door(SocketDoor(door, reactor, Routes(sockets)))
    port = reactor.listenTCP(int(sys.argv[1]) if len(sys.argv) > 1 else 0, door.factory, interface="127.0.0.1")
    sys.stdout.write(f"http://127.0.0.1:{port.getHost().port}\n")
    sys.stdout.flush()
    StandardIO(Orders())
    reactor.run()


if __name__ == "__main__":
    main()
