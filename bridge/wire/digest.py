"""HTTP authentication as RTSP and HTTP share it: challenges, credentials and the digest itself, both directions.

RFC 7616 and 2617 (Digest), RFC 2069 (the form without qop that many RTSP peers still send), RFC 7617 (Basic), RFC 7235
(grammar). Whom to believe and which nonce is good is `dialogue/digest.py`.
"""

import base64
import binascii
import enum
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from bridge.base.errors import LocalProtocolError, RemoteProtocolError

MAX_HEADER_CHARACTERS = 8 * 1024
MAX_CHALLENGES = 16

_SCHEME = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?=[ \t,]|\Z)", re.ASCII)
_NAME = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?\Z)', re.DOTALL)
_SINGLE_QUOTED = re.compile(r"'([^']*)'(?=[ \t]*(?:[,;]|\Z))")
_BARE = re.compile(r"[^,\s]*")
# Words that go on an unquoted value with blanks in it: none that begins another parameter or scheme.
_MORE_WORDS = re.compile(
    r"(?:[ \t]+(?![^\s,=\"]+[ \t]*=)(?!(?:Basic|Digest|Bearer|Negotiate|NTLM)[ \t,])[^,\s\"]+)*",
    re.ASCII | re.IGNORECASE,
)
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|\Z))", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NOT_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # HTAB is white space
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)


class Algorithm(enum.StrEnum):
    """Digest algorithms, as they are written in headers."""

    MD5 = "MD5"
    MD5_SESS = "MD5-sess"
    SHA_256 = "SHA-256"
    SHA_256_SESS = "SHA-256-sess"

    @classmethod
    def named(cls, text: str) -> "Algorithm | None":
        """The algorithm of that name, in any case; "" means MD5 (RFC 7616 3.3)."""
        return _ALGORITHMS.get(text.lower()) if text else cls.MD5

    @classmethod
    def meant(cls, text: str) -> "Algorithm | None":
        """The algorithm that a camera's challenge means: `SHA256`, `md5_sess` and the like, told by their letters."""
        return cls.named(text) or _MEANT.get(_NOT_ALPHANUMERIC.sub("", text.lower()))

    @property
    def base(self) -> "Algorithm":
        """The algorithm without `-sess`."""
        return Algorithm.MD5 if self in (Algorithm.MD5, Algorithm.MD5_SESS) else Algorithm.SHA_256


_ALGORITHMS = {algorithm.value.lower(): algorithm for algorithm in Algorithm}
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
_MEANT = {_NOT_ALPHANUMERIC.sub("", name): algorithm for name, algorithm in _ALGORITHMS.items()}


class Junk(enum.Enum):
    """How a header is read that keeps to no grammar.

    REFUSE: it is an error; for what clients send us
    SKIP:   characters that belong to nothing (half of a pair of quotes, a bracket) are passed over, values may stand in
            single quotes, or hold blanks without any; for what cameras send us
    """

    REFUSE = "refuse"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate header.

    scheme:    as written; compare with `is_digest` and `is_basic`
    algorithm: as written, "" when missing (then MD5 is meant); it is echoed as it came
    qop:       the offered ways in small letters, () when qop is missing (RFC 2069)
    """

    scheme: str
    realm: str = ""
    nonce: str = field(default="", repr=False)
    opaque: str | None = field(default=None, repr=False)
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    stale: bool = False

    @property
    def is_digest(self) -> bool:
        """Whether it asks for Digest."""
        return self.scheme.lower() == "digest"

    @property
    def is_basic(self) -> bool:
        """Whether it asks for Basic."""
        return self.scheme.lower() == "basic"

    def format(self) -> str:
        """A header value. Raises LocalProtocolError."""
        parts = [f"realm={quoted(self.realm)}"]
        if self.is_digest:
            parts.append(f"nonce={quoted(self.nonce)}")
            if self.opaque is not None:
                parts.append(f"opaque={quoted(self.opaque)}")
            if self.algorithm:
                parts.append(f"algorithm={self.algorithm}")
            if self.qop:
                parts.append(f"qop={quoted(','.join(self.qop))}")
            if self.stale:
                parts.append("stale=true")
        return f"{self.scheme} {', '.join(parts)}"


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Every challenge of all WWW-Authenticate values, in order. Raises RemoteProtocolError.

    One value may hold several; at most MAX_CHALLENGES are read. Schemes that we do not know are kept with what they
    have of these fields, characters behind the first that belong to nothing are skipped.
    """
    challenges: list[Challenge] = []
    for value in values:
        for scheme, said, _ in _schemes(value, Junk.SKIP):
            if len(challenges) >= MAX_CHALLENGES:
                return challenges
            qop = tuple(word for word in re.split(r"[,\s]+", said.get("qop", "").lower()) if word)
            challenges.append(
                Challenge(
                    scheme=scheme,
                    realm=said.get("realm", ""),
                    nonce=said.get("nonce", ""),
                    opaque=said.get("opaque"),
                    algorithm=said.get("algorithm", ""),
                    qop=qop,
                    stale=said.get("stale", "").lower() == "true",
                )
            )
    return challenges


