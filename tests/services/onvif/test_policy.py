import json

import pytest

from bridge.base.errors import ConfigurationError
from bridge.services.onvif.policy import ALLOWED, AccessClass, read_policies
from bridge.services.onvif.schemas import schema_folder
from bridge.system.access import Role
from tests.onvif_schemas import all_services

ROW = {
    "service": "media",
    "namespace": "http://www.onvif.org/ver10/media/wsdl",
    "operation": "GetProfiles",
    "kind": "get",
    "access": "READ_MEDIA",
    "decision": "serve",
}


def test_a_row() -> None:
    (policy,) = read_policies(json.dumps([ROW]).encode()).values()
    assert (policy.served, policy.acts, policy.access) == (True, False, AccessClass.READ_MEDIA)
    assert policy.request == "{http://www.onvif.org/ver10/media/wsdl}GetProfiles"


@pytest.mark.parametrize("row", [{**ROW, "access": "READ_TEA"}, {key: ROW[key] for key in ROW if key != "kind"}])
def test_a_wrong_row_is_named(row: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="GetProfiles"):
        read_policies(json.dumps([row]).encode())


def test_the_table_knows_every_operation_of_its_services() -> None:
    policies = read_policies((schema_folder() / "operations.json").read_bytes())
    schemas = {(each.service, each.name): each for found in all_services()[1].values() for each in found}
    for key in policies:
        assert key in schemas
    services = {service for service, _ in policies}
    assert {key for key in schemas if key[0] in services} == set(policies)
    for key, policy in policies.items():
        if policy.access is AccessClass.PRE_AUTH:
            assert not policy.acts, key


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (Role.VIEWER, "READ_MEDIA", "ACTUATE"),
        (Role.VIEWER, "READ_SYSTEM", "READ_SYSTEM_SENSITIVE"),
        (Role.OPERATOR, "ACTUATE", "READ_SYSTEM_SECRET"),
        (Role.OPERATOR, "READ_SYSTEM_SENSITIVE", "WRITE_SYSTEM"),
    ],
)
def test_roles(role: Role, may: str, may_not: str) -> None:
    assert AccessClass(may) in ALLOWED[role]
    assert AccessClass(may_not) not in ALLOWED[role]
    assert ALLOWED[Role.ADMINISTRATOR] == frozenset(AccessClass)
