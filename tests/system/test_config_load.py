# ruff: noqa: E501 - the table holds sentences as they are printed, one line each
"""Faults of a configuration: every sentence, exactly as users read it."""

import os
import tomllib
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.system.access import Action, Role
from bridge.system.certificate_files import pem_of_key
from bridge.system.config import Config
from bridge.system.config_diff import diff
from bridge.system.config_load import Fault, FaultyConfigurationError, load, read, read_camera, read_user
from tests.system.tls_files import rsa_key, server_certificate, write_pair

USER = '[[user]]\nname = "op"\npassword = "x"\n'
CAMERA = '[[camera]]\nid = "a"\nurl = "rtsp://192.0.2.1/x"\n'


def read_text(text: str, environ: dict[str, str] | None = None, base: Path = Path("/etc/onb")) -> Config:
    return read(tomllib.loads(text), base=base, environ=environ or {})


def faults(text: str) -> list[str]:
    with pytest.raises(FaultyConfigurationError) as caught:
        read_text(text)
    return str(caught.value).splitlines()


KNOWN = (
    "bind, bind_door, camera, clients, data, database, discovery, events, export, limits, multicast, ports, public, recording,"
    " rtsp, security, tls, user"
)
CAMERA_KEYS = (
    "device_address, device_port, driver, id, name, owner, post_roll, pre_roll, push, record, retention,"
    " retention_bytes, schedule, storage, stream, talk, tls_ca, url"
)
DATABASE = '"", which is SQLite in data, or an address such as postgresql://user:password@host/name'
ESCAPES = "; in a user name or password write / as %2F, ? as %3F, # as %23, : as %3A, @ as %40, % as %25"

