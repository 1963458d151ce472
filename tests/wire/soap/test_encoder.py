"""The encoder against zeep's own rendering, over every operation of every service, and its errors."""

import copy
import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import isodate
import pytest
from lxml import etree
from zeep import xsd
from zeep.xsd.elements.indicators import Choice, Sequence

from bridge.base.errors import LocalProtocolError
from bridge.wire.soap import particles
from bridge.wire.soap.encoder import Rendered, escape
from bridge.wire.soap.schema import Operation
from tests.onvif_schemas import all_services, operation

TT = "{http://www.onvif.org/ver10/schema}"
SAMPLES: list[tuple[str, Any]] = [
    ("Boolean", True),
    ("Integer", 1),
    ("Decimal", 1),
    ("Float", 1.5),
    ("Double", 1.5),
    ("DateTime", dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    ("Duration", dt.timedelta(seconds=90)),
    ("Base64Binary", b"x"),
    ("HexBinary", b"aa"),
]


def sample(type_: Any) -> Any:
    """A value of a simple type."""
    names = [base.__name__ for base in type(type_).__mro__]
    return next((value for name, value in SAMPLES if name in names), "x")


def populated(type_: Any, depth: int = 0) -> Any:
    """A value with everything in it that the type allows, wildcards left out."""
    if not particles.is_complex(type_):
        return sample(type_)
    value = {rule.key: sample(rule.type) for rule in particles.attributes(type_)}
    content = particles.simple_content(type_)
    if content is not None:
        value["_value_1"] = sample(content)
        return value
    left_out = {key for _, group in type_.elements_nested for key in other_branches(group)}
    for part in particles.particles(type_):
        optional = not part.required and not part.wildcard
        if part.key in left_out or depth > 9 or (depth > 5 and optional):
            continue
        inner = etree.Element("{urn:any}x") if part.wildcard else populated(part.type, depth + 1)
        # A polygon has three points at least; objects split into two.
        times = 3 if part.key == "Point" else 2 if depth < 3 or part.key in ("from", "to") else 1
        value[part.key] = [copy.deepcopy(inner) for _ in range(times)] if part.many else inner
    return value


def other_branches(part: Any) -> list[str]:
    """The keys of all branches but the first of the choices in a group: zeep takes one branch only."""
    if isinstance(part, Choice):
        return [name for branch in list(part)[1:] for name, _ in getattr(branch, "elements", [(branch.name, None)])]
    return [key for inner in part for key in other_branches(inner)] if isinstance(part, Sequence) else []


def normal(element: Any) -> Any:
    """A tree without what may differ: prefixes, order of attributes, and how a duration is written."""
    attributes = tuple(sorted((name, normal_text(text)) for name, text in element.attrib.items()))
    return element.tag, attributes, normal_text(element.text or ""), tuple(normal(child) for child in element)


def normal_text(text: str) -> str:
    text = text.strip()
    is_duration = text.startswith("P") and len(text) > 2 and text[1] in "T0123456789"
    return str(isodate.parse_duration(text)) if is_duration else text


EVERY = [each for each_service in all_services()[1].values() for each in each_service if each.answer]


@pytest.mark.parametrize("each", EVERY, ids=lambda each: f"{each.service}.{each.name}")
def test_same_as_zeep(each: Operation) -> None:
    schemas, _ = all_services()
    element = schemas.zeep_element(each)
    value = populated(element.type)
    root = etree.Element("root")
    element.render(root, element(**value))
    ours = etree.fromstring(schemas.answer(each, value))[-1][0]
    assert normal(ours) == normal(root[0])


def test_most_operations_are_compared() -> None:
    assert len(EVERY) > 380


# --- What the encoder says about handlers' mistakes ------------------------------------------------------------------

URI = {
    "Uri": "rtsp://h/a",
    "InvalidAfterConnect": False,
    "InvalidAfterReboot": False,
    "Timeout": dt.timedelta(0),
}


def encoder(service: str, name: str) -> Callable[[Any], str]:
    """Value -> text of the operation's answer."""

    def encode(value: Any) -> str:
        out: list[str] = []
        operation(service, name).write(value, out)
        return "".join(out)

    return encode


encode = encoder("media", "GetStreamUri")


def test_a_plain_answer() -> None:
    assert encode({"MediaUri": URI}) == (
        "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://h/a</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
        "<tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "trt:GetStreamUriResponse/trt:MediaUri is required"),
        ({"MediaUri": None}, "trt:GetStreamUriResponse/trt:MediaUri is required"),
        (
            {"MediaUri": {**URI, "Timeout": None}},
            "trt:GetStreamUriResponse/trt:MediaUri/tt:Timeout is required",
        ),
        ({"MediaUri": URI, "More": 1}, "trt:GetStreamUriResponse: the schema has no More"),
        ({"MediaUri": "x"}, "trt:GetStreamUriResponse/trt:MediaUri: expected a mapping, got str"),
        ({"MediaUri": [URI]}, "trt:GetStreamUriResponse/trt:MediaUri: expected a mapping, got list"),
    ],
)
def test_mistakes_name_their_path(value: Any, message: str) -> None:
    with pytest.raises(LocalProtocolError) as raised:
        encode(value)
    assert str(raised.value) == message


