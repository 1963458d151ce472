"""Which numbers the metrics page shows: each part's own counters, read when somebody asks."""

from collections.abc import Callable, Iterable, Iterator

from bridge import __version__
from bridge.app.certificates import DoorCertificates
from bridge.app.fleet import Fleet
from bridge.app.recording import Recording
from bridge.app.video import WebVideo
from bridge.app.web_users import WebUsers
from bridge.base.time import NS_PER_S
from bridge.recorder.retention import Kept
from bridge.recorder.settings import StorageNumbers
from bridge.services.metrics.collector import Kind, Sample
from bridge.services.metrics.watchdog import Watchdog
from bridge.services.onvif.search import Search
from bridge.services.rtsp.http_tunnel import TunnelDoor
from bridge.services.rtsp.server import RtspServer
from bridge.services.rtsp.websocket import WebSocketDoor
from bridge.services.tls.server import TlsStatistics
from bridge.services.transcode.pool import WorkerPool
from bridge.services.web.login import REFUSALS
from bridge.system.audit_log import AuditLog
from bridge.system.catalogue import Catalogue, StreamState
from bridge.system.door_certificate import WARN_DAYS

Source = Callable[[], Iterable[Sample]]


def of_build() -> Iterator[Sample]:
    """The version that runs."""
    yield Sample("build_info", "The version that runs", 1, {"version": __version__})


def of_streams(catalogue: Catalogue) -> Source:
    """State and measured properties of every stream."""

    def read() -> Iterator[Sample]:
        for camera in catalogue.cameras():
            for stream in camera.streams:
                labels = {"camera": camera.id, "stream": stream.name}
                hub = stream.hub
                statistics = hub.statistics
                yield Sample("stream_up", "1 while the camera delivers", stream.state is StreamState.UP, labels)
                if stream.state is not StreamState.UP:
                    # The first word of a reason tells its kind: DNS, refused, 401, no video …
                    kind = stream.reason.partition(":")[0] or stream.state.value
                    yield Sample("stream_down", "1 while it does not, and why", 1, labels | {"reason": kind})
                yield Sample("stream_bitrate_bps", "Bits a second, video and sound", statistics.bitrate_bps, labels)
                yield Sample("stream_frame_rate", "Pictures a second", statistics.frame_rate, labels)
                yield Sample("stream_gop_length", "Pictures from key frame to key frame", statistics.gop_length, labels)
                for name, text, value in (
                    ("units", "Access units received", statistics.units),
                    ("damaged_units", "Access units with lost packets", statistics.damaged_units),
                    ("runs", "Connections that delivered", statistics.runs),
                    ("discontinuities", "Times that a camera's clock froze, jumped or began anew", hub.discontinuities),
                ):
                    yield Sample(f"stream_{name}", text, value, labels, Kind.COUNTER)

    return read


def of_ingest(fleet: Fleet) -> Source:
    """What came over the cameras' connections."""

    def read() -> Iterator[Sample]:
        for _, source in fleet.sources:
            labels = {"camera": source.settings.camera_id, "stream": source.settings.stream_name}
            statistics = source.statistics
            for name, text, value in (
                ("packets", "RTP packets received", statistics.packets),
                ("lost_packets", "RTP packets that never came", statistics.lost),
                ("late_packets", "RTP packets that came too late or twice", statistics.late),
                ("foreign_packets", "Packets dropped for their sender or channel", statistics.foreign),
                ("bytes", "Bytes read from the camera", statistics.bytes),
                ("reconnects", "Connections tried again", statistics.reconnects),
            ):
                yield Sample(f"ingest_{name}", text, value, labels, Kind.COUNTER)
            for fault, times in tuple(statistics.faults.items()):
                text = "Faults of the camera that were borne"
                yield Sample("ingest_faults", text, times, labels | {"fault": fault.value}, Kind.COUNTER)

    return read


def of_process(watchdog: Watchdog, pool: WorkerPool, audit: AuditLog) -> Source:
    """How the process itself is."""

    def read() -> Iterator[Sample]:
        yield Sample("reactor_lag_seconds", "Delay of the latest heartbeat", watchdog.lag_ns / NS_PER_S)
        worst = watchdog.worst_lag_ns / NS_PER_S
        yield Sample("reactor_worst_lag_seconds", "Worst delay of the running minute", worst)
        for name, text, value in (
            ("reactor_held", "Times that something held the reactor for over 100 ms", watchdog.held),
            ("transcode_jobs", "Pictures asked of the workers", pool.jobs),
            ("transcode_failures", "Pictures that came to nothing", pool.failures),
            ("audit_dropped", "Audit rows that were lost", audit.dropped),
        ):
            yield Sample(name, text, value, kind=Kind.COUNTER)

    return read


