from typing import Any

import pytest
import structlog
from lxml import etree

from bridge.base.errors import ConfigurationError
from bridge.net.addresses import PublicAddress
from bridge.services.onvif.call import static_answer
from bridge.services.onvif.service import MAX_KEPT_ANSWERS
from bridge.wire.soap.faults import ADDRESSING, SOAP_11, SOAP_12
from tests.services.onvif.door import GET_PROFILES, GET_TIME, GET_USERS, TDS, TRT, TT, Door, basic, fault_of, soap

STREAM_URI = (
    f"<GetStreamUri {TRT}><StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol>"
    "</tt:Transport></StreamSetup><ProfileToken>a.main</ProfileToken></GetStreamUri>"
)


@pytest.fixture
def door() -> Door:
    return Door()


# --- Finding the operation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (b"hello", 400, "Sender/WellFormed"),
        (b"<!DOCTYPE a><a/>", 400, "Sender/WellFormed"),
        (soap("<a></b>"), 400, "Sender/TagMismatch"),
        (f'<s:Envelope xmlns:s="{SOAP_12}"/>'.encode(), 400, "Sender/Tag"),
        (soap(""), 400, "Sender/UnknownAction"),
        (soap(f"<Fly {TRT}/>"), 400, "Sender/UnknownAction"),
        (soap("<GetProfiles/>"), 400, "Sender/UnknownAction"),
        (soap(GET_PROFILES * 2), 400, "Sender/InvalidArgs"),
        (soap(f"<CreateProfile {TRT}/>"), 500, "Receiver/ActionNotSupported"),
        (soap(f"<GetAudioOutputs {TRT}/>"), 500, "Receiver/ActionNotSupported/AudioOutputNotSupported"),
        (soap(f"<DeleteProfile {TRT}/>"), 500, "Receiver/ActionNotSupported"),  # in the schema, not in the table
        # In the table, but nobody has opened that service.
        (soap('<GetNodes xmlns="http://www.onvif.org/ver20/ptz/wsdl"/>'), 500, "Receiver/ActionNotSupported"),
        (soap(GET_PROFILES, '<x:y xmlns:x="urn:x" s:mustUnderstand="1"/>'), 500, "MustUnderstand"),
        (soap(f'<GetProfiles {TRT} s:encodingStyle="urn:x"/>'), 500, "DataEncodingUnknown"),
        (soap(GET_TIME).replace(SOAP_12.encode(), b"urn:x"), 500, "VersionMismatch"),
    ],
)
def test_faults_before_the_log_in(door: Door, body: bytes, status: int, fault: str) -> None:
    reply = door.post(body)
    assert (reply.status, fault_of(reply)) == (status, fault)
    assert reply.content_type == "application/soap+xml; charset=utf-8"


def test_soap_11_is_told_so_in_soap_11(door: Door) -> None:
    reply = door.post(soap(GET_TIME).replace(SOAP_12.encode(), SOAP_11.encode()))
    assert (reply.status, reply.content_type) == (500, "text/xml; charset=utf-8")
    assert etree.fromstring(reply.body).tag == f"{{{SOAP_11}}}Envelope"


def test_the_words_that_home_assistant_looks_for(door: Door) -> None:
    assert b">Optional Action Not Implemented<" in door.post(f"<CreateProfile {TRT}/>").body


def test_operations_are_answered_on_every_path(door: Door) -> None:
    assert door.post(GET_TIME, path="/onvif/media_service").status == 200
    assert door.post(GET_TIME, path="/onvif/device_service?x").status == 200


# --- Authentication: the table of ONVIF Core -------------------------------------------------------------------------


def test_pre_auth_never_looks_at_credentials(door: Door) -> None:
    for more in ({}, {"authorization": door.digest(password="wrong")}, {"authorization": basic("viewer")}):
        assert door.post(GET_TIME, **more).status == 200
        assert door.post(GET_TIME, door.token(password="wrong"), **more).status == 200
    assert door.audit == []


def test_nothing_is_answered_with_a_challenge(door: Door) -> None:
    reply = door.post(GET_PROFILES)
    assert (reply.status, reply.body) == (401, b"")
    ((name, value),) = reply.headers
    assert name == "WWW-Authenticate"
    assert value.startswith('Digest realm="onb", nonce="')
    assert 'qop="auth"' in value
    assert "stale" not in value


def test_http_digest(door: Door) -> None:
    assert door.post(GET_PROFILES, authorization=door.digest()).status == 200
    (_, call, _) = door.media.calls[0]
    assert call.principal is not None
    assert call.principal.name == "viewer"
    for wrong in (door.digest(password="wrong"), door.digest("nobody"), basic("viewer"), "Digest", "rubbish \x00"):
        reply = door.post(GET_PROFILES, authorization=wrong)
        assert (reply.status, reply.body) == (401, b"")
        assert "stale" not in reply.headers[0][1]


