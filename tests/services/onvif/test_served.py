"""Every operation of the table: served ones answer by the schema, the others with the right fault."""

import pytest
from lxml import etree

from bridge.services.onvif.schemas import SERVICES, schema_folder
from bridge.services.onvif.served import SERVED
from tests.services.onvif.bridge_setting import Bridge, rows

ROWS = rows()
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
PROFILE, CONFIGURATION = "<ProfileToken>{0}</ProfileToken>", "<ConfigurationToken>{0}</ConfigurationToken>"
SETUP = (
    "<StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    "</StreamSetup>"
)

# Arguments of the operations that need some; all of them name things that exist.
ARGUMENTS = {
    ("device", "GetServices"): "<IncludeCapability>true</IncludeCapability>",
    ("media", "GetProfile"): PROFILE.format("gate.main"),
    ("media", "GetStreamUri"): SETUP + PROFILE.format("gate.main"),
    ("media", "GetSnapshotUri"): PROFILE.format("gate.main"),
    ("media", "SetSynchronizationPoint"): PROFILE.format("gate.main"),
    ("media", "GetVideoSourceConfiguration"): CONFIGURATION.format("gate"),
    ("media", "GetAudioSourceConfiguration"): CONFIGURATION.format("gate"),
    ("media", "GetVideoEncoderConfiguration"): CONFIGURATION.format("gate.sub"),
    ("media", "GetAudioEncoderConfiguration"): CONFIGURATION.format("gate.sub"),
    ("media", "GetGuaranteedNumberOfVideoEncoderInstances"): CONFIGURATION.format("gate"),
    ("media", "GetOSDOptions"): CONFIGURATION.format("gate"),
    ("media2", "GetStreamUri"): "<Protocol>RTSP</Protocol>" + PROFILE.format("yard.main"),
    ("media2", "GetSnapshotUri"): PROFILE.format("yard.main"),
    ("media2", "SetSynchronizationPoint"): PROFILE.format("yard.main"),
    ("media2", "GetVideoEncoderInstances"): CONFIGURATION.format("yard"),
    ("media2", "GetOSDOptions"): CONFIGURATION.format("gate"),
}
for name in ("VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder", "Metadata"):
    ARGUMENTS["media", f"GetCompatible{name}Configurations"] = PROFILE.format("gate.main")

# Served, but what is here has none of it: arguments and the fault.
FAULTS = {
    ("device", "SetRelayOutputState"): (
        "<RelayOutputToken>r</RelayOutputToken><LogicalState>active</LogicalState>",
        "Sender/InvalidArgVal/RelayToken",
    ),
    ("media", "GetMetadataConfiguration"): (CONFIGURATION.format("m"), "Sender/InvalidArgVal/NoConfig"),
    ("media", "GetOSD"): ("<OSDToken>o</OSDToken>", "Sender/InvalidArgVal/NoConfig"),
    ("media", "GetVideoSourceModes"): (
        "<VideoSourceToken>gate</VideoSourceToken>",
        "Receiver/ActionNotSupported",
    ),
    ("media2", "GetVideoSourceModes"): ("<VideoSourceToken>gate</VideoSourceToken>", "Receiver/ActionNotSupported"),
    ("media", "GetVideoAnalyticsConfigurations"): ("", "Sender/ActionNotSupported/VideoAnalyticsNotSupported"),
    ("media", "GetVideoAnalyticsConfiguration"): (
        CONFIGURATION.format("a"),
        "Sender/ActionNotSupported/VideoAnalyticsNotSupported",
    ),
    ("media", "GetCompatibleVideoAnalyticsConfigurations"): (
        PROFILE.format("gate.main"),
        "Sender/ActionNotSupported/VideoAnalyticsNotSupported",
    ),
}
FAULTS["deviceio", "SetRelayOutputState"] = FAULTS["device", "SetRelayOutputState"]


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


def ids(row):
    return f"{row['service']}.{row['operation']}"


def namespace(row):
    """Where the elements that are the operation's request live; the arguments of our tests follow it."""
    return row["namespace"]


SERVE = [row for row in ROWS if row["decision"] == "serve"]
NOT_SERVED = [row for row in ROWS if row["decision"] != "serve"]


@pytest.mark.parametrize("row", SERVE, ids=ids)
def test_served(bridge, row):
    key = row["service"], row["operation"]
    if key in FAULTS:
        arguments, fault = FAULTS[key]
        assert bridge.fault(*key, arguments, namespace=namespace(row)) == fault
    else:
        answer = bridge.ask(*key, ARGUMENTS.get(key, ""), namespace=namespace(row))
        assert etree.QName(answer).localname == f"{row['operation']}Response"


@pytest.mark.parametrize("row", NOT_SERVED, ids=ids)
def test_not_served(bridge, row):
    # Support is decided before arguments are looked at: these are none.
    expected = "Receiver/ActionNotSupported" + (f"/{row['reason_subcode']}" if row["reason_subcode"] else "")
    # A service that is not built has no path: clients that post everything to one get there, too.
    service = row["service"] if row["service"] in SERVED else "device"
    element = row.get("element", row["operation"])
    assert bridge.fault(service, element, namespace=namespace(row)) == expected


def test_reason_of_what_is_not_served(bridge):
    # Home Assistant looks for these words.
    reply = bridge.post("device", "SystemReboot")
    assert "Optional Action Not Implemented" in etree.tostring(reply.body).decode()


def wsdl_operations(service):
    tree = etree.parse(schema_folder() / "official" / SERVICES[service].wsdl).getroot()
    return {each.get("name") for port in tree.iter(f"{WSDL}portType") for each in port.iter(f"{WSDL}operation")}


@pytest.mark.parametrize("service", sorted({row["service"] for row in ROWS}))
def test_table_knows_every_operation(service):
    listed = [row["operation"] for row in ROWS if row["service"] == service]
    assert len(listed) == len(set(listed))
    assert wsdl_operations(service) <= set(listed)


def test_table_is_sorted_one_object_a_line():
    keys = [(row["service"], row["operation"]) for row in ROWS]
    assert keys == sorted(keys)
    lines = (schema_folder() / "operations.json").read_text().splitlines()
    assert len(lines) == len(ROWS) + 2


def test_table_words():
    for row in ROWS:
        assert row["kind"] in ("get", "ctl", "set"), ids(row)
        assert row["decision"] in ("serve", "ans", "later"), ids(row)
        assert row["s"] in ("M", "C", "O", "-"), ids(row)
        assert row["g"] in ("M", "C", "O", "-"), ids(row)
        assert row["kind"] != "set" or row["decision"] == "ans" or row["operation"] == "SetReplayConfiguration"


def test_what_is_not_built_is_advertised_nowhere(bridge):
    text = etree.tostring(bridge.ask("device", "GetServices", "<IncludeCapability>false</IncludeCapability>")).decode()
    text += etree.tostring(bridge.ask("device", "GetCapabilities")).decode()
    for name in sorted(SERVICES.keys() - set(SERVED)):
        assert SERVICES[name].path not in text
