"""Measurements -> sections of docs/benchmarks.md: what was measured, how, and each target with its figure.

A run rewrites the sections that it measured and leaves the others as they are. Nothing is written here by hand.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import fanout
from bench.behind import JOINS, WATCHED_S

INTRODUCTION = """# Benchmarks

Written by `make bench`; `python -m bench --help` says how to measure a part of it. Each section was measured in one
run, its servers and libraries in turn, so that its ratios compare like with like. Ratios are medians of the ratios of
neighbouring runs. Absolute figures are those of one machine on one day, over the loopback address.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A promise and what was measured. figure: None: could not be measured, `note` says why."""

    what: str
    most: float
    figure: float | None
    unit: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None: not measured."""
        return None if self.figure is None else self.figure <= self.most

    def row(self) -> tuple[str, str, str, str]:
        """Cells of a table."""
        verdict = {True: "pass", False: "**miss**", None: self.note or "not measured"}[self.met]
        figure = "-" if self.figure is None else f"{_number(self.figure)}{self.unit}"
        return self.what, f"≤ {_number(self.most)}{self.unit}", figure, verdict


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement as text and as targets."""

    title: str
    how: str
    tables: tuple[str, ...]
    targets: tuple[Target, ...]

    def text(self, facts: Mapping[str, str]) -> str:
        """The Markdown."""
        told = "; ".join(f"{name} {value}" for name, value in facts.items())
        targets = _table(("target", "asked", "measured", ""), [each.row() for each in self.targets])
        return "\n\n".join((f"## {self.title}", self.how, f"Measured: {told}.", targets, *self.tables)) + "\n"


def write(path: Path, sections: Iterable[Section], facts: Mapping[str, str]) -> None:
    """Puts the sections into the document, each in place of the one of its title."""
    kept = {section.title: "" for section in map(_empty, MAKERS.values())}
    if path.exists():
        for part in path.read_text().split("\n## ")[1:]:
            kept[part.partition("\n")[0]] = f"## {part.strip()}\n"
    for section in sections:
        kept[section.title] = section.text(facts)
    path.write_text("\n".join((INTRODUCTION, *filter(None, kept.values()))))


def _empty(maker: "Callable[[Any], Section]") -> Section:
    of_one = (of_ingest, of_recording, of_media_database, of_search, of_replay, of_transports, of_web, of_capacity)
    return maker({} if maker in of_one else [])


_RECORDING, _DATABASE, _SEARCH, _REPLAY = "Recording", "The media database", "Search", "Replay"
_TRANSPORTS, _WEB, _CAPACITY = "Transports", "Browsers", "How much one process holds"

# --- The measurements ------------------------------------------------------------------------------------------------


def of_fanout(rows: list[dict[str, Any]]) -> Section:
    """bench/fanout.py"""
    how = (
        "One camera of 1080p25, 4 Mbit/s, GOP 2 s; a fresh server for every run, with everything on that it ships"
        " with: log-in, rights, RTCP, accounting, metrics. The floor is a C program that only sends the same "
        "bytes: one `send()` an access unit and viewer (TCP), segmentation offload (UDP). The peer is GStreamer's"
        " RTSP server, without log-in. CPU is that of the server's process; latency is from the camera's sending "
        "of a picture to the arrival of its last packet."
    )
    targets = []
    for row in rows:
        udp = row["transport"] == "udp"
        name = f"{row['transport'].upper()}, {row['viewers']} viewers"
        targets += [
            Target(f"{name}: CPU to the floor's (stretch {1.3 if udp else 1.2})", 1.5, row["cpu_to_floor"]),
            Target(
                f"{name}: CPU to GStreamer's",
                0.75 if udp else 0.6,
                row.get("cpu_to_gstreamer"),
                note="GStreamer's server is not installed",
            ),
            Target(f"{name}: latency p99 to the floor's", 2, row["latency_p99_to_floor"]),
        ]
    heads = ("", "CPU ms per viewer and s", "latency p50 ms", "p99 ms", "memory MB", "packets lost", "all pictures")
    tables = []
    for row in rows:
        lines = []
        for server in fanout.SERVERS:
            if f"{server}_rss_mb" not in row:
                lines.append((server, *["not installed"] * 6))
                continue
            fields = ("cpu_ms_per_viewer_s", "latency_ms_p50", "latency_ms_p99", "rss_mb")
            figures = [_number(row[f"{server}_{field}"]) for field in fields]
            complete = "yes" if row[f"{server}_complete"] else "**no**"
            lines.append((server, *figures, str(row[f"{server}_lost"]), complete))
        tables.append(f"{row['viewers']} viewers over {row['transport'].upper()}:\n\n{_table(heads, lines)}")
    return Section("What a viewer costs", how, tuple(tables), tuple(targets))


def of_first_picture(rows: list[dict[str, Any]]) -> Section:
    """bench/first_picture.py"""
    how = (
        "Viewers join one after the other, all over a GOP of 10 s. First picture: from sending PLAY to the last "
        "packet of a key frame. Live: to the first picture that is less than 100 ms old, the end of the catch-up."
        " Over UDP the catch-up is paced; its receivers have the buffer that FFmpeg asks for (384 KiB)."
    )
    targets = []
    for row in rows:
        name = row["transport"].upper()
        if row["transport"] == "tcp":
            targets += [
                Target(f"{name}: first picture, p50", 60, row["first_picture_ms_p50"], " ms"),
                Target(f"{name}: first picture, p99", 300, row["first_picture_ms_p99"], " ms"),
            ]
        targets.append(Target(f"{name}: packets lost from PLAY on", 0, row["lost_ever"]))
    heads = ("", "viewers", "first picture p50 ms", "p99 ms", "live p50 ms", "p99 ms", "packets lost")
    fields = ("first_picture_ms_p50", "first_picture_ms_p99", "live_ms_p50", "live_ms_p99", "lost_ever")
    lines = [(r["transport"].upper(), str(r["viewers"]), *(_number(r[f]) for f in fields)) for r in rows]
    return Section("The first picture", how, (_table(heads, lines),), tuple(targets))


def of_behind(rows: list[dict[str, Any]]) -> Section:
    """bench/behind.py"""
    how = (
        "A camera with a GOP of 10 s shows the time in its picture. Players join at several places of the GOP; "
        f"{WATCHED_S:.0f} s later the clock in what they show is read (median of the last second). FFmpeg (PyAV): "
        "every picture is shown at its presentation time after the one before, 100 ms after it came, never faster"
        " to catch up. GStreamer: `rtspsrc latency=200`, in step with its clock. Asked: no further behind than "
        "who joined at a key frame, within one picture."
    )
    first, *others = JOINS
    targets = [
        Target(
            f"{row['player']} over {row['transport'].upper()}: joined {join}, behind one that joined {first}",
            row["picture_ms"],
            row[f"behind_ms {join}"] - row[f"behind_ms {first}"],
            " ms",
        )
        for row in rows
        for join in others
    ]
    heads = (
        "",
        *(f"joined {join}: behind live, ms" for join in JOINS),
        *(f"first picture {join}, ms" for join in JOINS),
    )
    lines = [
        (
            f"{row['player']}, {row['transport'].upper()}",
            *(_number(row[f"behind_ms {join}"]) for join in JOINS),
            *(_number(row[f"first_ms {join}"]) for join in JOINS),
        )
        for row in rows
    ]
    return Section("How far behind live", how, (_table(heads, lines),), tuple(targets))


def of_ingest(result: dict[str, Any]) -> Section:
    """bench/ingest.py"""
    how = (
        "One process pulls cameras of 1080p25, 4 Mbit/s over TCP. Native is the product's way: "
        "depacketising, hub with its kept GOP, receiver reports. aiortsp is that library alone on the same event "
        "loop (uvloop), without depacketising and with a counter in place of its packet queue."
    )
    if not result:
        return Section("What a camera costs", how, (), ())
    heads = ("", "% of a core per camera", "pictures per s", "memory MB")
    fields = ("cpu_percent_per_camera", "units_per_s", "rss_mb")
    lines = [(kind, *(_number(result[f"{kind}_{field}"]) for field in fields)) for kind in ("native", "aiortsp")]
    targets = (
        Target(f"{result['cameras']} cameras: CPU to aiortsp's", 0.45, result["ratio"]),
        Target(
            f"{result['cameras']} cameras: runs in which a picture was missing", 0, float(not result["native_complete"])
        ),
    )
    return Section("What a camera costs", how, (_table(heads, lines),), targets)


def of_profiles(rows: list[dict[str, Any]]) -> Section:
    """bench/profiles.py"""
    how = (
        "A whole GetProfiles request without HTTP: digest, parsing, validation, handler, answer. First: every camera "
        "came up since the last request, nothing is kept of any profile. Kept: from the rendered parts. zeep: the same "
        "answer built, rendered and serialised from its plain values, nothing else. What is not kept is rendered in "
        "slices, one in each turn of the reactor; held: the CPU time of the longest turn, worst of all requests. "
        "Between requests the service renders ahead, in slices of its own."
    )
    heads = ("", "first ms", "worst ms", "its CPU ms", "zeep ms", "kept ms", "worst ms", "answer kB", "same as zeep's")
    fields = ("first_ms", "first_ms_worst", "first_cpu_ms", "zeep_ms", "kept_ms", "kept_ms_worst", "answer_kb")
    lines, targets, tables = [], [], []
    for row in rows:
        name = f"{row['profiles']} profiles, {row['service']}"
        same = "yes" if row["same_answer"] else "**no**"
        lines.append((name, *(_number(row[field]) for field in fields), same))
        targets += [
            Target(f"{name}: first to zeep", 0.25, row["first_to_zeep"]),
            Target(f"{name}: from kept parts", 5, row["kept_ms"], " ms"),
            Target(f"{name}: held the reactor, kept", 20, row["kept_held_ms_worst"], " ms"),
            Target(f"{name}: held the reactor, first once rendered ahead", 20, row["warmed_held_ms_worst"], " ms"),
            Target(f"{name}: held the reactor, a slice of the rendering ahead", 20, row["ahead_held_ms_worst"], " ms"),
            Target(f"{name}: held the reactor, nothing rendered yet", 20, row["first_held_ms_worst"], " ms"),
        ]
        if row["lists_ms"]:
            longest = max(held for _, _, held in row["lists_ms"].values())
            targets.append(Target(f"{row['profiles']} profiles, every list: held the reactor", 20, longest, " ms"))
            lists = [(each, *map(_number, times)) for each, times in row["lists_ms"].items()]
            heads_of_lists = ("", "first ms", "kept ms", "held ms, worst")
            tables.append(f"Every list, {row['profiles']} profiles:\n\n{_table(heads_of_lists, lists)}")
    return Section("GetProfiles of many profiles", how, (_table(heads, lines), *tables), tuple(targets))


def of_recording(row: dict[str, Any]) -> Section:
    """bench/recording.py"""
    how = (
        "64 cameras of 1080p25, 4 Mbit/s, GOP 2 s, in segments as long as the window: every camera goes over to "
        "another one in each. Recorder: the product's own, in one process, fed with units made beforehand; what the "
        "same process takes without a recorder is subtracted. The floor is a C program that hashes the same fragments "
        "(SHA-256), writes each with one `write()` and syncs as often; it has neither index nor footers nor chains. "
        "From the network to the disk: the whole service, and GStreamer's `rtspsrc` and `splitmuxsink`, with fragments "
        "of the same length but without hashes, syncs and log-in, pull the same cameras over TCP. What `splitmuxsink` "
        "takes alone is told as well: its pipelines read a file in real time, and the same without it is subtracted. "
        "Last, the whole service records while 100 viewers watch over TCP. Missing units are found by the cameras' own "
        "times: a step that is longer than a picture, at a viewer or in what lies on disk afterwards."
    )
    if not row:
        return Section(_RECORDING, how, (), ())
    watched, peer, short = row["watched"], row.get("cpu_to_gstreamer"), row["short"]
    name = f"{row['cameras']} cameras"
    both = f"{name} and {watched['viewers']} viewers"
    unbroken = watched["viewers"] + watched["cameras"]
    broken = watched["viewers"] - watched["viewers_alive"] + watched["recorded_runs"] - watched["cameras"]
    targets = (
        Target(f"{name}, segments of {row['segment_s']} s as shipped: CPU to the floor's", 2, row["cpu_to_floor"]),
        Target(f"{name}, segments of {short['segment_s']} s: CPU to the floor's", 2, short["cpu_to_floor"]),
        Target(f"{name}, network to disk: CPU to GStreamer's", 0.5, peer, note="GStreamer's splitmuxsink is missing"),
        Target(f"{name}: writes per fragment", 1, max(row["writes_per_fragment"], short["writes_per_fragment"])),
        Target(f"{name}: units not recorded", 0, row["lost"] + short["lost"]),
        Target(f"{both}: units missing at a viewer", 0, watched["viewers_missed_units"]),
        Target(f"{both}: packets missing at a viewer", 0, watched["viewers_lost_packets"]),
        Target(f"{both}: units missing on disk", 0, watched["recorded_missing"] + watched["refused_units"]),
        Target(f"{both}: broken off, of these {unbroken}", 0, broken + watched["recorded_short"]),
    )
    heads = ("", "% of a core per camera", "of the whole process", "memory MB")
    lines = []
    for text, own, whole in (
        ("recorder", "own", "recorder"),
        ("the same without a recorder", "", "hub"),
        ("floor", "floor", "floor"),
        ("GStreamer, from a file", "gstreamer_own", "gstreamer"),
        ("the same without splitmuxsink", "", "feed"),
        ("the service, from the network", "service", "service"),
        ("GStreamer, from the network", "puller", "puller"),
    ):
        if f"{whole}_percent" in row:
            memory = _number(row[f"{whole}_rss_mb"]) if row[f"{whole}_rss_mb"] else "-"
            lines.append(
                (text, _number(row[f"{own}_percent"]) if own else "-", _number(row[f"{whole}_percent"]), memory)
            )
    per_segment = ", ".join(f"{kind} {_number(count)}" for kind, count in row["writes_per_segment"].items())
    alone = (
        f"Writes beside the fragments, per segment: {per_segment}. A write takes {_number(row['write_ms'])} ms, with "
        f"the fragment's making and hash; the longest took {_number(row['write_ms_worst'])} ms, the longest sync "
        f"{_number(row['sync_ms_worst'])} ms. With segments of {short['segment_s']} s the recorder takes "
        f"{_number(short['own_percent'])} % of a core per camera, the floor {_number(short['floor_percent'])} %."
    )
    at_once = (
        f"The service with {watched['cameras']} cameras and {watched['viewers']} viewers over "
        f"{_number(watched['window_s'])} s: {_number(watched['cpu_percent'])} % of a core (of the whole machine "
        f"{_number(watched['idle_percent'])} % idle); latency p99 {_number(watched['latency_ms_p99'])} ms; the "
        f"reactor's worst lag {_number(watched['lag_ms_worst'])} ms; {watched['viewers_units']} units seen, "
        f"{watched['recorded_units']} recorded."
    )
    return Section(_RECORDING, how, (_table(heads, lines), alone, at_once), targets)


def of_media_database(row: dict[str, Any]) -> Section:
    """bench/media_database.py"""
    how = (
        "Instants: from a random instant to the key frame at or before it, read; a new reading each time, one after "
        "the other, index and footer included. The rows are synthetic and share a few real segments of 60 s. Cold: the "
        "segments were dropped from the page cache before each question. Reindex: segments of 1500 samples whose "
        "pictures have a few bytes, as a footer's length is what counts. Recovery: 64 cameras were recorded into one "
        "segment each and the recorder killed (kill -9); the page cache survives that, a power cut it would not. "
        "Retention: by a reload a day of 64 cameras (segments of a few pictures) is too old, and goes while the same "
        "cameras are recorded by the whole service and a viewer watches."
    )
    if not row:
        return Section(_DATABASE, how, (), ())
    instants, again, killed, kept = row["instants"], row["reindex"], row["recovery"], row["retention"]
    name = f"{instants['rows']} segments: an instant's first unit"
    taken = f"{_number(kept['removed'])} segments deleted while {kept['cameras']} cameras are recorded"
    targets = (
        *(
            Target(f"{name}, {kind}, {quantile}", most, instants[f"{kind}_ms_{quantile}"], " ms")
            for kind in ("warm", "cold")
            for quantile, most in (("p50", 10), ("p99", 50))
        ),
        Target("reindex, per segment (200 a second)", 5, 1000 / again["per_s"], " ms"),
        Target(f"recovery of {killed['recordings']} recordings after kill -9", 2, killed["took_s"], " s"),
        Target(f"{taken}: units missing on disk", 0, kept["recorded_missing"] + kept["refused_units"]),
        Target(f"{taken}: units missing at the viewer", 0, kept["during_missed"] + kept["during_lost_packets"]),
        Target(f"{taken}: segments of the day left", 0, kept["segments"] - kept["removed"]),
    )
    heads = ("", "write, mean ms", "longest write ms", "longest sync ms", "reactor's worst lag ms", "% of a core")
    fields = ("write_ms_mean", "write_ms", "sync_ms", "lag_ms", "cpu_percent")
    lines = [
        (text, *(_number(kept[f"{when}_{field}"]) for field in fields))
        for when, text in (("before", "before"), ("during", "while retention deletes"))
    ]
    facts = (
        f"Instants: {instants['real']} real segments, index.db of {_number(instants['index_mb'])} MB; the slowest took "
        f"{_number(instants['warm_ms_worst'])} ms warm, {_number(instants['cold_ms_worst'])} ms cold. Reindex: "
        f"{again['segments']} segments in {_number(again['took_s'])} s, {_number(again['per_s'])} a second. Recovery: "
        f"{_number(killed['size_mb'])} MB, {_number(killed['cpu_s'])} s of CPU. Retention took "
        f"{_number(kept['removed'])} segments in {_number(kept['took_s'])} s; a batch of 32 every 200 ms at most."
    )
    return Section(_DATABASE, how, (_table(heads, lines), facts), targets)


def of_search(row: dict[str, Any]) -> Section:
    """bench/search.py"""
    how = (
        "Whole SOAP requests without HTTP, over a real index: recordings with a row for every six hours and a gap "
        'every day. FindRecordings (`boolean(//Track[TrackType = "Video"])`) and FindEvents: the search and its first '
        "page of 100 results; events from a random instant, with the states there. Each request asks the index anew. "
        "What is done in the reader pool counts for the time; held: CPU of the reactor's longest turn."
    )
    if not row:
        return Section(_SEARCH, how, (), ())
    name = f"{row['recordings']} recordings, {row['days']} days"
    kinds = [kind for kind, figures in row.items() if isinstance(figures, dict)]
    targets = (
        Target(f"{name}: GetRecordingSummary, p95", 100, row["summary"]["ms_p95"], " ms"),
        Target(f"{name}: FindRecordings, first results, p95", 100, row["find recordings"]["ms_p95"], " ms"),
        *(Target(f"{name}, {kind}: held the reactor", 20, row[kind]["held_ms"], " ms") for kind in kinds),
    )
    heads = ("", "p50 ms", "p95 ms", "the first ms", "held ms, worst")
    fields = ("ms_p50", "ms_p95", "first_ms", "held_ms")
    lines = [(kind, *(_number(row[kind][field]) for field in fields)) for kind in kinds]
    return Section(_SEARCH, how, (_table(heads, lines), f"{row['rows']} rows."), targets)


def of_replay(row: dict[str, Any]) -> Section:
    """bench/replay.py"""
    how = (
        "Instants: PLAY with `Immediate: yes` and `Rate-Control: no` at a random instant, to the last packet of the "
        "first access unit; one client over TCP, a new session after ten. The rows are synthetic and share a few real "
        "segments of 60 s. Unthrottled: `Rate-Control: no` of a recording of 1080p25, 4 Mbit/s, to a reader that takes "
        "all; sendfile: a process that sends the same files to the same reader with that system call alone. Paced: "
        "100 replays at 1x of the same recording, and 100 live viewers, each less what the service takes without. "
        "Beside: 100 live viewers alone, and while four unthrottled replays take what they can get, each with a reader "
        "in a process of its own on the same two cores."
    )
    if not row:
        return Section(_REPLAY, how, (), ())
    found = row["instants"]
    name = f"{found['rows']} segments: PLAY to the first access unit"
    targets = (
        Target(f"{name}, p50", 20, found["ms_p50"], " ms"),
        Target(f"{name}, p99", 100, found["ms_p99"], " ms"),
        Target("sendfile to unthrottled", 2, 1 / row["unthrottled_to_sendfile"]),
        Target(f"{row['viewers']} replays at 1x: CPU to live viewers'", 3, row["paced_to_live"]),
        Target(f"{row['viewers']} live viewers beside {row['fast']} replays: packets lost", 0, row["beside_lost_with"]),
        Target("… units missing", 0, row["beside_lost_units_with"]),
        Target("… latency p99 to that without", 2, row["beside_p99_to_alone"]),
    )
    heads = ("", "live", "replay")
    lines = [("CPU ms per viewer and s", _number(row["paced_live_ms"]), _number(row["paced_replay_ms"]))]
    facts = (
        f"Unthrottled: {_number(row['unthrottled_mb_s'])} MB/s, sendfile {_number(row['unthrottled_sendfile_mb_s'])} "
        f"MB/s. Beside: latency p99 {_number(row['beside_p99_ms_alone'])} ms alone, "
        f"{_number(row['beside_p99_ms_with'])} ms with the replays. Of {found['plays']} instants the slowest took "
        f"{_number(found['ms_worst'])} ms."
    )
    return Section(_REPLAY, how, (_table(heads, lines), facts), targets)


def of_transports(row: dict[str, Any]) -> Section:
    """bench/transports.py"""
    how = (
        "Viewers of one live stream of 1080p25, 4 Mbit/s, by four ways, in turn, on one service. "
        "What is encrypted or framed by WebSocket is counted by the sink and not read. The floor of TLS is a C program "
        "that writes the same units with SSL_write, one call a unit and viewer, to as many viewers."
    )
    if not row:
        return Section(_TRANSPORTS, how, (), ())
    name = f"{row['viewers']} viewers"
    targets = (
        Target(f"{name}: through HTTP to plain TCP", 1.1, row["tunnel_to_tcp"]),
        Target(f"{name}: over WebSocket to plain TCP", 1.1, row["websocket_to_tcp"]),
        Target(f"{name}: TLS to OpenSSL's own record writing", 1.5, row["tls_to_floor"]),
        Target(f"{name}: runs that were not complete", 0, float(not row["complete"])),
    )
    ways = ("tcp", "tunnel", "websocket", "tls", "tls_floor")
    lines = [("CPU ms per viewer and s", *(_number(row[f"{way}_ms"]) for way in ways))]
    return Section(_TRANSPORTS, how, (_table(("", "TCP", "HTTP", "WebSocket", "TLS", "floor of TLS"), lines),), targets)


def of_capacity(result: dict[str, Any]) -> Section:
    """bench/capacity.py"""
    how = (
        "`onb serve` as it ships, over the loopback address. Cameras that are configured and do not answer: from the"
        " call to the line `ready`, and memory 10 s later. SOAP over connections that stay open, by second of the"
        " service's CPU."
        " Viewers of one camera of 4 Mbit/s over TCP; some more who ask for the same and never read."
    )
    if not result:
        return Section(_CAPACITY, how, (), ())
    first, again = result["startup"]["first"], result["startup"]["again"]
    crowd, stuck, soap = result["crowd"], result["stuck"], result["soap"]
    return Section(
        _CAPACITY,
        how,
        (
            _table(
                ("start with 100 cameras", "ready", "CPU until then", "memory"),
                [
                    (name, f"{one['ready_s']:.2f} s", f"{one['cpu_s']:.2f} s", f"{one['rss_mb']:.0f} MB")
                    for name, one in (("the first", first), ("later ones", again))
                ],
            ),
            _table(("SOAP request", "a core second"), [(name, f"{rate:.0f}") for name, rate in soap.items()]),
            _table(
                ("viewers", "alive", "latency p50, p99", "CPU", "the machine idle", "memory of one more"),
                [
                    (
                        str(crowd["viewers"]),
                        str(crowd["alive"]),
                        f"{crowd['latency_ms_p50']:.0f} ms, {crowd['latency_ms_p99']:.0f} ms",
                        f"{crowd['cpu_percent']:.0f} %",
                        f"{crowd['idle_percent']:.0f} %",
                        f"{crowd['kb_per_viewer']:.0f} kB",
                    )
                ],
            ),
        ),
        (
            Target("100 cameras configured: ready", 3, again["ready_s"], " s"),
            Target("100 cameras configured: memory without viewers", 150, again["rss_mb"], " MB"),
            Target("milliseconds of CPU a SOAP request (1,000 a second and core)", 1, 1000 / min(soap.values()), " ms"),
            Target(f"{crowd['viewers']} viewers over TCP: who is not alive", 0, crowd["viewers"] - crowd["alive"]),
            Target(f"{crowd['viewers']} viewers: pictures that the worst misses", 0, crowd["missed_units"]),
            Target("memory of one more viewer", 50, crowd["kb_per_viewer"], " kB"),
            Target("20 who never read beside 100: pictures that these miss", 0, stuck["missed_units"]),
            Target("… their latency p99, to alone", 2, stuck["p99_ratio"], "x"),
            Target("… memory", 20, stuck["more_mb"], " MB"),
        ),
    )


def of_web(row: dict[str, Any]) -> Section:
    """bench/web.py"""
    how = (
        "Viewers of one live stream of 1080p25, 4 Mbit/s, over WebSocket, as fragments that are made once. A "
        "fragment is a picture of 20 kB, its times, boxes and WebSocket frame. A seek is a request for two seconds of "
        "footage at a random moment, until its first fragment has come; the player's own decoding is not in it."
    )
    if not row:
        return Section(_WEB, how, (), ())
    name = f"{row['viewers']} viewers"
    targets = (
        Target(f"{name}: % of a core a viewer", 0.15, row["plain_percent"]),
        Target(f"{name}: the same over TLS", 0.2, row["tls_percent"]),
        Target("µs a fragment", 12, row["fragment_us"]),
        Target("ms of a seek, median", 200, row["seek_ms"]),
    )
    facts = f"A seek: {_number(row['seek_ms'])} ms (median), {_number(row['seek_p95_ms'])} ms (95th of a hundred)."
    return Section(_WEB, how, (facts,), targets)


MAKERS: dict[str, Callable[[Any], Section]] = {
    "fanout": of_fanout,
    "first-picture": of_first_picture,
    "behind": of_behind,
    "ingest": of_ingest,
    "recording": of_recording,
    "media-database": of_media_database,
    "replay": of_replay,
    "profiles": of_profiles,
    "search": of_search,
    "transports": of_transports,
    "capacity": of_capacity,
    "web": of_web,
}


# --- Markdown --------------------------------------------------------------------------------------------------------


def _table(heads: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rows = [heads, ("---",) * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _number(value: float) -> str:
    """Three digits that mean something."""
    if value == int(value):
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
