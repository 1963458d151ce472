"""What is decided about an HTTP request from its first lines alone, before any of its body is read or kept.

No Twisted here: headers in, a refusal or nothing out.
"""

from bridge.net.http import Head, Reply, refuse

SOAP_TYPES = frozenset({"application/soap+xml", "text/xml", "application/xml"})


def screen_soap(head: Head) -> Reply | None:
    """Why a request to a service path is refused; None when it may send its body."""
    if head.method != "POST":
        return refuse(405, "SOAP over POST only", ("Allow", "POST"))
    if head.length is not None and not head.headers.get("content-length"):
        return refuse(411, "Content-Length is needed")
    if head.value("content-encoding").strip().lower() not in ("", "identity"):
        return refuse(415, "compressed bodies are not read", ("Accept-Encoding", "identity"))
    media_type = head.value("content-type").partition(";")[0].strip().lower()
    # An empty body is a client that wants to see the challenge; it has nothing to name a type for.
    if media_type and media_type not in SOAP_TYPES and head.length != 0:
        return refuse(415, "application/soap+xml is needed", ("Accept", "application/soap+xml"))
    return None


def screen_plain(head: Head) -> Reply | None:
    """The same for a resource that is read with GET."""
    if head.method not in ("GET", "HEAD"):
        return refuse(405, "GET only", ("Allow", "GET, HEAD"))
    if head.length != 0:
        return refuse(413, "a body is not expected here")
    return None