def test_an_old_nonce_is_stale(door: Door) -> None:
    old = door.digest()
    door.clock.advance(3600 * 10**9)
    reply = door.post(GET_PROFILES, authorization=old)
    assert reply.status == 401
    assert "stale=true" in reply.headers[0][1]
    assert door.audit == []


def test_a_digest_for_another_path_is_no_good(door: Door) -> None:
    elsewhere = door.digest(target="/onvif/device_service")
    assert door.post(GET_PROFILES, authorization=elsewhere).status == 401
    behind_a_proxy = door.digest(target="http://public.example:8080/onvif/media_service")
    assert door.post(GET_PROFILES, authorization=behind_a_proxy).status == 200


def test_username_token(door: Door) -> None:
    assert door.post(GET_PROFILES, door.token()).status == 200
    wrong = [
        door.token(password="wrong"),
        door.token("nobody"),
        door.token(skew_s=301),
        door.token(skew_s=-301),
        door.token(nonce=b"same"),
        door.token(nonce=b"same"),
    ]
    replies = [door.post(GET_PROFILES, each) for each in wrong]
    assert [reply.status for reply in replies] == [400, 400, 400, 400, 200, 400]
    refused = [reply for reply in replies if reply.status == 400]
    assert {fault_of(reply) for reply in refused} == {"Sender/NotAuthorized"}
    assert len({reply.body for reply in refused}) == 1  # nobody learns which it was


def test_tokens_that_prove_nothing(door: Door) -> None:
    for cut in ("Nonce", "Created", "Password"):
        block = etree.fromstring(door.token())
        (part,) = [each for each in block[0] if str(each.tag).endswith(cut)]
        block[0].remove(part)
        assert fault_of(door.post(GET_PROFILES, etree.tostring(block).decode())) == "Sender/NotAuthorized"


def test_both(door: Door) -> None:
    assert door.post(GET_PROFILES, door.token(), authorization=door.digest()).status == 200
    assert door.post(GET_PROFILES, door.token(), authorization=door.digest(password="x")).status == 401
    reply = door.post(GET_PROFILES, door.token(password="x"), authorization=door.digest())
    assert (reply.status, fault_of(reply)) == (400, "Sender/NotAuthorized")
    reply = door.post(GET_PROFILES, door.token("boss"), authorization=door.digest())
    assert (reply.status, fault_of(reply)) == (400, "Sender/NotAuthorized")


def test_token_switched_off() -> None:
    door = Door(usernametoken=False)
    assert door.post(GET_PROFILES, door.token()).status == 401
    assert door.post(GET_PROFILES, door.token(password="x"), authorization=door.digest()).status == 200


def test_the_role_decides_about_the_access_class(door: Door) -> None:
    reply = door.post(GET_USERS, door.token())
    assert (reply.status, fault_of(reply)) == (400, "Sender/NotAuthorized")
    assert door.audit[-1][:4] == ("viewer", "onvif.GetUsers", "device", "refused")
    assert door.post(GET_USERS, door.token("boss")).status == 200


def test_a_user_of_another_door(door: Door) -> None:
    assert fault_of(door.post(GET_PROFILES, door.token("web"))) == "Sender/NotAuthorized"
    assert door.post(GET_PROFILES, authorization=door.digest("web")).status == 401


def test_guessing_is_slowed_down(door: Door) -> None:
    for _ in range(3):
        door.post(GET_PROFILES, door.token(password="wrong"))
    assert fault_of(door.post(GET_PROFILES, door.token())) == "Sender/NotAuthorized"
    assert door.post(GET_PROFILES, authorization=door.digest()).status == 401
    assert door.post(GET_PROFILES, door.token("boss")).status == 200
    door.clock.advance(10 * 10**9)
    assert door.post(GET_PROFILES, door.token()).status == 200


def test_an_empty_body_asks_for_the_challenge(door: Door) -> None:
    assert door.post(b"").status == 401
    assert door.post(b" \r\n").status == 401
    assert fault_of(door.post(b"", authorization=door.digest())) == "Sender/WellFormed"


def test_refused_log_ins_are_in_the_audit_without_secrets(door: Door) -> None:
    door.post(GET_PROFILES, door.token(password="wrong"))
    door.post(GET_PROFILES, authorization=door.digest(password="wrong"))
    rows = [("viewer", "login", "/onvif/media_service", "refused", "192.0.2.1:40000")] * 2
    assert door.audit == rows


def test_the_log_tells_the_skew(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        door.login._log = structlog.get_logger()
        door.post(GET_PROFILES, door.token(skew_s=-3600))
    assert "its clock -3600 s from ours" in logs[0]["why"]


# --- Arguments, handlers, answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (STREAM_URI.replace("RTP-Unicast", "Pigeon"), "Sender/InvalidArgVal"),
        (STREAM_URI.replace("<ProfileToken>a.main</ProfileToken>", ""), "Sender/InvalidArgs"),
        (f"<GetProfile {TRT}><ProfileToken>b</ProfileToken></GetProfile>", "Sender/InvalidArgVal/NoProfile"),
        (f"<GetProfiles {TRT}><More/></GetProfiles>", "Sender/InvalidArgs"),
    ],
)
def test_faults_after_the_log_in(door: Door, body: str, fault: str) -> None:
    reply = door.post(body, door.token())
    assert (reply.status, fault_of(reply)) == (400, fault)
    assert door.post(body).status == 401  # not before


