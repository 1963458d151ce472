"""Requests to change a camera that are answered as done and change nothing, for clients that give up otherwise.

Only where `[clients]` says so: a bridge has nothing to be changed, and ter:ActionNotSupported is the truth. Who may
not change anything is refused all the same.
"""

from collections.abc import Mapping
from dataclasses import replace

from bridge.services.onvif.call import Answer, Call, Handler, Request
from bridge.services.onvif.policy import OperationPolicy

IGNORED: Mapping[str, tuple[str, ...]] = {
    "media": ("SetVideoSourceConfiguration", "SetVideoEncoderConfiguration", "SetAudioEncoderConfiguration"),
    "media2": ("SetVideoSourceConfiguration", "SetVideoEncoderConfiguration", "SetAudioEncoderConfiguration"),
}
"""What Scrypted (koush/scrypted issue 1585) and recorders set when a camera is added. Their answers are empty."""

Policies = Mapping[tuple[str, str], OperationPolicy]


def ignoring(policies: Policies) -> Policies:
    """The table in which those operations are served, and audited as they claim to do something."""
    keys = {(service, name) for service, names in IGNORED.items() for name in names}
    return {key: replace(one, served=True, acts=True) if key in keys else one for key, one in policies.items()}


def handlers_for(service: str) -> dict[str, Handler]:
    """Handlers of what is ignored of that service."""
    return dict.fromkeys(IGNORED.get(service, ()), _done)


def _done(_call: Call, _request: Request) -> Answer:
    return {}
