import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, parse_utc
from bridge.wire import wsse
from bridge.wire.wsse import UsernameToken, format_username_token, parse_created, parse_username_token, password_digest

CREATED = "2026-11-21T09:00:00Z"
TOKEN = UsernameToken("admin", password_digest(b"0123", CREATED, "pass"), b"0123", CREATED)


def security(inner: str) -> etree._Element:
    namespaces = f'xmlns:wsse="{wsse.SECURITY_NAMESPACE}" xmlns:wsu="{wsse.UTILITY_NAMESPACE}"'
    return etree.fromstring(f"<wsse:Security {namespaces}>{inner}</wsse:Security>")


DIGEST = base64.b64encode(TOKEN.digest).decode()
PARTS = {
    "Username": "<wsse:Username>admin</wsse:Username>",
    "Password": f'<wsse:Password Type="{wsse.DIGEST_TYPE}">{DIGEST}</wsse:Password>',
    "Nonce": "<wsse:Nonce>MDEyMw==</wsse:Nonce>",
    "Created": f"<wsu:Created>{CREATED}</wsu:Created>",
}


def token(**changed: str) -> str:
    return "<wsse:UsernameToken>" + "".join({**PARTS, **changed}.values()) + "</wsse:UsernameToken>"


# Both directions: as received, and its value.
@pytest.mark.parametrize(
    "text",
    [
        format_username_token(TOKEN),
        etree.tostring(security(token())).decode(),
        etree.tostring(
            security(token(Nonce="<wsse:Nonce EncodingType='x#Base64Binary'>\n MDEy\n Mw== </wsse:Nonce>"))
        ).decode(),
        # Seen: Created in the namespace of the token, Nonce in that of Created.
        etree.tostring(security(token(Created=f"<wsse:Created>{CREATED}</wsse:Created>"))).decode(),
        etree.tostring(security(token(Nonce="<wsu:Nonce>MDEyMw==</wsu:Nonce>"))).decode(),
        etree.tostring(security("<wsu:Timestamp/>" + token())).decode(),
    ],
)
def test_tokens(text: str) -> None:
    assert parse_username_token(etree.fromstring(text)) == TOKEN


def test_no_token() -> None:
    assert parse_username_token(security("<wsu:Timestamp/>")) is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"Username": ""}, "Username"),
        ({"Username": f"<wsse:Username>{'u' * 257}</wsse:Username>"}, "Username"),
        ({"Password": ""}, "Password"),
        ({"Password": "<wsse:Password>pass</wsse:Password>"}, "Password"),
        ({"Password": '<wsse:Password Type="x#PasswordText">pass</wsse:Password>'}, "Password"),
        ({"Password": f'<wsse:Password Type="{wsse.DIGEST_TYPE}">MDEyMw==</wsse:Password>'}, "Password"),
        ({"Password": f'<wsse:Password Type="{wsse.DIGEST_TYPE}">not base64</wsse:Password>'}, "Password"),
        ({"Nonce": ""}, "Nonce"),
        ({"Nonce": "<wsse:Nonce>=</wsse:Nonce>"}, "Nonce"),
        ({"Nonce": f"<wsse:Nonce>{'A' * 4000}</wsse:Nonce>"}, "Nonce"),
        ({"Created": ""}, "Created"),
        ({"Created": f"<wsu:Created>{'2' * 65}</wsu:Created>"}, "Created"),
    ],
)
def test_tokens_that_prove_nothing(changed: dict[str, str], named: str) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse_username_token(security(token(**changed)))
    assert f"UsernameToken {named}" in str(raised.value)
    assert "pass" not in str(raised.value)


def test_secrets_are_not_shown() -> None:
    assert "0123" not in repr(TOKEN)
    assert "digest" not in repr(TOKEN)


def test_the_example_of_the_onvif_application_programmers_guide() -> None:
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    digest = password_digest(nonce, "2010-09-16T07:50:45Z", "userpassword")
    assert base64.b64encode(digest).decode() == "tuOSpGlFlIXsozq4HFNeeGeFLEI="


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (CREATED, 0),
        ("2026-11-21T09:00:00.123456789Z", 123_456_789),
        ("2026-11-21T09:00:00.1Z", 100_000_000),
        ("2026-11-21T09:00:00", 0),
        ("2026-11-21T10:00:00+01:00", 0),
        ("2026-11-21T09:00:01.5", NS_PER_S * 3 // 2),
    ],
)
def test_created(text: str, ns: int) -> None:
    assert parse_created(text) == parse_utc(CREATED) + ns


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-21", "2026-13-21T09:00:00Z", "1763715600", "2026-11-21T09:00:00ZZ"]
)
def test_created_unreadable(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_created(text)


@settings(max_examples=100)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40), st.binary(min_size=1, max_size=64)
)
def test_round_trip(user: str, nonce: bytes) -> None:
    if not user.strip() or user != user.strip():
        return
    made = UsernameToken(user, password_digest(nonce, CREATED, "p"), nonce, CREATED)
    try:
        element = etree.fromstring(format_username_token(made))
    except etree.XMLSyntaxError:  # U+FFFE and its like cannot stand in XML
        return
    assert parse_username_token(element) == made