def test_support_is_decided_before_arguments_are_looked_at(door: Door) -> None:
    reply = door.post(f"<CreateProfile {TRT}><Nonsense/></CreateProfile>")
    assert fault_of(reply) == "Receiver/ActionNotSupported"


def test_answers_carry_the_address_that_was_called(door: Door) -> None:
    assert b">rtsp://192.0.2.7:554/live/a.main<" in door.post(STREAM_URI, door.token()).body
    reply = door.post(STREAM_URI, door.token(), host="cams.example:10580")
    assert b">rtsp://cams.example:554/live/a.main<" in reply.body
    evil = door.post(STREAM_URI, door.token(), host='x"/><script>')
    assert b">rtsp://192.0.2.9:554/live/a.main<" in evil.body


def test_the_public_address_wins() -> None:
    door = Door(public=PublicAddress(10554, "public.example", 10580))
    assert b">rtsp://public.example:10554/live/a.main<" in door.post(STREAM_URI, door.token()).body
    assert b">http://public.example:10580/onvif/device_service<" in door.post(f"<GetWsdlUrl {TDS}/>").body


def test_answers_suit_the_schema(door: Door) -> None:
    from tests.onvif_schemas import all_services

    for body in (GET_PROFILES, STREAM_URI, GET_TIME):
        root = etree.fromstring(door.post(body, door.token()).body)
        assert all_services()[0].is_valid(root), all_services()[0].errors()


def test_what_a_handler_did_not_foresee(door: Door) -> None:
    door.media.raises = RuntimeError("password=geheim in /etc/onb")
    with structlog.testing.capture_logs() as logs:
        door.service._log = structlog.get_logger()
        reply = door.post(GET_PROFILES, door.token())
    assert (reply.status, fault_of(reply)) == (500, "Receiver/Action")
    assert b"geheim" not in reply.body
    assert b"RuntimeError" not in reply.body
    (line,) = logs
    assert line["reference"].encode() in reply.body


def test_an_answer_that_breaks_the_schema(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        door.service._log = structlog.get_logger()
        reply = door.post(f"<GetDeviceInformation {TDS}/>", door.token())
    assert fault_of(reply) == "Receiver/Action"
    assert len(logs) == 1


def test_acts_are_in_the_audit(door: Door) -> None:
    body = f"<SetSynchronizationPoint {TRT}><ProfileToken>a</ProfileToken></SetSynchronizationPoint>"
    assert door.post(body, door.token("boss")).status == 200
    assert door.audit == [("boss", "onvif.SetSynchronizationPoint", "media", "ok", "192.0.2.1:40000")]


def test_addressing_is_answered(door: Door) -> None:
    header = f'<a:MessageID xmlns:a="{ADDRESSING}">urn:7</a:MessageID>'
    for body in (GET_TIME, f"<CreateProfile {TRT}/>", f"<GetWsdlUrl {TDS}/>"):
        root = etree.fromstring(door.post(body, header).body)
        assert root[0].findtext(f"{{{ADDRESSING}}}RelatesTo") == "urn:7"


# --- Kept answers ----------------------------------------------------------------------------------------------------


def test_static_answers_are_made_once_per_address(door: Door) -> None:
    body = f"<GetWsdlUrl {TDS}/>"
    first = door.post(body)
    assert door.post(body).body == first.body
    assert door.device.made == 1
    assert door.post(body, host="other:580").body != first.body
    assert door.device.made == 2
    door.service.forget_answers()
    assert door.post(body).body == first.body
    assert door.device.made == 3


def test_kept_answers_are_bounded(door: Door) -> None:
    for number in range(MAX_KEPT_ANSWERS + 10):
        door.post(f"<GetWsdlUrl {TDS}/>", host=f"h{number}:580")
    assert len(door.service._kept) == MAX_KEPT_ANSWERS


# --- Set-up ----------------------------------------------------------------------------------------------------------


def test_registration_finds_what_does_not_fit(door: Door) -> None:
    def handler(*args: Any) -> dict[str, Any]:
        return {}

    with pytest.raises(ConfigurationError, match="no operation Fly"):
        door.service.register("imaging", {"Fly": handler})
    with pytest.raises(ConfigurationError, match=r"serves \w+, but nobody handles it"):
        door.service.register("media", {})
    handlers = dict.fromkeys(("GetProfiles", "GetProfile", "GetStreamUri", "SetSynchronizationPoint"), handler)
    with pytest.raises(ConfigurationError, match="GetProfiles is not PRE_AUTH"):
        door.service.register("media", {**handlers, "GetProfiles": static_answer(handler)})


def test_paths(door: Door) -> None:
    assert door.service.paths == {"/onvif/media_service", "/onvif/device_service"}
    assert TT
