"""What a complex type holds, read out of zeep's tree once: the common ground of encoder and decoder.

zeep is the schema compiler; its type tree is untyped, so every value of it is `Any` here and nowhere else.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from zeep import xsd
from zeep.xsd.elements.indicators import Choice, Group


@dataclass(frozen=True, slots=True)
class Particle:
    """One child element, or one wildcard, of a complex type, in the order of the schema.

    key:       how handlers call it: the local name; `_value_1`, `_value_2` for wildcards, in their order
    name:      its QName `{namespace}local`, "" for a wildcard
    type:      its type in zeep's tree; None for a wildcard
    required:  must be there; branches of a choice never are
    many:      may be repeated: a list for handlers
    """

    key: str
    name: str
    type: Any
    required: bool
    many: bool

    @property
    def wildcard(self) -> bool:
        """Whether it is an xs:any."""
        return not self.name


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One attribute: name as in XML (`{namespace}local` or `local`), key for handlers."""

    key: str
    name: str
    type: Any
    required: bool


def is_complex(type_: Any) -> bool:
    """Whether a value of that type is a dict."""
    return isinstance(type_, xsd.ComplexType)


def simple_content(type_: Any) -> Any:
    """The simple type of a complex type with text and attributes only (xs:simpleContent), whose text is `_value_1`.

    None for any other complex type.
    """
    element = type_._element  # noqa: SLF001 - zeep tells it nowhere else
    return element.type if isinstance(element, xsd.Element) and not is_complex(element.type) else None


def particles(type_: Any) -> list[Particle]:
    """The children of a complex type, groups taken apart."""
    if simple_content(type_) is not None:
        return []
    found: dict[str, Particle] = {}
    for _, group in type_.elements_nested:
        for each in _walk(group, required=True, many=False):
            key = each.key or f"_value_{1 + sum(part.wildcard for part in found.values())}"
            found.setdefault(key, replace(each, key=key))
    return list(found.values())


def attributes(type_: Any) -> list[AttributeRule]:
    """The attributes of a complex type; xs:anyAttribute is left out."""
    return [
        AttributeRule(key, rule.qname.text, rule.type, bool(rule.required))
        for key, rule in type_.attributes
        if isinstance(rule, xsd.Attribute)
    ]


def _walk(part: Any, *, required: bool, many: bool) -> Iterator[Particle]:
    required = required and not part.is_optional
    many = many or part.accepts_multiple
    if isinstance(part, xsd.Any):
        yield Particle("", "", None, False, many)
    elif isinstance(part, xsd.Element):
        yield Particle(part.attr_name, part.qname.text, part.type, required, many)
    elif isinstance(part, Group):
        yield from _walk(part.child, required=required, many=many)
    else:
        for inner in part:
            yield from _walk(inner, required=required and not isinstance(part, Choice), many=many)


# --- Simple values ---------------------------------------------------------------------------------------------------


def to_text(type_: Any) -> Callable[[Any], str]:
    """Value -> XML text (unescaped) for a simple type."""
    convert = type_.xmlvalue

    def text(value: Any) -> str:
        found = format_duration(value) if isinstance(value, dt.timedelta) else convert(value)
        return found.decode("ascii") if isinstance(found, bytes) else str(found)

    return text


def format_duration(value: dt.timedelta) -> str:
    """xs:duration in seconds alone, `PT60S`: the only form that every client reads (zeep would write `PT1M`, `P0D`)."""
    micros = value // dt.timedelta(microseconds=1)
    seconds, fraction = divmod(abs(micros), 1_000_000)
    text = f"{seconds}.{fraction:06d}".rstrip("0") if fraction else str(seconds)
    return f"{'-' if micros < 0 else ''}PT{text}S"
