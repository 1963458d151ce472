"""Which GET and which POST make one tunnel of RTSP through HTTP, and for how long one waits for the other.

Apple, "Tunneling RTSP and RTP through HTTP": both carry one `x-sessioncookie` of the client's making. They may come in
either order; the POST may go and come again while the GET stays; when the GET goes, all is over. A cookie counts
together with the address that it comes from: a stranger who guesses one joins nothing, and clients with poor random
numbers do not meet.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.wire.rtsp.tunnel import COOKIE_HEADER, is_cookie

GetT = TypeVar("GetT")
PostT = TypeVar("PostT")


@dataclass(frozen=True, slots=True)
class TunnelLimits:
    """Of tunnels that lack a half. Nobody has logged in there yet, so they are few and short.

    half_open:             of all addresses; beyond it a further one is refused (503)
    half_open_per_address: the same of one address
    wait_ns:               for the other half
    """

    half_open: int = 200
    half_open_per_address: int = 20
    wait_ns: int = 10 * NS_PER_S


@dataclass(slots=True, eq=False)
class Tunnel(Generic[GetT, PostT]):
    """One pair, or a half that waits for the other one.

    get, post: whatever the shell holds of each; None: not there
    due:       when the wait for the other half is over; None: they have met
    """

    address: str
    cookie: str = field(repr=False)
    get: GetT | None = None
    post: PostT | None = None
    due: MonotonicNs | None = None


class Tunnels(Generic[GetT, PostT]):
    """All tunnels of a server. Every `joined_*` raises RemoteProtocolError with the HTTP status of a refusal."""

    def __init__(self, limits: TunnelLimits = TunnelLimits()) -> None:
        self._limits = limits
        self._tunnels: dict[tuple[str, str], Tunnel[GetT, PostT]] = {}
        self._half_open: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._tunnels)

    @property
    def half_open(self) -> int:
        """How many wait for their other half."""
        return self._half_open.total()

    def joined_by_get(self, address: str, cookie: str, get: GetT, now: MonotonicNs) -> Tunnel[GetT, PostT]:
        """The tunnel that a GET belongs to from now on."""
        tunnel = self._find(address, cookie)
        if tunnel is not None and tunnel.get is not None:
            raise RemoteProtocolError(f"{COOKIE_HEADER} is in use by another GET of {address}", status=409)
        tunnel = self._joined(tunnel, address, cookie, now)
        tunnel.get = get
        return tunnel

    def joined_by_post(
        self, address: str, cookie: str, post: PostT, now: MonotonicNs
    ) -> tuple[Tunnel[GetT, PostT], PostT | None]:
        """The tunnel that a POST belongs to from now on, and the POST that it had before.

        A client opens another one because it gave up the first, whose end may still be on its way to us.
        """
        tunnel = self._find(address, cookie)
        if tunnel is not None and tunnel.get is None:
            raise RemoteProtocolError(f"{COOKIE_HEADER} is in use by another POST of {address}", status=409)
        tunnel = self._joined(tunnel, address, cookie, now)
        before, tunnel.post = tunnel.post, post
        return tunnel, before

    def post_lost(self, tunnel: Tunnel[GetT, PostT], post: PostT) -> None:
        """That POST has gone. The GET waits for the next one as long as RTSP lets it; a POST that was alone is over."""
        if tunnel.post is post:
            tunnel.post = None
            if tunnel.get is None:
                self.ended(tunnel)

    def ended(self, tunnel: Tunnel[GetT, PostT]) -> None:
        """It is over: its GET has gone, or it was given up."""
        self._met(tunnel)
        if self._tunnels.get((tunnel.address, tunnel.cookie)) is tunnel:
            del self._tunnels[tunnel.address, tunnel.cookie]

    def waiting(self) -> list[Tunnel[GetT, PostT]]:
        """Those that lack a half."""
        return [tunnel for tunnel in self._tunnels.values() if tunnel.due is not None]

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` should be called."""
        return min((tunnel.due for tunnel in self._tunnels.values() if tunnel.due is not None), default=None)

    def on_timeout(self, now: MonotonicNs) -> list[Tunnel[GetT, PostT]]:
        """Those whose other half did not come; they are out of the table."""
        late = [tunnel for tunnel in self._tunnels.values() if tunnel.due is not None and tunnel.due <= now]
        for tunnel in late:
            self.ended(tunnel)
        return late

    def _find(self, address: str, cookie: str) -> Tunnel[GetT, PostT] | None:
        if not is_cookie(cookie):
            raise RemoteProtocolError(
                f"{COOKIE_HEADER} {cookie[:24]!r}: expected 1 to 128 visible characters", status=400
            )
        return self._tunnels.get((address, cookie))

    def _joined(
        self, tunnel: Tunnel[GetT, PostT] | None, address: str, cookie: str, now: MonotonicNs
    ) -> Tunnel[GetT, PostT]:
        """The tunnel, which has both halves now; or a new one that waits."""
        if tunnel is not None:
            self._met(tunnel)
            return tunnel
        limits = self._limits
        if self.half_open >= limits.half_open or self._half_open[address] >= limits.half_open_per_address:
            raise RemoteProtocolError(f"too many tunnels of {address} wait for their other half", status=503)
        made: Tunnel[GetT, PostT] = Tunnel(address, cookie, due=MonotonicNs(now + limits.wait_ns))
        self._tunnels[address, cookie] = made
        self._half_open[address] += 1
        return made

    def _met(self, tunnel: Tunnel[GetT, PostT]) -> None:
        """It waits no more."""
        if tunnel.due is not None:
            tunnel.due = None
            self._half_open[tunnel.address] -= 1
            self._half_open += Counter()  # drops what stands at zero
