"""Where the databases are: what the key `database` says, as `postgresql://user:password@host:port/name?sslmode=require`.

As with cameras, `${NAME}` in the log-in part is put in after the address was taken apart, so a password from the
environment may hold any character.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote

from bridge.system.config_values import ExpectedError, expand

SCHEME = "postgresql://"
_EXPECTED = '"", which is SQLite in data, or an address such as postgresql://user:password@host/name'
_ESCAPES = "; in a user name or password write / as %2F, ? as %3F, # as %23, : as %3A, @ as %40, % as %25"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::(\d{1,5}))?", re.ASCII)
_NAME = re.compile(r"[^/?#@\s]+")


def parse_database_address(text: str, environ: Mapping[str, str]) -> str:
    """-> the same with everything put in and escaped; "" stays. Raises ExpectedError, whose text shows no log-in."""
    if not text.startswith(SCHEME) and "${" in text:
        text = expand(text, environ)  # the whole address stands in the environment
    if not text:
        return ""
    if not text.startswith(SCHEME):
        raise ExpectedError(_EXPECTED)
    authority, slash, rest = text.removeprefix(SCHEME).partition("/")
    login, _, address = authority.rpartition("@")
    username, _, password = login.partition(":")
    name, _, query = rest.partition("?")
    address, name, query = (expand(part, environ) for part in (address, name, query))
    match = _ADDRESS.fullmatch(address)
    if match is None or not slash or _NAME.fullmatch(name) is None or int(match[2] or 1) not in range(1, 65536):
        raise ExpectedError(_EXPECTED + _ESCAPES)
    if any(key.endswith("password") for key, _ in parse_qsl(query, keep_blank_values=True)):
        raise ExpectedError("a password before the @ of the address alone")
    user, secret = (_escaped(part, environ) for part in (username, password))
    log_in = f"{user}:{secret}@" if secret else f"{user}@" if user else ""
    return f"{SCHEME}{log_in}{address}/{name}" + (f"?{query}" if query else "")


def _escaped(text: str, environ: Mapping[str, str]) -> str:
    return quote(expand(text, environ, between=unquote), safe="")
