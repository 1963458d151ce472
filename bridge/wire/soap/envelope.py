"""The envelope of a request: bytes -> `Envelope` (SOAP 1.2 part 1, 2 and 5).

Limits hold in two steps. Counting bytes comes first: it makes no object, so XML written to exhaust a parser is refused
for the price of reading it once. What passes is small enough to parse, and is parsed without DTD, entities or network.
The text is always read as UTF-8, whatever its declaration says, so that no other encoding can hide from the counting.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from bridge.wire.soap.faults import (
    ADDRESSING,
    INVALID_ARGS,
    NO_TAG,
    SOAP_11,
    SOAP_12,
    TAG_MISMATCH,
    UNKNOWN_ENCODING,
    WELL_FORMED,
    WRONG_NAMESPACE,
    WRONG_VERSION,
    WRONG_VERSION_11,
    SoapFault,
    header_not_understood,
)

Element = etree._Element  # noqa: SLF001 - lxml offers its element type under this name only

MAX_DEPTH = 64
MAX_ELEMENTS = 10_000
MAX_NAMESPACES = 64
MAX_ATTRIBUTES = 256
MAX_ATTRIBUTES_IN_ALL = 20_000
MAX_ATTRIBUTE_BYTES = 65_536

SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
# Namespaces whose header blocks we act on or may leave aside by their own rules.
UNDERSTOOD = frozenset({SECURITY, ADDRESSING, "http://schemas.xmlsoap.org/ws/2004/08/addressing"})

_ENV = f"{{{SOAP_12}}}"
# A block with any other role is meant for somebody else on the way (SOAP 1.2 part 1, 2.2).
_OUR_ROLES = frozenset({"", f"{SOAP_12}/role/next", f"{SOAP_12}/role/ultimateReceiver"})
_ENCODINGS = frozenset({"", "http://www.w3.org/2003/05/soap-encoding", f"{SOAP_12}/encoding/none"})

_too_deep = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_long_attribute = etree.XPath(f"boolean(//@*[string-length() > {MAX_ATTRIBUTE_BYTES}])")
_encoding_styles = etree.XPath("//@e:encodingStyle", namespaces={"e": SOAP_12})


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request.

    headers: the header blocks that are meant for us
    body:    the only child of Body; None when Body is empty
    """

    headers: tuple[Element, ...] = field(default=())
    body: Element | None = None

    @property
    def name(self) -> str:
        """QName of the operation as `{namespace}local`, "" when Body is empty."""
        return "" if self.body is None else str(self.body.tag)

    def header(self, name: str) -> Element | None:
        """The first header block of that QName."""
        return next((block for block in self.headers if block.tag == name), None)

    @property
    def message_id(self) -> str:
        """wsa:MessageID, "" when there is none; at most 1024 characters of it."""
        block = self.header(f"{{{ADDRESSING}}}MessageID")
        return "" if block is None else (block.text or "").strip()[:1024]


def parse_envelope(data: bytes, *, understood: Iterable[str] = UNDERSTOOD) -> Envelope:
    """The envelope of a request. Raises SoapFault that says what is wrong.

    understood: namespaces of header blocks that may be marked mustUnderstand
    """
    root = _parse(data)
    if root.tag == f"{{{SOAP_11}}}Envelope":
        raise SoapFault(WRONG_VERSION_11)
    if root.tag != f"{_ENV}Envelope":
        is_envelope = etree.QName(root).localname == "Envelope"
        raise SoapFault(WRONG_VERSION if is_envelope else WELL_FORMED.because("no Envelope"))
    header, body = _header_and_body(root)
    blocks = tuple(block for block in header if _role(block) in _OUR_ROLES) if header is not None else ()
    _check_understood(blocks, frozenset(understood))
    if any(style not in _ENCODINGS for style in _encoding_styles(root)):
        raise SoapFault(UNKNOWN_ENCODING)
    if len(body) > 1:
        raise SoapFault(INVALID_ARGS.because("more than one element in Body"))
    return Envelope(blocks, body[0] if len(body) else None)


def _header_and_body(root: Element) -> tuple[Element | None, Element]:
    children = list(root)
    header = children.pop(0) if children and children[0].tag == f"{_ENV}Header" else None
    if len(children) == 1 and children[0].tag == f"{_ENV}Body":
        return header, children[0]
    if not children:
        raise SoapFault(NO_TAG.because("no Body"))
    for child in children:
        name = etree.QName(child)
        if name.localname in ("Header", "Body") and name.namespace != SOAP_12:
            raise SoapFault(WRONG_NAMESPACE.because(f"{name.localname} is not in the namespace of the Envelope"))
    raise SoapFault(NO_TAG.because("an Envelope holds one Header at most, then one Body"))


def _role(block: Element) -> str:
    return str(block.get(f"{_ENV}role", "")).strip()


def _check_understood(blocks: Iterable[Element], understood: frozenset[str]) -> None:
    """SOAP 1.2 part 1, 2.4: a mandatory block that we do not know ends the processing before it begins."""
    unknown = tuple(
        str(block.tag)
        for block in blocks
        if str(block.get(f"{_ENV}mustUnderstand", "")).strip() in ("1", "true")
        and etree.QName(block).namespace not in understood
    )
    if unknown:
        raise SoapFault(header_not_understood(unknown[:16]))


def _parse(data: bytes) -> Element:
    check_counts(data)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        mismatch = error.code == etree.ErrorTypes.ERR_TAG_NAME_MISMATCH
        raise SoapFault(TAG_MISMATCH if mismatch else WELL_FORMED) from None
    except ValueError:  # lxml refuses some bytes before libxml2 sees them
        raise SoapFault(WELL_FORMED) from None
    if _too_deep(root):
        raise SoapFault(WELL_FORMED.because(f"more than {MAX_DEPTH} elements deep"))
    if len(data) > MAX_ATTRIBUTE_BYTES and _long_attribute(root):
        raise SoapFault(WELL_FORMED.because(f"an attribute of more than {MAX_ATTRIBUTE_BYTES} bytes"))
    return root


def check_counts(data: bytes) -> None:
    """The limits that need no parser. Raises SoapFault.

    `<` cannot stand in text or in an attribute, so counting it counts tags. Inside of comments and CDATA sections it
    can: there the count is too high, never too low, and a request that needs thousands of them is not one of ours.
    The same holds for `=` in text, which is counted for attributes.
    """
    if b"<!DOCTYPE" in data:  # in text too: nobody has a reason to send it
        raise SoapFault(WELL_FORMED.because("a document type declaration"))
    elements = data.count(b"<") - data.count(b"</") - data.count(b"<!") - data.count(b"<?")
    if elements > MAX_ELEMENTS:
        raise SoapFault(WELL_FORMED.because(f"more than {MAX_ELEMENTS} elements"))
    # The whole first: hardly any request has as many in all its elements together.
    if data.count(b"xmlns") > MAX_NAMESPACES and any(tag.count(b"xmlns") > MAX_NAMESPACES for tag in data.split(b"<")):
        raise SoapFault(WELL_FORMED.because(f"more than {MAX_NAMESPACES} namespaces in one element"))
    equals = data.count(b"=")
    if equals > MAX_ATTRIBUTES_IN_ALL:
        raise SoapFault(WELL_FORMED.because(f"more than {MAX_ATTRIBUTES_IN_ALL} attributes"))
    if equals > MAX_ATTRIBUTES and any(tag.count(b"=") > MAX_ATTRIBUTES for tag in data.split(b"<")):
        raise SoapFault(WELL_FORMED.because(f"more than {MAX_ATTRIBUTES} attributes in one element"))
