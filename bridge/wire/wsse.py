"""WS-Security UsernameToken: what a client says about himself in a SOAP header, and the digest that proves it.

WS-Security UsernameToken Profile 1.0, 3.1, as ONVIF Core uses it: PasswordDigest with Nonce and Created only. Whom to
believe is `dialogue/wsse.py`.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lxml import etree

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import UtcNs, parse_utc

Element = etree._Element  # noqa: SLF001 - lxml offers its element type under this name only

SECURITY_NAMESPACE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
UTILITY_NAMESPACE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DIGEST_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
SECURITY = f"{{{SECURITY_NAMESPACE}}}Security"

MAX_USER_CHARACTERS = 256
MAX_NONCE_BYTES = 1024
MAX_CREATED_CHARACTERS = 64
_DIGEST_BYTES = 20

_CLAUSE = "WS-Security UsernameToken 1.0, 3.1"


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """A token with PasswordDigest.

    digest:  the 20 bytes that the client computed
    created: as written: the literal text goes into the hash
    """

    user: str
    digest: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    created: str


def parse_username_token(security: Element) -> UsernameToken | None:
    """The token in a wsse:Security header block; None when it holds none.

    Raises RemoteProtocolError for a token that could not prove anything: without Nonce or Created, with the password
    in clear, or unreadable.
    """
    token = security.find(f"{{{SECURITY_NAMESPACE}}}UsernameToken")
    if token is None:
        return None
    # By local name: clients have been seen to mix up the two namespaces for Nonce and Created.
    said = {etree.QName(child).localname: child for child in token}
    user = _text(said.get("Username"), "Username", MAX_USER_CHARACTERS)
    password = said.get("Password")
    if password is None or not str(password.get("Type", "")).endswith("#PasswordDigest"):
        raise _bad("Password", "of the type PasswordDigest")
    digest = _base64(_text(password, "Password", 64), "Password")
    if len(digest) != _DIGEST_BYTES:
        raise _bad("Password", f"{_DIGEST_BYTES} bytes in base64")
    nonce = _base64(_text(said.get("Nonce"), "Nonce", MAX_NONCE_BYTES * 2), "Nonce")
    if not nonce or len(nonce) > MAX_NONCE_BYTES:
        raise _bad("Nonce", f"1 to {MAX_NONCE_BYTES} bytes")
    return UsernameToken(user, digest, nonce, _text(said.get("Created"), "Created", MAX_CREATED_CHARACTERS))


def format_username_token(token: UsernameToken) -> str:
    """The wsse:Security header block of a client."""
    return (
        f'<wsse:Security xmlns:wsse="{SECURITY_NAMESPACE}" xmlns:wsu="{UTILITY_NAMESPACE}"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(token.user)}</wsse:Username>"
        f'<wsse:Password Type="{DIGEST_TYPE}">{base64.b64encode(token.digest).decode()}</wsse:Password>'
        f"<wsse:Nonce>{base64.b64encode(token.nonce).decode()}</wsse:Nonce>"
        f"<wsu:Created>{escape(token.created)}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )


def password_digest(nonce: bytes, created: str, password: str) -> bytes:
    """SHA-1(nonce + created + password): the protocol's choice, not ours."""
    return hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False).digest()


def parse_created(text: str) -> UtcNs:
    """The time in Created, with or without fraction and zone (then UTC). Raises RemoteProtocolError."""
    for candidate in (text, text + "Z"):
        try:
            return parse_utc(candidate)
        except ValueError:
            continue
    raise _bad("Created", "a time such as 2026-11-21T09:00:00Z")


def _text(element: Element | None, name: str, max_characters: int) -> str:
    text = "" if element is None else (element.text or "").strip()
    if not text:
        raise _bad(name, "it must be there")
    if len(text) > max_characters:
        raise _bad(name, f"at most {max_characters} characters")
    return text


def _base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _bad(name, "base64") from None


def _bad(name: str, expected: str) -> RemoteProtocolError:
    """Without the value: these are credentials."""
    return RemoteProtocolError(f"UsernameToken {name}: expected {expected}", clause=_CLAUSE, status=400)