def of_rtsp(server: RtspServer) -> Source:
    """The RTSP door."""

    def read() -> Iterator[Sample]:
        statistics = server.statistics
        for name, text, value in (
            ("rtsp_connections", "Connections now", statistics.connections),
            ("rtsp_sessions", "Sessions now", statistics.sessions),
            ("rtsp_viewers", "Viewers that media are sent to now", statistics.viewers),
            ("rtsp_replays", "Sessions of recordings now", statistics.replays),
            (
                "rtsp_multicast_viewers",
                "Those of the viewers that share multicast groups",
                statistics.multicast_viewers,
            ),
            ("rtsp_multicast_tracks", "Tracks that go to a multicast group now", statistics.multicast_tracks),
            ("rtsp_talks", "Sessions that have a camera's loudspeaker now", statistics.talks),
        ):
            yield Sample(name, text, value)
        for name, text, value in (
            ("rtsp_connections_accepted", "Connections accepted", statistics.connections_accepted),
            (
                "rtsp_connections_refused",
                "Connections closed because there were too many",
                statistics.connections_refused,
            ),
            ("rtsp_sessions_made", "Sessions made", statistics.sessions_made),
            ("rtsp_sessions_timed_out", "Sessions that ended by silence", statistics.sessions_timed_out),
            ("rtsp_plays", "PLAY requests that began a playback", statistics.plays),
            ("rtsp_login_failures", "Wrong log-ins", statistics.login_failures),
            ("rtsp_lost_sends", "Sends by UDP and multicast that the kernel had no room for", statistics.lost_sends),
            ("rtsp_talks_refused", "SETUPs of a loudspeaker that another one had", statistics.talks_refused),
            ("rtsp_protocol_errors", "Connections closed for what they sent", statistics.protocol_errors),
        ):
            yield Sample(name, text, value, kind=Kind.COUNTER)

    return read


def of_talk(catalogue: Catalogue) -> Source:
    """What clients talk to cameras' loudspeakers."""

    def read() -> Iterator[Sample]:
        for camera in catalogue.cameras():
            if camera.talk is None:
                continue
            labels, statistics = {"camera": camera.id}, camera.talk.statistics
            yield Sample("talk_up", "1 while a camera's loudspeaker is to be had", camera.talk.listens, labels)
            packets, size = statistics.packets, statistics.bytes
            yield Sample("talk_packets", "RTP packets that went to a loudspeaker", packets, labels, Kind.COUNTER)
            yield Sample("talk_bytes", "Their bytes", size, labels, Kind.COUNTER)
            for why, count in tuple(statistics.dropped.items()):
                text = "RTP packets of talkers that did not go on"
                yield Sample("talk_dropped_packets", text, count, labels | {"reason": why.value}, Kind.COUNTER)

    return read


def of_tls(certificates: DoorCertificates, counts: TlsStatistics) -> Source:
    """The TLS doors, and their certificate."""

    def read() -> Iterator[Sample]:
        for name, text, value in (
            ("handshakes", "TLS connections that came about", counts.handshakes),
            ("handshakes_failed", "TLS connections that did not", counts.failed),
            ("handshakes_timed_out", "TLS connections that were cut before they came about", counts.timed_out),
        ):
            yield Sample(f"tls_{name}", text, value, kind=Kind.COUNTER)
        current = certificates.current
        if current is None:
            return
        expires_s = current.expires.timestamp()
        yield Sample("tls_certificate_expires_timestamp_seconds", "When the doors' certificate expires", expires_s)
        within = certificates.days_warned_of
        for days in WARN_DAYS:
            soon = within is not None and within <= days
            yield Sample(
                "tls_certificate_expires_soon", "1 when it does within so many days", soon, {"days": str(days)}
            )

    return read


def of_web_users(users: WebUsers) -> Source:
    """Who is logged in at the web door, and who was not let in."""

    def read() -> Iterator[Sample]:
        yield Sample("web_sessions", "Sessions now", len(users.sessions))
        yield Sample("web_api_tokens", "Tokens of programs now", len(users.tokens))
        for name, text, value in (
            ("sessions_begun", "Log-ins", users.sessions.begun),
            ("sessions_copied", "Sessions that ended because an old refresh token came", users.sessions.copied),
            ("sessions_unwritten", "Changes of sessions that were not written", users.sessions.unwritten),
        ):
            yield Sample(f"web_{name}", text, value, kind=Kind.COUNTER)
        for reason in REFUSALS:
            value = users.login.refusals[reason]
            yield Sample("web_logins_refused", "Log-ins refused", value, {"reason": reason}, Kind.COUNTER)

    return read


def of_tunnels(tunnels: TunnelDoor, websockets: WebSocketDoor) -> Source:
    """RTSP inside HTTP; each is a connection of the RTSP door as well."""

    def read() -> Iterator[Sample]:
        yield Sample("rtsp_http_tunnels", "Tunnels through HTTP now", tunnels.open)
        yield Sample("rtsp_websockets", "Connections over WebSocket now", websockets.open)
        refused = "Tunnels through HTTP refused, or closed for a half that did not come or for what they sent"
        yield Sample("rtsp_http_tunnels_refused", refused, tunnels.refused, kind=Kind.COUNTER)

    return read