BROKEN = [
    ("data = 5", ["data: 5: expected a path in quotes"]),
    ('colour = "hunter2"', [f"colour: unknown key; known here: {KNOWN}"]),
    ("[port]", ["port: unknown key; did you mean ports?"]),
    ('database = "mysql://u:hunter2@h/n"', [f'database: "mysql://***@h/n": expected {DATABASE}']),
    ('database = "postgresql://u:hunter2/x@h/n"', [f'database: "postgresql://***@h/n": expected {DATABASE}{ESCAPES}']),
    ("database = 5", ['database: 5: expected "" or an address in quotes such as postgresql://user:password@host/name']),
    ('bind = "::"', ["bind: a text: expected a list, [ ... ]"]),
    ("bind = []", ["bind: an empty list: expected at least one address"]),
    ('bind = ["localhost"]',
     ['bind[0]: "localhost": expected an IPv4 or IPv6 address such as "0.0.0.0", "::" or "192.0.2.1", without a port']),
    ("bind_door.rtsp = []",
     ["bind_door.rtsp: an empty list: expected at least one address (port 0 switches a door off)"]),
    ("ports = 5", ["ports: 5: expected a table"]),
    ('ports.onvif = "580"', ['ports.onvif: "580": expected a port from 0 to 65535']),
    ("ports.onvif = true", ["ports.onvif: true: expected a port from 0 to 65535"]),
    ("ports.onvif = 580.0", ["ports.onvif: 580.0: expected a port from 0 to 65535"]),
    ("ports.onvif = 70000", ["ports.onvif: 70000: expected a port from 0 to 65535"]),
    ("ports.onvif = 554", ["ports.rtsp: expected a port that no other door has; ports.onvif is 554 too"]),
    ('ports.push = "8000-8100"',
     ['ports.push: "8000-8100": expected a range without the ports of other doors; ports.http is 8081',
      'ports.push: "8000-8100": expected a range without the ports of other doors; ports.https is 8082']),
    ('public.host = "http://x"',
     ['public.host: "http://x": expected a host name or address without scheme and port, or "" for what the client called']),
    ("discovery.enabled = 1", ["discovery.enabled: 1: expected true or false"]),
    ('recording.segment = "60"',
     ['recording.segment: "60": expected a duration such as "500ms", "2s", "10m", "1h" or "7d"']),
    ('recording.segment = "2h"',
     ['recording.segment: "2h": expected a duration such as "500ms", "2s", "10m", "1h" or "7d", from 1s to 1h']),
    ("recording.segment = 60",
     ['recording.segment: 60: expected a duration such as "500ms", "2s", "10m", "1h" or "7d", from 1s to 1h']),
    ('recording.storage = [{min_free_bytes = "2 gigs"}]',
     ['recording.storage[0].min_free_bytes: "2 gigs": expected a number of bytes or a size such as "2GB" (1000s) or "500MiB" (1024s)']),
    ('recording.storage = [{name = "a"}, {name = "a"}]',
     ['recording.storage[1].name: "a": expected a text that stands once; recording.storage[0] has it too']),
    ("rtsp.packet_bytes = 9000", ["rtsp.packet_bytes: 9000: expected a whole number from 256 to 8960"]),
    ('multicast.range = "10.0.0.0/8"',
     ['multicast.range: "10.0.0.0/8": expected an IPv4 multicast network such as "239.192.0.0/16"']),
    ('security.metrics = "all"', ['security.metrics: "all": expected "nobody", "loopback" or "everybody"']),
    ("user = 5", ["user: 5: expected a list, [ ... ]"]),
    ('user = ["hunter2"]', ["user[0]: a text: expected a table"]),
    ('[user]\nname = "op"\npassword = "hunter2"', ["user: expected a list, [ ... ]"]),
    ('[[user]]\nname = "op"', ["user[0]: expected password, password_file or password_hash"]),
    ('[[user]]\npassword = "hunter2"', ["user[0].name: expected this key, as it has no default"]),
    ('[[user]]\nname = "a:b"\npassword = "hunter2"',
     ['user[0].name: "a:b": expected 1 to 64 printable characters without : " and \\, no space at either end']),
    ('[[user]]\nname = "op"\npassword = ""', ["user[0].password: ***: expected a text in quotes that is not empty"]),
    ('[[user]]\nname = "op"\npassword = 12345', ["user[0].password: ***: expected a text in quotes that is not empty"]),
    ('[[user]]\nname = "op"\npassword = "${NOPE}hunter2"',
     ["user[0].password: ***: expected the environment variable NOPE, which is not set"]),
    ('[[user]]\nname = "op"\npasword = "hunter2"',
     ["user[0]: expected password, password_file or password_hash",
      "user[0].pasword: unknown key; did you mean password?"]),
    ('[[user]]\nname = "op"\npassword = "hunter2"\npassword_file = "/nonexistent"',
     ['user[0].password_file: "/nonexistent": expected a password file that can be read (No such file or directory)']),
    ('[[user]]\nname = "op"\ndoors = ["web"]\npassword_hash = "$argon2id$hunter2"',
     ['user[0].password_hash: ***: expected an argon2 hash such as "$argon2id$v=19$m=19456,t=2,p=1$…", of at most 1 GiB in all passes (m times t) and 16 lanes (p)']),
    ('[[user]]\nname = "op"\npassword_hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aHVudGVyMmh1bnRlcjI"',
     ['user[0].password_hash: ***: expected password or password_file, as ONVIF and RTSP digest need the secret itself; or doors = ["web"]']),
    (USER + 'role = "boss"', ['user[0].role: "boss": expected "administrator", "operator" or "viewer"']),
    (USER + "fast_start = 1", ["user[0].fast_start: 1: expected true or false"]),
    (USER + 'doors = ["tv"]', ['user[0].doors[0]: "tv": expected "onvif", "rtsp", "web" or "push"']),
    (USER + '[[user.grant]]\ncameras = ["*"]\nactions = ["watch"]',
     ['user[0].grant[0].actions[0]: "watch": expected "live", "playback", "export", "audio", "ptz", "output" or "push"']),
    (USER + USER, ['user[1].name: "op": expected a text that stands once; user[0] has it too']),
    ("[[camera]]\nid = 'A b'\nurl = 'rtsp://h/'", ['camera[0].id: "A b": expected 1 to 32 characters of a-z, 0-9 and -']),
    ("[[camera]]\nurl = 'rtsp://h/'", ["camera[0].id: expected this key, as it has no default"]),
    ("[[camera]]\nid = 'a'", ["camera[0]: expected url, or a [[camera.stream]] with one"]),
    ("[[camera]]\nid = 'a'\nurl = 'http://admin:hunter2@h/'",
     ['camera[0].url: "http://***@h/": expected an rtsp:// or rtsps:// address; or transport = "http" beside it, for RTSP through HTTP']),
    ("[[camera]]\nid = 'a'\ndriver = 'aiortsp'\n[[camera.stream]]\ntransport = 'http'\nurl = 'http://h/'",
     ['camera[0].stream[0].transport: "http": expected tcp or udp; http needs driver = "native"']),
    ("[[camera]]\nid = 'a'\ndriver = 'aiortsp'\n[[camera.stream]]\nurl = 'rtsp://h/'\ntransport = 'multicast'",
     ['camera[0].stream[0].transport: "multicast": expected tcp or udp; multicast needs driver = "native"']),
    ("[[camera]]\nid = 'a'\nurl = 5", ["camera[0].url: 5: expected an address in quotes such as rtsp://192.0.2.10/stream1"]),
    ("[[camera]]\nid = 'a'\n[[camera.stream]]\nurl='rtsp://h/'\n[[camera.stream]]\nurl = 'rtsps://h/'\ntransport = 'udp'",
     ['camera[0].stream[1].transport: "udp": expected "tcp": over rtsps:// the media travel in the connection']),
    ("[[camera]]\nid = 'a'\nurl = 'rtsp://h/'\ntalk = 1", ["camera[0].talk: 1: expected true or false"]),
    ("[[camera]]\nid = 'a'\nurl = 'rtsp://h/'\ntalk = true\ndriver = 'aiortsp'",
     ['camera[0].talk: true: expected false, or driver = "native": aiortsp knows no backchannel']),
    ("[[camera]]\nid = 'a'\ntalk = true\n[[camera.stream]]\nurl = 'rtsp://h/'\ntransport = 'multicast'",
     ["camera[0].talk: true: expected false, or another transport of the first stream: nobody talks by multicast"]),
    ("[[camera]]\nid = 'a'\nurl = 'RTSPS://h/'\ndriver = 'aiortsp'",
     ['camera[0].driver: "aiortsp": expected "native": aiortsp knows no rtsps://']),
    (CAMERA + "tls_ca = 'none.pem'",
     ['camera[0].tls_ca: "none.pem": expected the path of a PEM file with the certificates of authorities; /etc/onb/none.pem cannot be read: No such file or directory']),
    ("[[camera]]\nid = 'a'\n[[camera.stream]]\nname = 'main'", ["camera[0].stream[0].url: expected this key, as it has no default"]),
    ("[[camera]]\nid = 'a'\n[[camera.stream]]\nurl='rtsp://h/'\nname='sub'\n[[camera.stream]]\nurl='rtsp://h/'",
     ["camera[0].stream[1].name: expected a text that stands once; camera[0].stream[0] has it too"]),
    (CAMERA + "[[camera.stream]]\nurl='rtsp://h/'",
     ['camera[0].url: "rtsp://192.0.2.1/x": expected either url, which is short for one stream, or [[camera.stream]]']),
    (CAMERA + CAMERA, ['camera[1].id: "a": expected a text that stands once; camera[0] has it too']),
    (CAMERA + 'storage = "big"', ['camera[0].storage: "big": expected the name of a [[recording.storage]]: default']),
    (CAMERA + 'schedule = ["always"]',
     ['camera[0].schedule[0]: "always": expected a time of the week such as "mon-fri 08:00-18:00" or "sat 00:00-24:00"']),
    (CAMERA + 'owner = "op"', ['camera[0].owner: "op": expected push beside it: only push cameras have an owner']),
    (CAMERA + '[camera.onvif]\nx = 1',
     [f"camera[0].onvif: unknown key; known here: {CAMERA_KEYS}"]),
    ("[[camera]]\nid = 'a'\npush = 40001\nowner = 'op'", ["camera[0].push: 40001: expected a port inside the range that ports.push names"]),
    ("ports.push = '40001-40099'\n[[camera]]\nid = 'a'\npush = 40001", ["camera[0].owner: expected the user who may push"]),
    ("ports.push = '40001-40099'\n[[camera]]\nid = 'a'\npush = 40001\nowner='x'\n[[camera]]\nid = 'b'\npush = 40001\nowner='x'",
     ["camera[1].push: 40001: expected a port of its own; camera[0] has it too"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), BROKEN, ids=[text.replace("\n", " ")[:40] for text, _ in BROKEN])
def test_every_fault_in_words(text, lines):
    found = faults(text)
    assert found == lines
    assert "hunter2" not in "\n".join(found)


def test_all_faults_at_once_in_the_order_of_the_file():
    text = 'colour = 1\n[ports]\nrtsp = 70000\nonvif = 8081\n[[camera]]\nid = "X"\nurl = "rtsp://h/"\n[[user]]\nname = "op"'
    assert [line.partition(": ")[0] for line in faults(text)] == [
        "colour",
        "ports.rtsp",
        "ports.http",
        "camera[0].id",
        "user[0]",
    ]


def test_the_shortest_camera():
    camera = read_text(CAMERA).cameras[0]
    assert (camera.id, camera.name, camera.storage, camera.push) == ("a", "a", "default", 0)
    (stream,) = camera.streams
    assert (stream.name, stream.transport, stream.record, str(stream.url)) == (
        "main",
        "tcp",
        True,
        "rtsp://192.0.2.1/x",
    )


def test_a_camera_behind_a_tunnel():
    text = "[[camera]]\nid = 'a'\n[[camera.stream]]\nurl = 'http://u:p@h/x'\ntransport = 'http'"
    (stream,) = read_text(text).cameras[0].streams
    assert (stream.transport, stream.url.with_credentials) == ("http", "rtsp://u:p@h:80/x")


def test_streams_are_named_by_place():
    camera = read_camera({"id": "a", "stream": [{"url": "rtsp://h/"}] * 4}, environ={})
    assert [(stream.name, stream.record) for stream in camera.streams] == [
        ("main", True),
        ("sub", False),
        ("sub2", False),
        ("sub3", False),
    ]


def test_storages_lie_in_data_unless_they_say_where():
    config = read_text("""
        data = "d"
        [[recording.storage]]
        [[recording.storage]]
        name = "big"
        path = "disk"
        [[recording.storage]]
        name = "far"
        path = "/mnt/far"
    """)
    folders = [str(config.folder_of(storage)) for storage in config.recording.storages]
    assert folders == ["/etc/onb/d/recordings", "/etc/onb/disk", "/mnt/far"]


def test_users():
    user = read_user(
        {
            "name": "op",
            "password": 'a$${A}b${A}"\n😀',
            "role": "operator",
            "cameras": ["a"],
            "grant": [{"cameras": ["gate-*"], "actions": ["push"]}],
        },
        environ={"A": "${B}"},
    )
    assert user.secret == 'a${A}b${B}"\n😀'
    assert user.secret not in repr(user)
    principal = user.principal()
    assert principal.role is Role.OPERATOR
    assert principal.grants[1].allows(Action.PUSH, "gate-7")
    assert not principal.grants[0].allows(Action.LIVE, "b")


def test_password_files_are_relative_to_the_file(tmp_path):
    (tmp_path / "pw").write_bytes("pässwörd \r\n".encode())
    (tmp_path / "onb.toml").write_text('data = "x/y"\n[[user]]\nname = "op"\npassword_file = "pw"\n')
    config = load(tmp_path / "onb.toml", {})
    assert config.users[0].secret == "pässwörd "
    assert config.data == tmp_path / "x/y"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_password_files_that_hold_none(tmp_path, content):
    (tmp_path / "pw").write_bytes(content)
    with pytest.raises(FaultyConfigurationError, match=r"password_file: .*expected a password file"):
        read_user({"name": "op", "password_file": "pw"}, base=tmp_path, environ={})


def test_two_doors_may_share_a_port_on_two_addresses():
    config = read_text('[ports]\nhttp = 80\nonvif = 80\n[bind_door]\nhttp = ["10.0.0.1"]\nonvif = ["10.0.0.2"]')
    assert config.bind_of("http") == ("10.0.0.1",)
    assert config.bind_of("rtsp") == ("0.0.0.0", "::")
    assert config.port_of("onvif") == 80


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a = \n", "line 1, column 5: not TOML: "),
        (b'[ports]\nonvif = 1\nonvif = 2\n', "line 3, column "),
        (b"\n\nx = 'a", "line 3, column 7: not TOML: "),
        (b"a = 1\nb = '\xff'\n", "line 2, column 6: expected text in UTF-8"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "not TOML: arrays are nested too deeply, or a number is too long"),
        (b"x = " + b"9" * 5000, "not TOML: arrays are nested too deeply, or a number is too long"),
    ],
)  # fmt: skip
def test_files_that_are_no_toml(tmp_path, content, sentence):
    path = tmp_path / "onb.toml"
    path.write_bytes(content)
    with pytest.raises(FaultyConfigurationError) as caught:
        load(path, {})
    assert str(caught.value).startswith(f"{path}: {sentence}")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FaultyConfigurationError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(FaultyConfigurationError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_shown_values_stay_on_one_line_and_short():
    (line,) = faults('[[camera]]\nid = "a\\u001b[31m\\n\\u009b' + "x" * 5000 + '"\nurl = "rtsp://h/"')
    assert line.isprintable()
    assert len(line) < 250
    (line,) = faults(f"ports.onvif = 1{'0' * 4000}")
    assert line == "ports.onvif: a number of 13288 bits: expected a port from 0 to 65535"


SECRETS = st.text(min_size=1).map(lambda text: f"hunter2{text}hunter2")
SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.sampled_from(["rtsp://h/x", "a", "main", "always", "2s", "2GB", "40001-40099", "::", "viewer", "*", "default"])
)
KEYS = st.sampled_from(
    [
        *("data", "database", "bind", "bind_door", "public", "ports", "recording", "storage", "user", "camera", "stream"),
        *("id", "name", "url", "push", "owner", "password", "password_hash", "role", "cameras", "grant", "actions", "http"),
        *("onvif", "host", "segment", "limits", "login_pause", "record", "schedule", "retention", "range", "multicast"),
    ]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_tables_are_a_configuration_or_faults(tables):
    found: tuple[Fault, ...] = ()
    try:
        read(tables, base=Path("/nowhere"), environ={})
    except FaultyConfigurationError as error:
        found = error.faults or (Fault("", "", "no fault at all"),)
    for fault in found:
        assert fault.expected.startswith(("expected ", "unknown key"))
        assert "another kind" not in fault.expected


@settings(max_examples=200)
@given(SECRETS, SCALARS)
def test_no_fault_shows_a_secret(secret, other):
    url = f"rtsp://admin:{secret}@h/x"
    tables = {
        "user": [
            {"name": other, "password": secret, "pasword": secret, "role": other},
            {"name": "x", "password": [secret], "password_hash": secret, "cameras": secret},
            {"name": "y", "password": {"x": secret}},
            secret,
        ],
        "camera": [
            {"id": other, "url": url},
            {"id": "a", "url": [url]},
            {"id": "b", "stream": [{"url": url, "x": secret}, url]},
            {"id": "c", "stream": url},
        ],
        "database": f"postgresql://u:{secret}@h/n",
        "ports": secret,
        "secret": secret,
    }
    with pytest.raises(FaultyConfigurationError) as caught:
        read(tables, base=Path("/nowhere"), environ={})
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.faults)


