"""Where a viewer's packets go: the two kinds of route, and what the media floor asks of the sockets below them.

`net/writer.py` and `services/rtsp/udp.py` implement the protocols; tests implement them without sockets.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.media.outbox import Flow, Tally
from bridge.media.packets import Run

Address = tuple[Any, ...]
"""A socket address as the kernel takes it: (host, port) or (host, port, flow info, scope)."""


Frame = Callable[[bytes], bytes]
"""What a carrier of RTSP puts around each piece that is written. The same one for all connections of a kind: what was
made with it for one of them goes to all."""


class MediaWriter(Protocol):
    """The one ordered writer of an RTSP connection."""

    @property
    def frame(self) -> Frame | None:
        """What is around the units that `direct` and `interrupted` are given; None: nothing. `push` puts it there."""

    @property
    def direct(self) -> Callable[[bytes], int] | None:
        """The socket's own `send` (BlockingIOError when it is full); None when everything must go through `push`."""

    @property
    def clear(self) -> bool:
        """Whether nothing waits: only then `direct` may be called."""

    def write(self, data: bytes) -> None:
        """Replies and RTCP: in order with the media, never dropped."""

    def push(self, flow: Flow, tally: Tally, data: bytes, key: bool, packets: int, octets: int) -> None:
        """One whole access unit of `flow`: sent, queued, or dropped by the policy of the outbox.

        tally: what is counted up by `packets` and `octets` (of payload) once the unit has gone out
        """

    def interrupted(
        self, flow: Flow, tally: Tally, data: bytes, sent: int, key: bool, packets: int, octets: int
    ) -> None:
        """`direct` took only the first `sent` bytes of a unit: the rest must go out before anything else."""

    def failed(self, error: OSError) -> None:
        """`direct` raised: the connection is as good as gone."""

    def forget(self, flow: Flow) -> None:
        """Media of `flow` that wait are dropped, but for a unit that is partly on the wire."""

    def attach(self, on_blocked: Callable[[], object]) -> None:
        """`on_blocked` is called whenever the writer stops being clear."""

    def detach(self, on_blocked: Callable[[], object]) -> None:
        """No more calls."""

    def when_clear(self, call: Callable[[], object]) -> None:
        """`call` is called once, when nothing waits any more; never if the connection ends before."""


class DatagramSender(Protocol):
    """A pair of UDP ports of ours."""

    def send(self, runs: Sequence[Run], to: Collection[Address]) -> None:
        """The packets of one access unit to each of `to`. What the kernel has no room for is lost, and counted."""

    def send_rtcp(self, data: bytes, to: Address) -> None:
        """One compound from our RTCP port."""


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Inside an RTSP connection (RFC 2326 10.12)."""

    writer: MediaWriter
    rtp_channel: int
    rtcp_channel: int


@dataclass(frozen=True, slots=True)
class Datagrams:
    """By UDP unicast."""

    sender: DatagramSender
    rtp_to: Address
    rtcp_to: Address


Route = Interleaved | Datagrams
