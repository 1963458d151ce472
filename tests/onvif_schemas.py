"""The official schemas, compiled once for all tests (about a second)."""

import functools

from bridge.services.onvif.schemas import SERVICES, loader
from bridge.wire.soap.schema import Operation, Schemas


@functools.cache
def all_services() -> tuple[Schemas, dict[str, tuple[Operation, ...]]]:
    """The compiled schemas and the operations of every service."""
    schemas = Schemas(loader("official"), loader("prepared"))
    return schemas, {service.name: schemas.add(service.name, service.wsdl) for service in SERVICES.values()}


def operation(service: str, name: str) -> Operation:
    """One operation."""
    return next(each for each in all_services()[1][service] if each.name == name)
