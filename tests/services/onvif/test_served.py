"""Every operation of the table: served ones answer by the schema, the others with the right fault."""

import re

import pytest
from lxml import etree
from twisted.internet.defer import Deferred

from bridge.services.onvif.schemas import SERVICES, schema_folder
from bridge.services.onvif.served import SERVED
from bridge.services.onvif.slices import SLICE_NS
from bridge.system.catalogue import Camera
from tests.services.onvif.bridge_setting import (
    AAC,
    H264_MAIN,
    H264_SUB,
    Bridge,
    fixture_cameras,
    fixture_recordings,
    rows,
    run,
    stream,
)

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
RECORDING, JOB = "<RecordingToken>rec-gate.main</RecordingToken>", "<JobToken>job-gate.main</JobToken>"
EVERYWHERE = "<Scope/><KeepAliveTime>PT10S</KeepAliveTime>"
EVENTS = (
    "<StartPoint>2027-01-14T00:00:00Z</StartPoint><Scope/><SearchFilter/><IncludeStartState>true</IncludeStartState>"
    "<KeepAliveTime>PT10S</KeepAliveTime>"
)
ARGUMENTS |= {
    ("recording", "GetRecordingConfiguration"): RECORDING,
    ("recording", "GetTrackConfiguration"): RECORDING + "<TrackToken>VIDEO001</TrackToken>",
    ("recording", "GetRecordingOptions"): RECORDING,
    ("recording", "GetRecordingJobConfiguration"): JOB,
    ("recording", "GetRecordingJobState"): JOB,
    ("search", "GetRecordingInformation"): RECORDING,
    ("search", "GetMediaAttributes"): "<Time>2027-01-15T07:00:00Z</Time>",
    ("search", "FindRecordings"): EVERYWHERE,
    ("search", "FindEvents"): EVENTS,
    ("replay", "GetReplayUri"): SETUP + RECORDING,
    ("replay", "SetReplayConfiguration"): (
        "<Configuration><tt:SessionTimeout>PT60S</tt:SessionTimeout></Configuration>"
    ),
}
# They need a search that was begun.
AFTER = {
    ("search", "GetRecordingSearchResults"): ("FindRecordings", EVERYWHERE),
    ("search", "GetEventSearchResults"): ("FindEvents", EVENTS),
    ("search", "GetSearchState"): ("FindEvents", EVENTS),
    ("search", "EndSearch"): ("FindRecordings", EVERYWHERE),
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


def arguments_of(bridge, key):
    """Of a request that is answered; what must come before it is done."""
    if key in AFTER:
        return f"<SearchToken>{bridge.ask('search', *AFTER[key])[0].text}</SearchToken>"
    return ARGUMENTS.get(key, "")


SERVE = [row for row in ROWS if row["decision"] == "serve"]
NOT_SERVED = [row for row in ROWS if row["decision"] != "serve"]


@pytest.mark.parametrize("row", SERVE, ids=ids)
def test_served(bridge, row):
    key = row["service"], row["operation"]
    if key in FAULTS:
        arguments, fault = FAULTS[key]
        assert bridge.fault(*key, arguments, namespace=namespace(row)) == fault
    else:
        answer = bridge.ask(*key, arguments_of(bridge, key), namespace=namespace(row))
        assert etree.QName(answer).localname == f"{row['operation']}Response"


RENDER_NS = SLICE_NS * 3 // 10


def many_cameras():
    return fixture_cameras() + [
        Camera(
            f"c{number}",
            f"Camera {number}",
            (stream(f"c{number}", "main", H264_MAIN, AAC), stream(f"c{number}", "sub", H264_SUB)),
        )
        for number in range(20)
    ]


def held(bridge, coroutine):
    """The reply, and for how long each turn of the reactor was held by it."""
    began_ns, found, turns_ns = bridge.clock.monotonic_ns(), [], []
    Deferred.fromCoroutine(coroutine).addBoth(found.append)
    turns_ns.append(bridge.clock.monotonic_ns() - began_ns)
    while not found:
        began_ns = bridge.clock.monotonic_ns()
        assert bridge.turns.next(), "it waits for something else"
        turns_ns.append(bridge.clock.monotonic_ns() - began_ns)
    return found[0], turns_ns


def many_recordings():
    library = fixture_recordings()
    for number in range(20):
        library.add(f"c{number}", "main", (H264_MAIN, AAC), (20 + number, 10))
    return library


@pytest.fixture(scope="module")
def quick():
    return Bridge(many_cameras(), library=many_recordings())


def without_token(reply):
    """Each search has its own."""
    return re.sub(rb"<tse:SearchToken>\w+<", b"<tse:SearchToken><", reply.body)


# What the device service renders grows with the services only.
@pytest.mark.parametrize("row", [row for row in SERVE if row["service"] != "device"], ids=ids)
def test_no_operation_holds_the_reactor(quick, row):
    """Nothing is rendered yet, and rendering anything takes long: a slice and one rendering more is the most."""
    key = row["service"], row["operation"]

    def asking(bridge):
        arguments = FAULTS[key][0] if key in FAULTS else arguments_of(bridge, key)
        return bridge.answering(*key, arguments, namespace=namespace(row))

    slow = Bridge(many_cameras(), render_ns=RENDER_NS, library=many_recordings())
    reply, turns_ns = held(slow, asking(slow))
    assert max(turns_ns) < SLICE_NS + RENDER_NS
    # Made in one go it is the same, byte for byte; and so it is from what is kept by now.
    made = run(asking(quick), quick.turns)
    assert (reply.status, without_token(reply)) == (made.status, without_token(made))
    again = held(slow, asking(slow))[0]
    assert (again.status, without_token(again)) == (made.status, without_token(made))


LISTS = [
    ("media", "GetProfiles", 45),
    ("media", "GetVideoSources", 24),
    ("media", "GetVideoSourceConfigurations", 24),
    ("media", "GetVideoEncoderConfigurations", 44),
    ("media", "GetAudioSourceConfigurations", 22),
    ("media", "GetAudioEncoderConfigurations", 23),
    ("media2", "GetProfiles", 47),
    ("media2", "GetVideoSourceConfigurations", 24),
    ("media2", "GetVideoEncoderConfigurations", 46),
    ("media2", "GetAudioSourceConfigurations", 22),
    ("media2", "GetAudioEncoderConfigurations", 23),
]


@pytest.mark.parametrize(("service", "operation", "parts"), LISTS)
def test_the_reactor_has_its_turn_while_a_list_is_rendered(service, operation, parts):
    slow = Bridge(many_cameras(), render_ns=RENDER_NS)
    answer, turns_ns = held(slow, slow.answering(service, operation))
    assert answer.status == 200
    assert sum(turns_ns) == parts * RENDER_NS
    assert len([each for each in turns_ns if each]) == -(-parts // 4)  # four renderings fill a slice
    # What was rendered is kept: the second time nothing is.
    assert sum(held(slow, slow.answering(service, operation))[1]) == 0


def test_a_change_between_slices_leaves_the_answer_whole(quick):
    """Cameras go, others change: the list is that of the moment when it was asked for."""
    for service, arguments in (("media", ""), ("media2", "<Type>All</Type>")):
        slow = Bridge(many_cameras(), render_ns=RENDER_NS)
        answering = Deferred.fromCoroutine(slow.answering(service, "GetProfiles", arguments))
        slow.turns.next()
        slow.catalogue.camera("c19").streams[0].hub.tracks = (H264_SUB,)
        slow.catalogue.replace(reversed(slow.catalogue.cameras()[4:]))
        while not answering.called:
            assert slow.turns.next()
        assert answering.result == run(quick.answering(service, "GetProfiles", arguments), quick.turns)
        after = slow.ask(service, "GetProfiles", arguments)
        assert [each.get("token") for each in after][:3] == ["c19.main", "c19.sub", "c18.main"]


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
