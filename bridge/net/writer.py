"""The one ordered writer of an RTSP connection: replies, RTCP and media (`bridge.media.routes.MediaWriter`).

While it is alive nothing else writes to the transport: what two writers send would overtake each other, and media that
overtake the PLAY reply cost a client the whole cached GOP. It tries the socket directly; what the kernel does not take
waits in an `Outbox`, which decides what a slow viewer loses, until the reactor says that the socket is writable.

A transport that is no plain socket (TLS) is written through Twisted: `direct` is None there, and a push producer says
when the transport's own buffer is full; `queued_bytes` of the transport, where it has it, says how full.
"""

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.time import NS_PER_S, Clock
from bridge.media.outbox import STALL_NS, Flow, Outbox, Tally
from bridge.media.routes import Frame

_TO_NEXT_MS = 0.001
_LOOK_S = 1.0


def _ignore(reason: str) -> None:
    """Nobody wants to know."""


@implementer(IWriteDescriptor, IPushProducer)
class ConnectionWriter:
    """See the module. `close` must be called from connectionLost."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorFDSet and IReactorTime; test reactors provide parts of them
        clock: Clock,
        transport: Any,  # an ITCPTransport, or what wraps one
        *,
        on_close: Callable[[str], object] = _ignore,
        frame: Frame | None = None,
    ) -> None:
        """
        on_close: called once with a reason when the writer gives the connection up (stalled, overrun, error)
        frame:    what the carrier wants around each piece that is written
        """
        self.frame = frame
        self._reactor = reactor
        self._clock = clock
        self._transport = transport
        self._on_close = on_close
        self._outbox = Outbox()
        self._listeners: list[Callable[[], object]] = []
        self._waiting: list[Callable[[], object]] = []
        handle = transport.getHandle()
        self._socket: socket.socket | None = handle if isinstance(handle, socket.socket) else None
        self._watching = False
        self._paused = False
        self._closed = False
        self._losing = False
        self._timer: Any = None
        self._held = 0
        self._patience_ns = STALL_NS
        self._held_since = clock.monotonic_ns()
        self.direct: Callable[[bytes], int] | None = None
        if self._socket is not None:
            transport.setTcpNoDelay(True)
            self.direct = self._socket.send
        else:
            transport.registerProducer(self, True)

    @property
    def clear(self) -> bool:
        """Whether nothing waits and the connection is alive."""
        return not (self._outbox or self._closed or self._losing or self._paused)

    @property
    def queue_bytes(self) -> int:
        """Bytes that wait."""
        return self._outbox.size_bytes

    def attach(self, on_blocked: Callable[[], object]) -> None:
        """`on_blocked` is called whenever the writer stops being clear."""
        self._listeners.append(on_blocked)

    def detach(self, on_blocked: Callable[[], object]) -> None:
        """No more calls."""
        if on_blocked in self._listeners:
            self._listeners.remove(on_blocked)

    def when_clear(self, call: Callable[[], object]) -> None:
        """`call` is called once, when nothing waits any more; never if the connection ends before."""
        if not self._closed and call not in self._waiting:
            self._waiting.append(call)

    def write(self, data: bytes, *, bare: bool = False) -> None:
        """Replies and RTCP: in order with the media, never dropped. bare: a word of the carrier's own, as it is."""
        if self._closed:
            return
        if self.frame is not None and not bare:
            data = self.frame(data)
        sent = self._try(data) if self.clear else 0
        if sent < len(data) and not self._closed:
            was_clear = self.clear
            self._outbox.put(data, self._clock.monotonic_ns(), sent=sent)
            if self._outbox.overrun:
                self._give_up("overrun: the client sends requests and does not read the replies")
            elif was_clear:
                self._block()

    def push(self, flow: Flow, tally: Tally, data: bytes, key: bool, packets: int, octets: int) -> None:
        """One whole access unit of `flow`: sent, queued, or dropped by the policy of the outbox."""
        if self._closed or self._losing:
            return
        self._patience_ns = flow.stall_ns
        if self.frame is not None:
            data = self.frame(data)
        sent = 0
        if self.clear and (key or not flow.waits_for_key):
            sent = self._try(data)
            if sent == len(data):
                tally.add(1, packets, octets)
                if key:
                    flow.resume()
                return
        self._keep(flow, tally, data, sent, key, packets, octets)

    def interrupted(
        self, flow: Flow, tally: Tally, data: bytes, sent: int, key: bool, packets: int, octets: int
    ) -> None:
        """`direct` took only the first `sent` bytes of a unit: the rest must go out before anything else."""
        self._keep(flow, tally, data, sent, key, packets, octets)

    def _keep(self, flow: Flow, tally: Tally, data: bytes, sent: int, key: bool, packets: int, octets: int) -> None:
        if self._closed:
            return
        was_clear = self.clear
        now = self._clock.monotonic_ns()
        if self._outbox.put_media(flow, tally, data, key, packets, octets, now, sent=sent) and was_clear:
            self._block()

    def forget(self, flow: Flow) -> None:
        """Media of `flow` that wait are dropped, but for a unit that is partly on the wire."""
        self._outbox.forget(flow)

    def failed(self, error: OSError) -> None:
        """The socket said that the connection is gone."""
        self._give_up(f"error: {error.strerror or error}")

    def lose(self) -> None:
        """Closes the connection once the replies that wait have gone out; media that wait do not go out."""
        if self._closed or self._losing:
            return
        self._losing = True
        self._outbox.forget_media()
        self._tell_blocked()
        if not self._outbox:
            self._finish()

    def close(self) -> None:
        """The connection is gone (call from connectionLost): lets everything go."""
        if not self._closed:
            self._closed = True
            self._release()
            self._tell_blocked()

    def _try(self, data: bytes | memoryview) -> int:
        """Hands `data` to the kernel, or to Twisted where there is no socket; how much of it was taken."""
        if self.direct is None:
            # Twisted takes all, and pauses us when that was too much.
            self._transport.write(bytes(data))
            return len(data)
        try:
            return self.direct(data)  # type: ignore[arg-type]  # send takes any buffer; callers of `direct` give bytes
        except BlockingIOError:
            return 0
        except OSError as error:
            self.failed(error)
            return 0

    def _block(self) -> None:
        """Something waits: asks the reactor, watches for a stall and tells the fan-out."""
        if self._socket is not None and not self._watching:
            self._watching = True
            self._reactor.addWriter(self)
        if self._timer is None and self._socket is not None:
            self._watch_stall()
        self._tell_blocked()

    def _tell_blocked(self) -> None:
        for on_blocked in tuple(self._listeners):
            on_blocked()

    def _watch_stall(self) -> None:
        """One timer, set again only when it fires: progress costs nothing."""
        self._timer = None
        now = self._clock.monotonic_ns()
        due = self._outbox.next_timeout()
        if due is None or self._closed:
            return
        if self._outbox.stalled(now):
            self._give_up("stalled: the client has read nothing for too long")
            return
        self._timer = self._reactor.callLater((due - now) / NS_PER_S + _TO_NEXT_MS, self._watch_stall)

    def _watch_pause(self) -> None:
        """The same without a socket of ours: what the transport holds must become less.

        The outbox cannot tell: none of its entries is ever partly on the wire there, so all of them may be dropped. How
        long is waited the flow says that wrote last.
        """
        self._timer = None
        if self._closed or not self._paused:
            return
        now, held = self._clock.monotonic_ns(), self._held_bytes()
        if held != self._held:
            self._held, self._held_since = held, now
        elif now - self._held_since >= self._patience_ns:
            self._give_up("stalled: the client has read nothing for too long")
            return
        self._timer = self._reactor.callLater(_LOOK_S, self._watch_pause)

    def _held_bytes(self) -> int:
        return int(getattr(self._transport, "queued_bytes", 0))

    def doWrite(self) -> None:
        """The socket is writable: sends until it is full or nothing waits."""
        while (head := self._outbox.head()) is not None:
            sent = self._try(head)
            if self._closed:
                return
            self._outbox.sent(sent, self._clock.monotonic_ns())
            if sent < len(head) or self._paused:
                return
        self._unwatch()
        if self._losing:
            self._finish()
            return
        # In turn: who stops the writer from being clear again waits behind the others.
        while self._waiting and self.clear:
            self._waiting.pop(0)()

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._reactor.removeWriter(self)

    def _release(self) -> None:
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._outbox.clear()
        self._waiting.clear()

    def _finish(self) -> None:
        """Everything has gone out: the transport closes."""
        self._closed = True
        self._release()
        if self._socket is None:
            self._transport.unregisterProducer()
        self._transport.loseConnection()

    def _give_up(self, reason: str) -> None:
        """The connection is cut; connectionLost follows from the reactor."""
        if self._closed:
            return
        self._closed = True
        self._release()
        self._tell_blocked()
        self._transport.abortConnection()
        self._on_close(reason)

    def fileno(self) -> int:
        """For the reactor."""
        return -1 if self._socket is None else self._socket.fileno()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found the file descriptor gone."""
        self._give_up(f"error: {reason.getErrorMessage()}")

    def logPrefix(self) -> str:
        """For Twisted's own log."""
        return "rtsp writer"

    def pauseProducing(self) -> None:
        """Without a socket of ours: the transport's buffer is full."""
        self._paused = True
        self._held, self._held_since = self._held_bytes(), self._clock.monotonic_ns()
        if self._timer is None:
            self._timer = self._reactor.callLater(_LOOK_S, self._watch_pause)
        self._tell_blocked()

    def resumeProducing(self) -> None:
        """Without a socket of ours: the transport's buffer has room."""
        self._paused = False
        self.doWrite()

    def stopProducing(self) -> None:
        """Without a socket of ours: the transport is closing."""
        self.close()