def of_video(video: WebVideo) -> Source:
    """Video for browsers."""

    def read() -> Iterator[Sample]:
        live, footage = video.live, video.footage
        yield Sample("web_viewers", "Browsers that watch live by WebSocket now", live.open)
        yield Sample("web_streams", "Streams of which fragments are made for browsers now", video.sources.streams)
        yield Sample("web_hls_streams", "Streams that are kept for HLS players now", video.hls.open)
        yield Sample("web_mjpeg_viewers", "Browsers that are sent pictures one by one now", video.mjpeg.open)
        yield Sample("web_footage", "Pieces of recordings that are on their way to browsers now", footage.open)
        for name, text, value in (
            ("viewers_begun", "Browsers that watched live by WebSocket", live.begun),
            ("viewers_refused", "Browsers that found no room", live.refused),
            ("dropped_units", "Pictures and sounds that browsers which read too slowly lost", live.dropped_units),
            ("fragments", "Pictures and sounds that were made ready for browsers", video.sources.made),
            ("footage_pieces", "Pieces of recordings that were asked for", footage.answered),
            ("footage_bytes", "Bytes of them", footage.sent_bytes),
        ):
            yield Sample(f"web_{name}", text, value, kind=Kind.COUNTER)

    return read


def of_searches(search: Search) -> Source:
    """ONVIF clients' searches of what was recorded."""

    def read() -> Iterator[Sample]:
        yield Sample("onvif_searches", "Searches open now", search.open)
        pushed_out = "Searches that gave way to newer ones of their users"
        yield Sample("onvif_searches_pushed_out", pushed_out, search.pushed_out, kind=Kind.COUNTER)

    return read


def of_recording(recording: Recording) -> Source:
    """Recordings, and the storages that they go to."""

    def read() -> Iterator[Sample]:
        recorder = recording.recorder
        yield Sample("recorder_up", "1 while the index can be used", recorder is not None)
        if recorder is None:
            return
        for status in recorder.recordings:
            labels = {"camera": status.camera, "stream": status.stream}
            yield Sample("recording_state", "1 for the state that it is in", 1, labels | {"state": status.state.value})
            yield Sample("recording_held_bytes", "In memory, not written yet", status.held_bytes, labels)
            for name, text, value in (
                ("bytes", "Bytes written", status.written_bytes),
                ("units", "Access units written", status.written_units),
                ("lost_units", "Access units that the storage was too slow for", status.lost_units),
            ):
                yield Sample(f"recording_{name}", text, value, labels, Kind.COUNTER)
        for storage in recorder.storages:
            yield from _of_storage(storage)

    return read


def _of_storage(storage: StorageNumbers) -> Iterator[Sample]:
    labels = {"storage": storage.name}
    yield Sample("storage_state", "1 for the state that it is in", 1, labels | {"state": storage.status.state.value})
    for name, text, value in (
        ("bytes", "Footage that it holds", storage.size_bytes),
        ("free_bytes", "Free on its file system", storage.free_bytes),
        ("queue_jobs", "Writes that wait", storage.queue_jobs),
        ("queue_bytes", "Bytes that wait to be written", storage.queue_bytes),
        ("queue_seconds", "Since when the oldest of them waits", storage.waiting_ns / NS_PER_S),
        ("write_max_seconds", "Longest write since this was read last", storage.write_latency.take_max() / NS_PER_S),
        ("sync_max_seconds", "Longest sync since this was read last", storage.sync_latency.take_max() / NS_PER_S),
    ):
        yield Sample(f"storage_{name}", text, value, labels)
    for (camera, stream), kept in storage.kept.items():
        yield from _of_kept(kept, labels | {"camera": camera, "stream": stream})
    if storage.oldest_utc_ns is not None:
        oldest_s = storage.oldest_utc_ns / NS_PER_S
        yield Sample("storage_oldest_timestamp_seconds", "When its oldest footage was taken", oldest_s, labels)
    for name, text, value in (
        ("writes", "Writes", sum(storage.write_latency.counts)),
        ("write_seconds", "Time that they took", storage.write_latency.total_ns / NS_PER_S),
        ("syncs", "Syncs", sum(storage.sync_latency.counts)),
        ("sync_seconds", "Time that they took", storage.sync_latency.total_ns / NS_PER_S),
        ("removed_segments", "Segments that retention took", storage.removed_segments),
        ("removed_bytes", "Bytes that retention took", storage.removed_bytes),
    ):
        yield Sample(f"storage_{name}", text, value, labels, Kind.COUNTER)


def _of_kept(kept: Kept, labels: dict[str, str]) -> Iterator[Sample]:
    yield Sample("recording_kept_bytes", "Footage that there is", kept.size_bytes, labels)
    yield Sample("recording_kept_segments", "Files of it", kept.segments, labels)
    if kept.oldest_utc_ns is not None:
        oldest_s = kept.oldest_utc_ns / NS_PER_S
        yield Sample("recording_oldest_timestamp_seconds", "When the oldest of it was taken", oldest_s, labels)
    for name, text, value in (
        ("removed_segments", "Segments of it that retention took", kept.removed_segments),
        ("removed_bytes", "Bytes of it that retention took", kept.removed_bytes),
    ):
        yield Sample(f"recording_{name}", text, value, labels, Kind.COUNTER)