def test_the_environment_is_that_of_the_process_unless_given(monkeypatch):
    monkeypatch.setitem(os.environ, "ONB_TEST_PASSWORD", "from the environment")
    assert read_user({"name": "x", "password": "${ONB_TEST_PASSWORD}"}).secret == "from the environment"


@given(
    st.text(st.sampled_from("\"'\\=[]{}\n\r\t, .#$"), max_size=6), st.text(st.sampled_from("\"'\\=]}\n "), max_size=6)
)
def test_no_sentence_about_broken_toml_shows_a_value(tmp_path_factory, before, after):
    path = tmp_path_factory.getbasetemp() / "broken.toml"
    path.write_text(f"[[user]]\nname = 'x'\npassword = {before}hunter2{after}\n")
    try:
        load(path, {})
    except FaultyConfigurationError as error:
        text = str(error)
    else:
        text = ""
    assert "= hunter2" not in text
    assert "unknown key" in text or "hunter2" not in text  # what stands left of a = is a key, and keys are shown


def of_tls(tmp_path, **keys):
    text = "[tls]\n" + "\n".join(f'{key} = "{value}"' for key, value in keys.items())
    (tmp_path / "onb.toml").write_text(text)
    return load(tmp_path / "onb.toml", {"WHERE": str(tmp_path)})