@dataclass(frozen=True, slots=True)
class DigestCredentials:
    """The Authorization of a client that answers a Digest challenge.

    uri:       as the client wrote and hashed it
    algorithm: as written, "" when missing
    qop:       "" when missing (RFC 2069); nc is "" then
    cnonce:    hashed with qop and by the `-sess` algorithms
    """

    user: str
    realm: str
    nonce: str = field(repr=False)
    uri: str
    response: str = field(repr=False)
    algorithm: str = ""
    opaque: str | None = field(default=None, repr=False)
    qop: str = ""
    nc: str = ""
    cnonce: str = field(default="", repr=False)

    def format(self) -> str:
        """A header value; quoted and bare as RFC 7616 3.4 has it. Raises LocalProtocolError."""
        parts = [
            f"username={quoted(self.user)}",
            f"realm={quoted(self.realm)}",
            f"nonce={quoted(self.nonce)}",
            f"uri={quoted(self.uri)}",
            f"response={quoted(self.response)}",
        ]
        if self.algorithm:
            parts.append(f"algorithm={_bare('algorithm', self.algorithm)}")
        if self.opaque is not None:
            parts.append(f"opaque={quoted(self.opaque)}")
        if self.qop:
            parts.append(f"qop={_bare('qop', self.qop)}, nc={_bare('nc', self.nc)}")
        if self.cnonce:
            parts.append(f"cnonce={quoted(self.cnonce)}")
        return "Digest " + ", ".join(parts)


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """The Authorization of a client that sends its password as it is."""

    user: str
    password: str = field(repr=False)

    def format(self) -> str:
        """A header value. Raises LocalProtocolError for a user name with a colon."""
        if ":" in self.user:
            raise LocalProtocolError("Basic: a user name with a colon cannot be sent (RFC 7617 2)")
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")


def parse_authorization(text: str) -> DigestCredentials | BasicCredentials:
    """An Authorization value -> value. Raises RemoteProtocolError (400)."""
    found = _schemes(text, Junk.REFUSE)
    if len(found) != 1:
        raise _bad("Authorization", "one scheme and its parameters")
    scheme, said, token = found[0]
    if scheme.lower() == "basic":
        return _basic(token)
    if scheme.lower() != "digest":
        raise _bad("Authorization", "Digest or Basic")
    for name in ("nonce", "uri", "response", "realm"):
        if name not in said:
            raise _bad("Authorization", f"the parameter {name}")
    user = said.get("username")
    if user is None:
        # RFC 7616 3.4: a name beyond ASCII in RFC 5987 form. `userhash` we never offer.
        charset, _, rest = said.get("username*", "").partition("'")
        _, quote, encoded = rest.partition("'")
        if charset.upper() != "UTF-8" or not quote:
            raise _bad("Authorization", "the parameter username")
        user = unquote(encoded, errors="replace")
    return DigestCredentials(
        user=user,
        realm=said["realm"],
        nonce=said["nonce"],
        uri=said["uri"],
        response=said["response"],
        algorithm=said.get("algorithm", ""),
        opaque=said.get("opaque"),
        qop=said.get("qop", ""),
        nc=said.get("nc", "") if said.get("qop") else "",
        cnonce=said.get("cnonce", ""),
    )


