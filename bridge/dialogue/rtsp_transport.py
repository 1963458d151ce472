"""Which of a client's transports a track takes (RFC 2326 12.39, ONVIF Streaming specification 5.1): the first we can.

We can do RTP over UDP unicast, inside the RTSP connection, and by multicast where the track has a group. RTP straight
over TCP (RFC 4571) and SRTP get 461.
"""

import ipaddress
from collections.abc import Iterable

from bridge.base.errors import RemoteProtocolError
from bridge.dialogue.rtsp_presentation import MulticastRoute
from bridge.dialogue.rtsp_session import InterleavedRoute, Leg, Route, UdpRoute
from bridge.wire.rtsp.headers import LowerTransport, Transport

CHANNELS = 256


def choose_route(
    offers: Iterable[Transport],
    *,
    peer_host: str,
    taken: set[int],
    beside: Route | None = None,
    group: MulticastRoute | None = None,
    secure: bool = False,
) -> Route:
    """The route of the first offer that we can serve. Raises RemoteProtocolError: 461, or 462 for another's address.

    peer_host: where the RTSP connection comes from; packets go nowhere else, or we would flood whom a client names
    taken:     channels of the connection that are in use
    beside:    a route that the session has already; all of one session are of one kind
    secure:    the connection is RTSP over TLS, whose client does not expect that media travel beside it in clear
    group:     where the track is to be had by multicast. A client that names another one is answered with this: where
               we flood is not for clients to say (RFC 2326 11.3.9)
    """
    elsewhere = False
    for offer in offers:
        if offer.profile != "RTP/AVP" or offer.mode not in ("", "PLAY"):
            continue
        if offer.multicast:
            fits = offer.lower is LowerTransport.UDP and isinstance(beside, MulticastRoute | None)
            if group is not None and fits and not secure:
                return group
            continue
        if offer.lower is LowerTransport.TCP:
            if isinstance(beside, InterleavedRoute | None) and (channels := _channels(offer.interleaved, taken)):
                return InterleavedRoute(*channels)
            continue
        if secure or offer.client_port is None or 0 in offer.client_port or not isinstance(beside, UdpRoute | None):
            continue
        if offer.destination and not same_host(offer.destination, peer_host):
            elsewhere = True
            continue
        return UdpRoute(peer_host, offer.client_port)
    if elsewhere:
        raise RemoteProtocolError("Transport: destination is another host", clause="RFC 2326 11.3.9", status=462)
    raise RemoteProtocolError("Transport: none of them can be served", clause="RFC 2326 11.3.8", status=461)


def transport_of(leg: Leg) -> str:
    """The Transport header that answers SETUP."""
    route = leg.route
    if isinstance(route, InterleavedRoute):
        channels = (route.rtp_channel, route.rtcp_channel)
        return Transport(lower=LowerTransport.TCP, interleaved=channels, ssrc=leg.ssrc).format()
    if isinstance(route, MulticastRoute):
        return Transport(
            multicast=True, destination=route.host, port=route.ports, ttl=route.ttl, ssrc=leg.ssrc
        ).format()
    return Transport(
        client_port=route.client_ports, server_port=route.server_ports, source=route.source, ssrc=leg.ssrc
    ).format()


def same_host(one: str, other: str) -> bool:
    """Whether two texts are the same address; names are not looked up, so they are never the same."""
    try:
        return _address(one) == _address(other)
    except ValueError:
        return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.strip("[]"))
    return getattr(address, "ipv4_mapped", None) or address


def _channels(asked: tuple[int, int] | None, taken: set[int]) -> tuple[int, int] | None:
    """The pair asked for, or the first free even pair when there is none or it clashes; None: all are in use."""
    if asked and asked[0] != asked[1] and not taken & set(asked):
        return asked
    return next(((n, n + 1) for n in range(0, CHANNELS, 2) if not taken & {n, n + 1}), None)
