"""Texts that others choose, made fit for a database: every door may be told anything."""

TEXT_LIMIT = 256


def storable(text: str, limit: int = TEXT_LIMIT) -> str:
    """Cut, and without lone surrogates, which SQLite cannot hold, and NUL, which PostgreSQL cannot."""
    return text[:limit].encode("utf-8", "replace").decode().replace("\0", "?")
