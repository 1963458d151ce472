"""The operation table: what we do with every operation of the services, and who may call it.

The table is data, `operations.json` beside the schemas; the services, the tests and the conformance runner read it.
Access classes are ONVIF Core's ("Access classes for service requests"), the defaults of its default access policy.
"""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.base.errors import ConfigurationError
from bridge.system.access import Role


class AccessClass(enum.StrEnum):
    """What an operation does to the device, as Core classifies it."""

    PRE_AUTH = "PRE_AUTH"
    READ_SYSTEM = "READ_SYSTEM"
    READ_SYSTEM_SENSITIVE = "READ_SYSTEM_SENSITIVE"
    READ_SYSTEM_SECRET = "READ_SYSTEM_SECRET"  # noqa: S105 - a class of operations
    WRITE_SYSTEM = "WRITE_SYSTEM"
    UNRECOVERABLE = "UNRECOVERABLE"
    READ_MEDIA = "READ_MEDIA"
    ACTUATE = "ACTUATE"


_USER = frozenset({AccessClass.PRE_AUTH, AccessClass.READ_SYSTEM, AccessClass.READ_MEDIA})
ALLOWED: Mapping[Role, frozenset[AccessClass]] = {
    Role.ADMINISTRATOR: frozenset(AccessClass),
    Role.OPERATOR: _USER | {AccessClass.READ_SYSTEM_SENSITIVE, AccessClass.ACTUATE},
    Role.VIEWER: _USER,
}


@dataclass(frozen=True, slots=True)
class OperationPolicy:
    """One row of the table.

    served:  whether a handler answers; otherwise ter:ActionNotSupported does, followed by `subcode` if there is one
    acts:    it does something (kind `ctl`), so it goes into the audit log
    request: QName `{namespace}local` of its element in Body
    """

    service: str
    operation: str
    access: AccessClass
    served: bool
    acts: bool
    subcode: str
    request: str


def read_policies(data: bytes) -> dict[tuple[str, str], OperationPolicy]:
    """operations.json -> policy of each (service, operation). Raises ConfigurationError that names the row."""
    policies = {}
    for row in json.loads(data):
        try:
            policy = OperationPolicy(
                service=row["service"],
                operation=row["operation"],
                access=AccessClass(row["access"]),
                served=row["decision"] == "serve",
                acts=row["kind"] == "ctl",
                subcode=row.get("reason_subcode", ""),
                request=f"{{{row['namespace']}}}{row.get('element', row['operation'])}",
            )
        except (KeyError, ValueError) as error:
            raise ConfigurationError(f"operations.json, {row.get('operation', row)!r}: {error}") from None
        policies[policy.service, policy.operation] = policy
    return policies
