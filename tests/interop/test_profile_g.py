"""Profile G over SOAP against a running demo: onvif-zeep searches and learns where to play; Milestone's order of calls.

Harbour is silent for a while, on purpose: what the search tells of its gap is what `onb recordings list` tells.
"""

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
import requests
from lxml import etree
from requests.auth import HTTPDigestAuth

from bridge.base.time import NS_PER_MS, parse_utc
from bridge.sim.picture import read_clock
from bridge.sim.scenes import scenes
from tests.interop.conftest import EARLY_MS, LATE_MS, Service, eventually, free_ports, running
from tests.interop.replay_checker import ReplayChecker, Replayed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    # onvif-zeep 0.2.12 is of 2018; its own warnings are not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
VIDEO = 'boolean(//Track[TrackType = "Video"])'
SOAP = "http://www.w3.org/2003/05/soap-envelope"
RECORDING, SEARCH, REPLAY, MEDIA, DEVICE, DEVICE_IO = (
    f"http://www.onvif.org/ver10/{name}/wsdl"
    for name in ("recording", "search", "replay", "media", "device", "deviceIO")
)


@dataclass
class Recorded:
    """A demo whose harbour has been silent, and is seen again."""

    service: Service
    folder: Path

    def listed(self) -> dict[str, dict[str, Any]]:
        """`onb recordings list`, by token."""
        command = [
            sys.executable,
            "-m",
            "bridge.cli",
            "recordings",
            "list",
            "--json",
            "--config",
            str(self.folder / "onb.toml"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return {row["recording"]: row for row in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("profile-g")
    data = folder / "data"
    (folder / "onb.toml").write_text(f'data = "{data}"\n')
    ports = ",".join(f"{name}={port}" for name, port in zip(("onvif", "rtsp", "http"), free_ports(3), strict=True))
    arguments = ["demo", "--small", "--data", str(data), "--ports", f"{ports},rtsps=0,https=0", "--bind", "127.0.0.1"]
    with running(arguments, folder, data=data) as service:
        service.wait_until_up()
        result = Recorded(service, folder)
        eventually(lambda: result.listed()["rec-harbour.main"]["gaps"], within_s=120, what="the gap of harbour")
        time.sleep(2)  # so that there is something behind it
        yield result


@pytest.fixture(scope="module")
def camera(recorded: Recorded) -> Any:
    from onvif import ONVIFCamera

    ready = recorded.service.ready
    parts = urlsplit(ready["onvif"])
    made = ONVIFCamera(parts.hostname, parts.port, ready["user"], ready["password"])
    # Its own list has no place for what stands in an extension.
    for service in made.devicemgmt.GetServices({"IncludeCapability": False}):
        made.xaddrs.setdefault(service.Namespace, service.XAddr)
    return made


def milliseconds(moment: dt.datetime) -> int:
    """UTC, cut off as `onb recordings list` does."""
    return (moment - EPOCH) // dt.timedelta(milliseconds=1)


def search_events(search: Any, **arguments: Any) -> list[Any]:
    """All that are found, page by page."""
    token, found, state = search.FindEvents({"KeepAliveTime": dt.timedelta(seconds=10), **arguments}), [], "Searching"
    while state == "Searching":
        page = search.GetEventSearchResults(
            {"SearchToken": token, "MaxResults": 5, "WaitTime": dt.timedelta(seconds=5)}
        )
        state = page.SearchState
        found += page.Result
    return found


def test_search_then_replay_with_onvif_zeep(recorded: Recorded, camera: Any) -> None:
    search, replay = camera.create_search_service(), camera.create_replay_service()
    summary = search.GetRecordingSummary()
    assert summary.NumberRecordings == len(scenes(4))
    scope = {"RecordingInformationFilter": VIDEO}
    token = search.FindRecordings({"Scope": scope, "KeepAliveTime": dt.timedelta(seconds=10)})
    page = search.GetRecordingSearchResults(
        {"SearchToken": token, "MinResults": 4, "WaitTime": dt.timedelta(seconds=5)}
    )
    assert page.SearchState == "Completed"
    found = {one.RecordingToken: one for one in page.RecordingInformation}
    listed = recorded.listed()
    assert found.keys() == listed.keys()
    for name, one in found.items():
        assert one.EarliestRecording == dt.datetime.fromisoformat(listed[name]["from"]).replace(
            microsecond=one.EarliestRecording.microsecond
        )
        assert one.RecordingStatus == "Recording"
        assert "Video" in [track.TrackType for track in one.Track]
        for protocol in ("RTSP", "UDP"):
            setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": protocol}}
            uri = replay.GetReplayUri({"StreamSetup": setup, "RecordingToken": name})
            assert uri == f"{recorded.service.ready['rtsp']}/recordings/{name}"


@pytest.mark.parametrize("backward", [False, True])
def test_the_gap_is_found_to_the_millisecond(recorded: Recorded, camera: Any, backward: bool) -> None:
    search = camera.create_search_service()
    row = recorded.listed()["rec-harbour.main"]
    ends = [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime.now(dt.UTC)]
    start, end = reversed(ends) if backward else ends
    results = search_events(
        search,
        StartPoint=start,
        EndPoint=end,
        Scope={"IncludedRecordings": ["rec-harbour.main"]},
        SearchFilter={},
        IncludeStartState=True,
    )
    told = []
    for one in results:
        # zeep drops the topic's text, as its type is mixed; what the message says tells it.
        (item,) = one.Event.Message._value_1.Data.SimpleItem
        if one.TrackToken == "VIDEO001" and item.Name == "IsDataPresent" and not one.StartStateEvent:
            told.append((milliseconds(one.Time), item.Value == "true"))
    edges = [(row["from"], True)]
    for gap in row["gaps"]:
        edges += [(gap["from"], False), (gap["until"], True)]
    expected = [(parse_utc(text) // NS_PER_MS, present) for text, present in edges]
    assert told == (expected[::-1] if backward else expected)
    starts = [one.Time for one in results if one.StartStateEvent]
    assert set(starts) <= {start, end}
    assert len(set(starts)) == (2 if backward else 1)


def clocks_of(gop: list[Replayed]) -> list[int]:
    """The clock in each picture, UTC milliseconds; without B-frames they are shown in their order."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    packets = [av.Packet(b"".join(b"\0\0\0\1" + part for part in unit.parts)) for unit in gop]
    clocks = []
    for packet in (*packets, None):
        for frame in decoder.decode(packet):
            plane = frame.planes[0]
            clock_ms = read_clock(memoryview(plane), plane.line_size, frame.width, frame.height)
            assert clock_ms is not None
            clocks.append(clock_ms)
    return clocks


def test_a_stranger_plays_the_last_half_minute_backwards(recorded: Recorded, camera: Any) -> None:
    """Found with onvif-zeep, played by a client of another hand, decoded by FFmpeg, held against the painted clock."""
    search, replay = camera.create_search_service(), camera.create_replay_service()
    name = "rec-entrance.main"

    def latest() -> Any:
        one = search.GetRecordingInformation({"RecordingToken": name})
        length = one.LatestRecording - one.EarliestRecording
        return one.LatestRecording if length > dt.timedelta(seconds=32) else None

    until = eventually(latest, within_s=60, what="half a minute of footage")
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    url = replay.GetReplayUri({"StreamSetup": setup, "RecordingToken": name})
    since = until - dt.timedelta(seconds=30)
    ready = recorded.service.ready
    with ReplayChecker(url, ready["user"], ready["password"]).open("VIDEO001") as client:
        span = f"clock={until:%Y%m%dT%H%M%S.%fZ}-{since:%Y%m%dT%H%M%S.%fZ}"
        reply = client.order(Rate_Control="no", Scale="-1.0", Range=span)
        assert (reply.status, reply.headers["scale"]) == (200, "-1.0")
        since_ns = (since - EPOCH) // dt.timedelta(microseconds=1) * 1_000

        def arrived() -> list[Replayed]:
            units = client.units("VIDEO001")
            begun = units and min(one.utc_ns for one in units) <= since_ns
            return units if begun and time.monotonic() - client.packets("VIDEO001")[-1].came_s > 1 else []

        units = eventually(arrived, within_s=30, what="the last half minute")
    gops: list[list[Replayed]] = []
    for unit in units:
        if unit.clean:
            gops.append([])
        gops[-1].append(unit)
    starts = [gop[0].utc_ns for gop in gops]
    assert starts == sorted(starts, reverse=True)
    assert starts[-1] <= since_ns < starts[-2]
    # In the unit of SOAP's clock: with the edge cut to milliseconds a picture of its last microseconds came "after" it.
    newest_ns = max(one.utc_ns for one in gops[0])
    assert until - dt.timedelta(seconds=1) < EPOCH + dt.timedelta(microseconds=newest_ns // 1_000) <= until
    for gop in gops:
        for unit, clock_ms in zip(gop, clocks_of(gop), strict=True):
            assert -EARLY_MS <= unit.utc_ns / NS_PER_MS - clock_ms <= LATE_MS


class Driver:
    """SOAP as Milestone's edge storage driver speaks it: HTTP Digest, one service after the other."""

    def __init__(self, service: Service) -> None:
        self.login = HTTPDigestAuth(service.ready["user"], service.ready["password"])
        self.places = {DEVICE: service.ready["onvif"]}
        self.called: list[str] = []

    def ask(self, namespace: str, operation: str, arguments: str = "") -> Any:
        self.called.append(operation)
        body = (
            f'<s:Envelope xmlns:s="{SOAP}"><s:Body><{operation} xmlns="{namespace}"'
            f' xmlns:tt="http://www.onvif.org/ver10/schema">{arguments}</{operation}></s:Body></s:Envelope>'
        )
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        reply = requests.post(self.places[namespace], body.encode(), headers=headers, auth=self.login, timeout=20)
        assert reply.status_code == 200, reply.text
        return etree.fromstring(reply.content).find(f"{{{SOAP}}}Body")[0]


def texts(element: Any, name: str) -> list[str]:
    return [found.text for found in element.iter(f"{{*}}{name}")]


def test_the_order_of_calls_of_milestones_edge_storage_driver(recorded: Recorded) -> None:
    driver = Driver(recorded.service)
    for service in driver.ask(DEVICE, "GetServices", "<IncludeCapability>false</IncludeCapability>"):
        driver.places[service.findtext("{*}Namespace")] = service.findtext("{*}XAddr")
    extension = driver.ask(DEVICE, "GetCapabilities", "<Category>All</Category>").find(".//{*}Extension")
    for name, namespace in (("Recording", RECORDING), ("Search", SEARCH), ("Replay", REPLAY)):
        assert extension.findtext(f"{{*}}{name}/{{*}}XAddr") == driver.places[namespace]
    sources = [each.get("token") for each in driver.ask(MEDIA, "GetVideoSources")]
    assert texts(driver.ask(DEVICE_IO, "GetVideoSources"), "Token") == sources
    driver.ask(MEDIA, "GetAudioSources")
    profiles = [each.get("token") for each in driver.ask(MEDIA, "GetProfiles")]
    assert "harbour.main" in profiles

    summary = driver.ask(SEARCH, "GetRecordingSummary")
    until = texts(summary, "DataUntil")[0]
    attributes = driver.ask(SEARCH, "GetMediaAttributes", f"<Time>{until}</Time>")
    assert attributes.tag.endswith("GetMediaAttributesResponse")
    keep_alive = "<KeepAliveTime>PT30S</KeepAliveTime>"
    scope = (
        "<Scope><tt:IncludedSources><tt:Token>harbour</tt:Token></tt:IncludedSources>"
        f"<tt:RecordingInformationFilter>{VIDEO},{until},60000,10,60000,10</tt:RecordingInformationFilter></Scope>"
    )
    token = texts(driver.ask(SEARCH, "FindRecordings", scope + keep_alive), "SearchToken")[0]
    page = driver.ask(
        SEARCH,
        "GetRecordingSearchResults",
        f"<SearchToken>{token}</SearchToken><MinResults>1</MinResults><MaxResults>10</MaxResults><WaitTime>PT5S</WaitTime>",
    )
    assert texts(page, "SearchState") == ["Completed"]
    (recording,) = texts(page, "RecordingToken")

    row = recorded.listed()[recording]
    gap = row["gaps"][0]
    events = (
        f"<StartPoint>{row['from']}</StartPoint><EndPoint>{gap['until'][:-5]}.999Z</EndPoint>"
        f"<Scope><tt:IncludedRecordings>{recording}</tt:IncludedRecordings></Scope>"
        '<SearchFilter><wsnt:TopicExpression xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"'
        ' xmlns:tns1="http://www.onvif.org/ver10/topics"'
        ' Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">tns1:RecordingHistory/Track/State'
        f"</wsnt:TopicExpression></SearchFilter><IncludeStartState>true</IncludeStartState>{keep_alive}"
    )
    token = texts(driver.ask(SEARCH, "FindEvents", events), "SearchToken")[0]
    page = driver.ask(SEARCH, "GetEventSearchResults", f"<SearchToken>{token}</SearchToken><WaitTime>PT5S</WaitTime>")
    told = [
        (result.findtext("{*}Time"), item.get("Value"))
        for result in page.iter("{*}Result")
        for item in result.iter("{*}SimpleItem")
        if item.get("Name") == "IsDataPresent" and result.findtext("{*}TrackToken") == "VIDEO001"
    ]
    assert [value for _, value in told] == ["false", "true", "false", "true"]
    edges = [parse_utc(moment) // NS_PER_MS for moment, _ in told]
    assert edges[2:] == [parse_utc(gap["from"]) // NS_PER_MS, parse_utc(gap["until"]) // NS_PER_MS]

    named = f"<RecordingToken>{recording}</RecordingToken>"
    information = driver.ask(SEARCH, "GetRecordingInformation", named)
    assert texts(information, "SourceId")[0] in sources
    jobs = driver.ask(RECORDING, "GetRecordingJobs")
    (job,) = [each for each in jobs if each.findtext(".//{*}RecordingToken") == recording]
    assert job.findtext(".//{*}SourceToken/{*}Token") in profiles
    assert job.findtext(".//{*}Mode") == "Active"
    setup = "<tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    answer = driver.ask(REPLAY, "GetReplayUri", f"<StreamSetup>{setup}</StreamSetup>{named}")
    uri = texts(answer, "Uri")[0]
    assert uri == f"{recorded.service.ready['rtsp']}/recordings/{recording}"
    assert driver.called == [
        *("GetServices", "GetCapabilities", "GetVideoSources", "GetVideoSources", "GetAudioSources", "GetProfiles"),
        *("GetRecordingSummary", "GetMediaAttributes", "FindRecordings", "GetRecordingSearchResults"),
        *("FindEvents", "GetEventSearchResults", "GetRecordingInformation", "GetRecordingJobs", "GetReplayUri"),
    ]
