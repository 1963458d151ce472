"""Our answers read by zeep with the schemas of 2012 that onvif-zeep ships: what today's Python clients still use."""

import functools
import warnings
from pathlib import Path

import pytest
from lxml import etree

from tests.services.onvif.bridge_setting import Bridge, rows
from tests.services.onvif.test_served import FAULTS, arguments_of

pytestmark = pytest.mark.interop
onvif = pytest.importorskip("onvif")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from zeep import Settings, Transport
    from zeep.wsdl import Document

WSDL = {"device": "devicemgmt.wsdl"} | {
    name: f"{name}.wsdl" for name in ("media", "deviceio", "recording", "search", "replay")
}


@functools.cache
def operations(service):
    folder = Path(onvif.__file__).parent.parent / "wsdl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = Document(str(folder / WSDL[service]), Transport(), settings=Settings(strict=False))
    return {name: each for binding in document.bindings.values() for name, each in binding._operations.items()}


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


ROWS = [
    row
    for row in rows()
    if row["decision"] == "serve" and row["service"] in WSDL and (row["service"], row["operation"]) not in FAULTS
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['service']}.{row['operation']}")
def test_read(bridge, row):
    service, name = row["service"], row["operation"]
    operation = operations(service).get(name)
    if operation is None:
        pytest.skip("the schema of 2012 does not have it")
    answer = bridge.post(service, name, arguments_of(bridge, (service, name)), namespace=row["namespace"])
    # As it goes over the wire, so that prefixes stand where we put them.
    envelope = etree.fromstring(etree.tostring(answer.root))
    value = operation.output.deserialize(envelope)
    if len(answer.body):
        assert value is not None


def test_values_arrive(bridge):
    answer = bridge.post("media", "GetProfiles")
    profiles = operations("media")["GetProfiles"].output.deserialize(answer.root)
    assert [profile.token for profile in profiles][:2] == ["gate.main", "gate.middle"]
    encoder = profiles[0].VideoEncoderConfiguration
    assert (encoder.Encoding, encoder.Resolution.Width, encoder.H264.H264Profile) == ("H264", 1920, "High")
    assert encoder.Multicast.Address.IPv4Address == "0.0.0.0"
    answer = bridge.post("device", "GetCapabilities")
    capabilities = operations("device")["GetCapabilities"].output.deserialize(answer.root)
    assert capabilities.Media.XAddr.endswith("/onvif/media_service")
    assert capabilities.Events is None
