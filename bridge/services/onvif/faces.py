"""Which device a client sees: the bridge with all its cameras, or one of its virtual devices, which has one camera.

A virtual device is a face and nothing more: the same services answer, for a principal whose rights end at its camera,
and what he has no right to does not exist. The door that a connection came in on says which face it sees, and nothing
that the client sends.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.net.addresses import Place, PublicAddress, bracketed
from bridge.system.access import Principal


@dataclass(frozen=True, slots=True)
class Identity:
    """What the device says of itself; none of it may be empty.

    endpoint: `urn:uuid:…`, the endpoint reference of WS-Discovery; never changes
    """

    manufacturer: str
    model: str
    firmware: str
    serial: str
    hardware: str
    endpoint: str

    @property
    def mac(self) -> str:
        """A hardware address where the device has none of its own: locally administered, and it stays."""
        digits = self.endpoint.replace("-", "")[-10:]
        return ":".join(["02", *(digits[i : i + 2] for i in range(0, 10, 2))])

    def of_camera(self, camera_id: str) -> "Identity":
        """Of the virtual device of a camera: made of ours and of its id, so it comes back after every start."""
        own = uuid.uuid5(uuid.UUID(self.endpoint.removeprefix("urn:uuid:")), camera_id)
        return replace(self, serial=own.hex[-12:], hardware=camera_id, endpoint=own.urn)


@dataclass(frozen=True, slots=True)
class Face:
    """One device as clients see it.

    camera:  id of the only camera that is there; "": all of them
    address: an address of this device's own; "": those of the door
    port:    of this device; 0: the bridge's
    """

    identity: Identity
    scopes: tuple[str, ...]
    camera: str = ""
    address: str = ""
    port: int = 0

    def seen_by(self, principal: Principal | None) -> Principal | None:
        """The principal as far as this device reaches."""
        return principal.only(self.camera) if principal is not None and self.camera else principal

    def public(self, public: PublicAddress) -> PublicAddress:
        """The bridge's outer port is no virtual device's, nor its outer address one that has an address of its own."""
        if not self.camera:
            return public
        return replace(public, onvif_port=0, host="" if self.address else public.host)


class Faces:
    """The faces by the doors that show them."""

    def __init__(self, own: Face) -> None:
        self.own = own
        """The bridge itself: what every door shows that is no virtual device's."""
        self._virtual: Mapping[Place, Face] = {}

    def replace(self, virtual: Mapping[Place, Face]) -> None:
        """The virtual devices from now on, each by the place that it listens at."""
        self._virtual = dict(virtual)

    def at(self, address: str, port: int) -> Face:
        """What a client sees whose connection came in here."""
        if not self._virtual:
            return self.own
        by_port = self._virtual.get(("", port), self.own)
        return self._virtual.get((bracketed(address), port), by_port)
