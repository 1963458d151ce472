"""The still picture of a stream: the latest key frame as JPEG, decoded once per GOP whoever asks.

A camera that sends JPEG has made it already.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridge.base.media import AccessUnit, Codec, Medium, Track
from bridge.media.hub import Hub
from bridge.services.transcode.jobs import StillJob
from bridge.services.transcode.pool import TranscodeError


class StillWorkers(Protocol):
    """What decodes: the `WorkerPool`."""

    async def still(self, job: StillJob) -> bytes:
        """The key frame as JPEG; TranscodeError."""


@dataclass(slots=True, eq=False)
class _Still:
    """The picture of one key frame: there, or on its way to those who wait."""

    key: AccessUnit
    jpeg: bytes | None
    waiting: list["Deferred[bytes]"]


class Snapshots:
    """Keeps one picture per hub; it goes with the hub."""

    def __init__(
        self, workers: StillWorkers, spawn: Callable[[Coroutine[Any, Any, None]], object] = Deferred.fromCoroutine
    ) -> None:
        """spawn: starts a coroutine; an argument for tests."""
        self._workers = workers
        self._spawn = spawn
        self._stills: WeakKeyDictionary[Hub, _Still] = WeakKeyDictionary()

    async def still(self, hub: Hub) -> bytes | None:
        """The JPEG of the hub's latest key frame. TranscodeError when it does not decode.

        None while there is none, or while the camera is away: an old picture must not pass for a present one.
        """
        key = hub.latest_key()
        if key is None or not hub.running:
            return None
        track = hub.tracks[key.track]
        if track.codec is Codec.JPEG:
            return key.parts[0]
        still = self._stills.get(hub)
        if still is None or still.key is not key:
            still = self._stills[hub] = _Still(key, None, [])
            self._spawn(self._decode(still, track))
        if still.jpeg is not None:
            return still.jpeg
        waiting: Deferred[bytes] = Deferred()
        still.waiting.append(waiting)
        return await waiting

    async def of_unit(self, key: AccessUnit, track: Track) -> bytes:
        """The JPEG of a key frame that was recorded; not kept. TranscodeError when it does not decode."""
        return key.parts[0] if track.codec is Codec.JPEG else await self._workers.still(_job(key, track))

    async def _decode(self, still: _Still, track: Track) -> None:
        try:
            jpeg = await self._workers.still(_job(still.key, track))
        except TranscodeError:
            failure = Failure()
            # The next one who asks tries again.
            for hub, kept in list(self._stills.items()):
                if kept is still:
                    del self._stills[hub]
            for waiting in still.waiting:
                waiting.errback(failure)
            return
        still.jpeg = jpeg
        for waiting in still.waiting:
            waiting.callback(jpeg)
        still.waiting.clear()


def _job(key: AccessUnit, track: Track) -> StillJob:
    if track.medium is not Medium.VIDEO:
        raise TranscodeError(f"a {track.medium} track has no picture")
    # Parameter sets twice do no harm; a key frame without them would not decode.
    return StillJob(track.codec, (*track.parameter_sets, *key.parts))