def test_a_certificate_from_files(tmp_path):
    write_pair(tmp_path)
    first = of_tls(tmp_path, certificate="cert.pem", key="${WHERE}/key.pem")
    assert first.tls.certificate.certificates[0] == server_certificate()
    assert first.tls.key.key.private_numbers() == rsa_key().private_numbers()
    assert "PRIVATE" not in repr(first)
    assert not diff(first, of_tls(tmp_path, certificate="cert.pem", key="key.pem"))
    write_pair(tmp_path, rsa_key(1))
    assert diff(first, of_tls(tmp_path, certificate="cert.pem", key="key.pem")).settings == ("tls",)
    assert of_tls(tmp_path, certificate="", key="").tls.certificate is None
    write_pair(tmp_path, since=2050, until=2060)
    assert of_tls(tmp_path, certificate="cert.pem", key="key.pem"), "the clock may be wrong until it is set"


@pytest.mark.parametrize(
    ("kind", "keys", "line"),
    [
        ({}, {"certificate": "cert.pem"},
         "tls.key: expected the file with the key that belongs to tls.certificate, or neither of them"),
        ({}, {"key": "key.pem"},
         "tls.certificate: expected the file with the certificate that belongs to tls.key, or neither of them"),
        ({}, {"certificate": "none.pem", "key": "key.pem"},
         "tls.certificate: \"none.pem\": expected the path of a PEM file with the doors' certificate first, and those above it; HERE/none.pem cannot be read: No such file or directory"),
        ({}, {"certificate": "cert.pem", "key": "cert.pem"},
         'tls.key: "cert.pem": expected the path of a PEM file with the key of tls.certificate, without a password; HERE/cert.pem holds no private key (PEM)'),
        ({}, {"certificate": "cert.pem", "key": "other.pem"},
         'tls.key: "other.pem": expected the path of a PEM file with the key of tls.certificate, without a password; the key in HERE/other.pem is not that of the certificate in HERE/cert.pem'),
        ({"uses": [ExtendedKeyUsageOID.CLIENT_AUTH]}, {"certificate": "cert.pem", "key": "key.pem"},
         'tls.certificate: "cert.pem": expected a certificate for servers (extended key usage serverAuth)'),
        ({}, {"certificate": "cert.pem", "key": "-----BEGIN PRIVATE KEY-----hunter2"},
         "tls.key: ***: expected the path of a PEM file with the key of tls.certificate, without a password"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_certificate_files(tmp_path, kind, keys, line):
    write_pair(tmp_path, **kind)
    (tmp_path / "other.pem").write_bytes(pem_of_key(rsa_key(1)))
    with pytest.raises(FaultyConfigurationError) as caught:
        of_tls(tmp_path, **keys)
    assert [str(one) for one in caught.value.faults] == [line.replace("HERE", str(tmp_path))]