def test_mistakes_in_attributes_lists_and_values() -> None:
    profiles = encoder("media", "GetProfiles")
    with pytest.raises(LocalProtocolError, match="trt:Profiles/@token is required"):
        profiles({"Profiles": [{"Name": "a"}]})
    with pytest.raises(LocalProtocolError, match="trt:Profiles: expected a list, got dict"):
        profiles({"Profiles": {"token": "a", "Name": "a"}})
    summary = encoder("search", "GetRecordingSummary")
    times = {"DataFrom": 5, "DataUntil": 6}
    with pytest.raises(LocalProtocolError, match="tt:DataFrom: 5 does not suit its type"):
        summary({"Summary": {**times, "NumberRecordings": 0}})


def test_empty_lists_are_left_out() -> None:
    assert encoder("media", "GetProfiles")({}) == "<trt:GetProfilesResponse></trt:GetProfilesResponse>"
    assert encoder("media", "GetProfiles")({"Profiles": []}).count("<") == 2


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a", "a"), ("<&>\"'", "&lt;&amp;&gt;&quot;'"), ("\t\n\r", "&#9;&#10;&#13;"), ("\x00\x1b\ud800", "\ufffd" * 3)],
)
def test_escape(text: str, escaped: str) -> None:
    assert escape(text) == escaped


# --- Kept parts ------------------------------------------------------------------------------------------------------


def profile(number: int) -> dict[str, Any]:
    return {
        "token": f"camera-{number}.main",
        "fixed": True,
        "Name": f"Camera <{number}>",
        "VideoSourceConfiguration": {
            "token": f"camera-{number}",
            "Name": "source",
            "UseCount": 2,
            "SourceToken": f"camera-{number}",
            "Bounds": {"x": 0, "y": 0, "width": 1920, "height": 1080},
        },
    }


def test_kept_parts_read_the_same() -> None:
    schemas, _ = all_services()
    kept = schemas.render("media", f"{TT}Profile", profile(1))
    many, one = encoder("media", "GetProfiles"), encoder("media", "GetProfile")
    assert many({"Profiles": [kept, profile(2)]}) == many({"Profiles": [profile(1), profile(2)]})
    assert one({"Profile": kept}) == one({"Profile": profile(1)})
    assert isinstance(kept, Rendered)


def test_a_thousand_kept_profiles_cost_next_to_nothing() -> None:
    """A ratio, because seconds say nothing about a busy machine: joining parts against making them."""
    schemas, _ = all_services()
    each = operation("media", "GetProfiles")
    plain = {"Profiles": [profile(number) for number in range(1000)]}
    kept = {"Profiles": [schemas.render("media", f"{TT}Profile", value) for value in plain["Profiles"]]}

    def cost(value: Any) -> float:
        started = time.process_time()
        for _ in range(3):
            schemas.answer(each, value)
        return time.process_time() - started

    cost(kept)
    assert cost(kept) * 5 < cost(plain)


def test_wildcards_take_elements_and_rendered_text() -> None:
    schemas, _ = all_services()
    element = etree.fromstring('<x xmlns="urn:x"/>')
    services = encoder("device", "GetServices")
    row = {"Namespace": "n", "XAddr": "x", "Version": {"Major": 1, "Minor": 2}}
    text = services({"Service": [{**row, "Capabilities": {"_value_1": element}}]})
    assert '<tds:Capabilities><x xmlns="urn:x"/></tds:Capabilities>' in text
    text = services({"Service": [{**row, "Capabilities": {"_value_1": Rendered("<trt:Capabilities/>")}}]})
    assert "<tds:Capabilities><trt:Capabilities/></tds:Capabilities>" in text
    assert schemas is not None


def test_zeep_knows_complex_types() -> None:
    assert particles.is_complex(xsd.ComplexType())
