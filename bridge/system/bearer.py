"""Random tokens that prove who asks, and ids that prove nothing: how they are made and what they look like."""

import base64
import re
from collections.abc import Callable

TOKEN_BYTES = 32
ID_BYTES = 12
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{16,128}", re.ASCII)


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    """43 characters that nobody guesses."""
    return _text(random_bytes(TOKEN_BYTES))


def new_id(random_bytes: Callable[[int], bytes]) -> str:
    """16 characters that come once."""
    return _text(random_bytes(ID_BYTES))


def is_token(text: str) -> bool:
    """Whether `text` could be one of ours at all; anything else is not worth a digest."""
    return _TOKEN.fullmatch(text) is not None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
