"""Checks that tests mirror the code: `bridge/wire/sdp.py` is tested by `tests/wire/test_sdp.py`, and the reverse.

Who looks for the tests of a file, or for the file of a test, never has to search. Run by `make lint`; exit code 1 with
one line for each missing file. Exceptions stand here with their reason; one that is no longer needed is an error too.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Code without a test file of its own -> where it is tested instead. A folder ends in `/`.
TESTED_ELSEWHERE = {
    "bridge/app/": "builds the whole: tests/interop starts it",
    "bridge/cli/__main__.py": "`python -m bridge.cli`: every test in tests/cli that starts a process",
    "bridge/dialogue/rtsp_client_events.py": "values without behaviour: tests/dialogue/test_rtsp_client.py",
    "bridge/dialogue/rtsp_server_side.py": "values without behaviour: tests/dialogue/test_rtsp_server.py",
    "bridge/dialogue/rtsp_server_events.py": "values without behaviour: tests/dialogue/test_rtsp_server.py",
    "bridge/media/routes.py": "values and Protocols without behaviour: tests/media/test_fanout.py",
    "bridge/recorder/settings.py": "values without behaviour: tests/recorder/test_recorder.py",
    "bridge/net/http_door.py": "driven by tests/net/test_http_channel.py and tests/services/onvif/test_server.py",
    "bridge/net/websocket.py": "driven by tests/services/rtsp/test_websocket.py",
    "bridge/net/takeover.py": "Protocols: tests/services/rtsp/test_http_tunnel.py joins both sides of them",
    "bridge/net/carrier.py": "passes on: driven by tests/services/rtsp/test_http_tunnel.py",
    "bridge/services/rtsp/connection.py": "driven by tests/services/rtsp/test_server.py",
    "bridge/services/rtsp/live.py": "driven by tests/services/rtsp/test_server.py",
    "bridge/services/rtsp/replay_viewer.py": "driven by tests/services/rtsp/test_recorded.py",
    "bridge/services/rtsp/served.py": "Protocols and what both viewers share: tests/services/rtsp/test_server.py",
    "bridge/services/rtsp/viewer.py": "driven by tests/services/rtsp/test_server.py",
    "bridge/wire/rtsp/reader_limits.py": "values without behaviour: tests/wire/rtsp/test_message.py",
    "bridge/system/config_fields.py": "each kind of value by a fault of it: tests/system/test_config_load.py",
    "bridge/system/audit.py": "a Protocol alone: tests/system/test_audit_log.py tests what keeps it",
    "bridge/store/backend.py": "driven by tests/store/test_database.py",
    "bridge/store/check_folder.py": "driven by tests/store/test_check.py",
    "bridge/store/migrations/": "run as a whole by tests/store/test_schema.py",
    "bridge/store/postgres.py": "needs a server: tests/interop/test_postgres.py",
    "bridge/store/rows.py": "values without behaviour: tests/store/test_index.py",
    "bridge/store/sqlite.py": "driven by tests/store/test_database.py",
    "bridge/system/migrations/": "run as a whole by tests/system/test_schema.py",
}

# Test files without code of their name, and why.
TESTS_OF_MORE = {
    "tests/client/": "the page's own modules: bridge/client is no Python",
    "tests/dialogue/test_rtsp_client_and_server.py": "the two joined in memory",
    "tests/services/onvif/test_clients.py": "the call orders of known clients through the whole service",
    "tests/dialogue/test_rtsp_clients.py": "whole conversations of known clients with bridge/dialogue/rtsp_server.py",
    "tests/dialogue/test_rtsp_client_faults.py": "the client's conversation with faulty cameras",
    "tests/fuzz/": "targets and their runner; a target may cross several files",
    "tests/interop/": "the whole service against foreign clients",
    "tests/recorder/test_replay_to_packets.py": "from footage through `recorder/replay` and `media/replay_sender`",
    "tests/recorder/test_whole_way.py": "from the hub through the files to the reader",
    "tests/services/ingest/test_faulty_cameras.py": "from faulty cameras through the native driver to the hub",
    "tests/wire/mp4/test_ffmpeg.py": "whole files, opened by FFmpeg",
}


def main() -> int:
    """Prints what is missing; 1 when something is."""
    problems = missing_tests() + missing_code() + needless_exceptions()
    for problem in problems:
        print(problem)
    if not problems:
        print("tests mirror the code")
    return 1 if problems else 0


def missing_tests() -> list[str]:
    """Code that no test file mirrors."""
    problems = []
    for path in code_files():
        test = test_of(path)
        if not (ROOT / test).is_file() and not excepted(path, TESTED_ELSEWHERE):
            problems.append(f"{path}: no {test}")
    return problems


def missing_code() -> list[str]:
    """Test files that mirror no code."""
    mirrored = {test_of(path) for path in code_files()}
    return [
        f"{path}: tests no file of bridge/ (expected {code_of(path)})"
        for path in files("tests", "test_*.py")
        if path not in mirrored and not excepted(path, TESTS_OF_MORE)
    ]


def needless_exceptions() -> list[str]:
    """Exceptions for files that are gone, or that have got their mirror."""
    problems = [
        f"tools/tests_mirror.py: {name}: there is no such file any more"
        for name in (*TESTED_ELSEWHERE, *TESTS_OF_MORE)
        if not (ROOT / name).exists()
    ]
    problems += [
        f"tools/tests_mirror.py: {name}: {test_of(name)} exists, the exception can go"
        for name in TESTED_ELSEWHERE
        if name.endswith(".py") and (ROOT / test_of(name)).is_file()
    ]
    return problems


def code_files() -> list[str]:
    """Every module of bridge/ but the maps of the folders."""
    return [path for path in files("bridge", "*.py") if not path.endswith("/__init__.py")]


def files(folder: str, pattern: str) -> list[str]:
    """The files below `folder`, as posix paths from the root, sorted."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob(pattern))


def test_of(code: str) -> str:
    """`bridge/wire/sdp.py` -> `tests/wire/test_sdp.py`."""
    folder, _, name = code.removeprefix("bridge/").rpartition("/")
    return f"tests/{folder}/test_{name}" if folder else f"tests/test_{name}"


def code_of(test: str) -> str:
    """`tests/wire/test_sdp.py` -> `bridge/wire/sdp.py`."""
    folder, _, name = test.removeprefix("tests/").rpartition("/")
    name = name.removeprefix("test_")
    return f"bridge/{folder}/{name}" if folder else f"bridge/{name}"


def excepted(path: str, exceptions: dict[str, str]) -> bool:
    """Whether the file or a folder above it is listed."""
    return any(path == name or (name.endswith("/") and path.startswith(name)) for name in exceptions)


if __name__ == "__main__":
    sys.exit(main())
