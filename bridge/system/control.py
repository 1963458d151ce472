"""How `onb` asks the running service: one line of JSON each way over the Unix socket `data`/onb.sock.

    {"do": "cameras"}            -> {"ok": true, "cameras": [...]}   as `onb cameras list --json` prints them
    {"do": "recordings"}         -> {"ok": true, "recordings": [...]} as `onb recordings list --json` prints them
    {"do": "users-changed"}      -> {"ok": true}                     the service reads the database's users again
    {"do": "cameras-changed"}    -> {"ok": true}                     … and its cameras
    {"do": "certificates-changed"} -> {"ok": true}                   … and the certificate of the TLS doors
    {"do": "trust-changed"}      -> {"ok": true}                     … and which certificates cameras are trusted with
    {"do": "reload"}             -> {"ok": true}                     as SIGHUP; refused: {"ok": false, "error": "…"}

The socket is 0600: who may open it may do what the service's user may. Here are the framing, the values and the
blocking client; the listening side is bridge/services/control.
"""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict

from bridge.base.errors import BridgeError, RemoteProtocolError
from bridge.base.media import Medium
from bridge.system.camera_trust import TrustedCertificate
from bridge.system.catalogue import Camera, Catalogue, LiveStream

SOCKET_FILE = "onb.sock"
LINE_LIMIT_BYTES = 8 * 1024 * 1024
REQUEST_LIMIT_BYTES = 4096
ADDRESS_LIMIT_BYTES = 107  # sockaddr_un.sun_path less its final zero (unix(7))
REQUESTS = frozenset(
    {"cameras", "recordings", "users-changed", "cameras-changed", "certificates-changed", "trust-changed", "reload"}
)


class ControlError(BridgeError):
    """The service did not do what it was asked: one sentence for people."""


class NotRunningError(ControlError):
    """Nobody listens: the service is not running."""


def socket_address(data: Path) -> str:
    """Where the service listens. Raises ControlError when the path does not fit into a socket's address."""
    absolute = str(data.absolute() / SOCKET_FILE)
    address = min(absolute, os.path.relpath(absolute), key=lambda text: len(os.fsencode(text)))
    if len(os.fsencode(address)) > ADDRESS_LIMIT_BYTES:
        raise ControlError(f"{absolute} is longer than the {ADDRESS_LIMIT_BYTES} bytes of a socket's address")
    return address


def encode(message: Mapping[str, object]) -> bytes:
    """A message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, object]:
    """A line (its end may be missing) -> the message. Raises RemoteProtocolError."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise RemoteProtocolError("control: the line is not JSON") from None
    if not isinstance(message, dict):
        raise RemoteProtocolError("control: the line is not a JSON object")
    return message


def decode_request(line: bytes) -> str:
    """A line -> one of REQUESTS. Raises RemoteProtocolError, whose text goes back as `refused(str(error))`."""
    if len(line) > REQUEST_LIMIT_BYTES:
        raise RemoteProtocolError(f"control: a request is longer than {REQUEST_LIMIT_BYTES} bytes")
    do = decode(line).get("do")
    if not isinstance(do, str) or do not in REQUESTS:
        raise RemoteProtocolError(f"control: do must be one of {', '.join(sorted(REQUESTS))}")
    return do


def done(**values: object) -> bytes:
    """The line that answers a request."""
    return encode({"ok": True, **values})


def refused(error: str) -> bytes:
    """The line that answers a request which failed, with a sentence for people."""
    return encode({"ok": False, "error": error})


def ask(data: Path, do: str, *, timeout_s: int = 10) -> dict[str, object]:
    """Asks the service whose data folder this is. Blocks. Raises NotRunningError, ControlError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(socket_address(data))
            connection.sendall(encode({"do": do}))
            answer = decode(_line(connection))
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunningError("the service is not running") from None
    except TimeoutError:
        raise ControlError(f"the service did not answer within {timeout_s} s") from None
    except OSError as error:
        raise ControlError(f"the service cannot be asked: {error.strerror}") from None
    except RemoteProtocolError as error:
        raise ControlError(f"the service answered in another language ({error}); is it of this version?") from None
    if answer.get("ok") is not True:
        raise ControlError(str(answer.get("error", "the service refused")))
    return answer


def _line(connection: socket.socket) -> bytes:
    received = bytearray()
    while b"\n" not in received[-65536:]:
        more = connection.recv(65536)
        received += more
        if not more or len(received) > LINE_LIMIT_BYTES:
            raise RemoteProtocolError("control: the answer has no end")
    return bytes(received)


def describe_cameras(
    catalogue: Catalogue,
    recordings: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType({}),
    trusted: Mapping[str, Sequence[TrustedCertificate]] = MappingProxyType({}),
) -> list[dict[str, object]]:
    """The cameras as `onb cameras list --json` prints them. Runs where the catalogue lives.

    recordings: by camera and stream, state and reason of its recording
    trusted:    by camera, the certificates that it is trusted with
    """
    return [
        {**describe_camera(camera, recordings)} | describe_certificates(trusted.get(camera.id, ()))
        for camera in catalogue.cameras()
    ]


class DescribedCamera(TypedDict):
    """One camera of the list."""

    id: str
    name: str
    state: str
    reason: str
    streams: list[dict[str, Any]]  # Any: see describe_stream


def describe_camera(camera: Camera, recordings: Mapping[tuple[str, str], tuple[str, str]]) -> DescribedCamera:
    """One camera. Every door tells of cameras by this."""
    streams = [_describe_stream(stream, recordings.get((camera.id, stream.name))) for stream in camera.streams]
    return DescribedCamera(
        id=camera.id, name=camera.name, state=camera.state.value, reason=camera.reason, streams=streams
    )


def describe_certificates(trusted: Sequence[TrustedCertificate]) -> dict[str, object]:
    """`certificates` of a camera that has some: the address, what is trusted there, what is shown instead or null."""
    rows = [{"address": one.address, "sha256": one.sha256, "offered": one.offered} for one in trusted]
    return {"certificates": rows} if rows else {}


def _describe_stream(stream: LiveStream, recording: tuple[str, str] | None) -> dict[str, object]:
    """null: not known (yet)."""
    video = next((track for track in stream.hub.tracks if track.medium is Medium.VIDEO), None)
    rate = stream.hub.statistics.frame_rate or (video.frame_rate if video else None)
    return describe_stream(
        stream.name,
        codec=video.codec.value if video else None,
        width=video.width if video else 0,
        height=video.height if video else 0,
        fps=rate,
        bitrate_bps=stream.hub.statistics.bitrate_bps,
        recording=recording,
    )


def describe_stream(
    name: str,
    *,
    codec: str | None = None,
    width: int = 0,
    height: int = 0,
    fps: float | Fraction | None = None,
    bitrate_bps: int = 0,
    recording: tuple[str, str] | None = None,
) -> dict[str, object]:
    """One entry of `streams`; what is not known is null."""
    return {
        "name": name,
        "codec": codec,
        "width": width or None,
        "height": height or None,
        "fps": round(float(fps), 2) if fps else None,
        "bitrate": bitrate_bps or None,
        "recording": recording[0] if recording else None,
        "recording_reason": recording[1] if recording else None,
    }
