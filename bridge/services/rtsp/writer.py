"""The one ordered writer of an RTSP connection: replies, RTCP and media. (Being written: the interface stands.)

See `bridge.media.routes.MediaWriter` for what the fan-out calls.
"""

from collections.abc import Callable
from typing import Any

from bridge.base.time import Clock


class ConnectionWriter:
    """See the module. While it is alive nothing else writes to the transport."""

    def __init__(
        self, reactor: Any, clock: Clock, transport: Any, *, on_close: Callable[[str], object] = lambda reason: None
    ) -> None:
        """on_close: called once with a reason when the writer gives the connection up (stalled, overrun, error)."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Replies and RTCP: in order with the media, never dropped."""
        raise NotImplementedError

    def lose(self) -> None:
        """Closes the connection once the replies that wait have gone out."""
        raise NotImplementedError

    def close(self) -> None:
        """The connection is gone (call from connectionLost): lets everything go."""
        raise NotImplementedError

    @property
    def queue_bytes(self) -> int:
        """Bytes that wait."""
        raise NotImplementedError
