"""TLS in front of the doors: `server`."""

from bridge.services.tls.server import ServerTls

__all__ = ["ServerTls"]