def response(
    *,
    algorithm: Algorithm,
    user: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    encoding: str = "utf-8",
) -> str:
    """The digest in small hexadecimal letters (RFC 7616 3.4.1; without `qop` RFC 2069 2.1.2).

    encoding: of all texts. Raises UnicodeEncodeError for what it cannot express (UTF-8: never)
    """

    def hashed(text: str) -> str:
        data = text.encode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
        if algorithm.base is Algorithm.MD5:
            return hashlib.md5(data, usedforsecurity=False).hexdigest()  # the protocol's choice, not ours
        return hashlib.sha256(data).hexdigest()

    ha1 = hashed(f"{user}:{realm}:{password}")
    if algorithm is not algorithm.base:
        ha1 = hashed(f"{ha1}:{nonce}:{cnonce}")
    ha2 = hashed(f"{method}:{uri}")
    if qop:
        return hashed(f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")
    return hashed(f"{ha1}:{nonce}:{ha2}")


def is_hex(text: str, length: int) -> bool:
    """Whether `text` is that many hexadecimal digits."""
    return len(text) == length and _HEX.fullmatch(text) is not None


def quoted(text: str) -> str:
    """A quoted-string (RFC 7230 3.2.6). Raises LocalProtocolError for control characters."""
    if _NOT_IN_HEADER.search(text):
        raise LocalProtocolError("a control character cannot stand in a quoted string")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _bare(name: str, text: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text, re.ASCII):
        raise LocalProtocolError(f"{name}={text[:20]!r}: expected a token")
    return text


def _schemes(text: str, junk: Junk) -> list[tuple[str, dict[str, str], str]]:
    """The schemes of one header: name, parameters (names in small letters, the first of a name counts), token68.

    Lenient: commas between parameters may be missing, bare values may hold anything but blanks and commas, a quoted
    value without its end goes on to the end of the header; beyond that see `Junk`.
    """
    if len(text) > MAX_HEADER_CHARACTERS:
        raise _bad("WWW-Authenticate or Authorization", f"at most {MAX_HEADER_CHARACTERS} characters")
    if _NOT_IN_HEADER.search(text):
        raise _bad("WWW-Authenticate or Authorization", "no control characters")
    found: list[tuple[str, dict[str, str], str]] = []
    at, end = 0, len(text)
    while at < end:
        if text[at] in " \t,;":
            at += 1
            continue
        name = _NAME.match(text, at)
        if name and found:
            at = name.end()
            content, at = _value(text, at, junk)
            found[-1][1].setdefault(name[1].lower(), content)
            continue
        scheme = _SCHEME.match(text, at)
        if scheme is None:
            if found and junk is Junk.SKIP:
                at += 1
                continue
            raise _bad("WWW-Authenticate or Authorization", f"a scheme at character {at}")
        at = scheme.end()
        token = ""
        # Digest has parameters only, and `opaque=,` in front would look like a token.
        token68 = _TOKEN68.match(text, at) if scheme[1].lower() != "digest" else None
        if token68:
            token = token68[1]
            at = token68.end()
        found.append((scheme[1], {}, token))
    return found


def _value(text: str, at: int, junk: Junk) -> tuple[str, int]:
    """The value of a parameter that begins at `at`, and where it ends."""
    if quoted_value := _QUOTED.match(text, at):
        return _ESCAPED.sub(r"\1", quoted_value[1]), quoted_value.end()
    bare = _BARE.match(text, at)
    end = bare.end() if bare else at
    if junk is Junk.SKIP:
        if quoted_value := _SINGLE_QUOTED.match(text, at):
            return quoted_value[1], quoted_value.end()
        more = _MORE_WORDS.match(text, end) if end > at and text[end - 1] != ";" else None
        end = more.end() if more else end
    return text[at:end].rstrip(";"), end


def _basic(token: str) -> BasicCredentials:
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        raise _bad("Authorization", "base64 after Basic") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    user, colon, password = text.partition(":")
    if not colon:
        raise _bad("Authorization", "user:password after Basic")
    return BasicCredentials(user, password)


def _bad(header: str, expected: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{header}: expected {expected}", clause="RFC 7235 2.1", status=400)
