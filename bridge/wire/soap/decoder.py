"""Arguments of a request -> plain values, by shapes compiled from the schema.

It follows libxml2's validation (schema.py), which has said that names, order and values are right. It also knows which
types are open to extensions, and takes out what vendors put there, since those are ignored, not refused.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from bridge.wire.soap import particles
from bridge.wire.soap.envelope import Element
from bridge.wire.soap.faults import INVALID_ARG_VAL, INVALID_ARGS, WRONG_NAMESPACE, Fault, SoapFault

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class Decoder:
    """Compiles types on first use and keeps them."""

    def __init__(self) -> None:
        self._shapes: dict[int, _Shape] = {}

    def decode(self, element: Element, type_: Any) -> Mapping[str, Any]:
        """The arguments of an operation. Raises SoapFault (InvalidArgVal) for a value that Python cannot hold."""
        return self._shape(type_).decode(element)

    def take_out_extensions(self, element: Element, type_: Any) -> Fault | None:
        """Removes elements that the schema does not name from where it has a wildcard.

        Returns the fault for the first one that stands where there is none. Changes `element`: give it a copy.
        """
        return self._shape(type_).prune(element)

    def _shape(self, type_: Any) -> "_Shape":
        found = self._shapes.get(id(type_))
        if found is None:
            found = self._shapes[id(type_)] = _Shape(type_, self._shape)
        return found


class _Shape:
    """One complex type. Its children are compiled on first use: types may hold themselves."""

    def __init__(self, type_: Any, shape_of: Callable[[Any], "_Shape"]) -> None:
        self._type = type_  # keeps it alive: the decoder finds shapes by its id
        self._shape_of = shape_of
        self._attributes = [(rule.name, rule.key, _from_text(rule.type)) for rule in particles.attributes(type_)]
        parts = particles.particles(type_)
        self._children = {
            part.name: (part, None if particles.is_complex(part.type) else _from_text(part.type))
            for part in parts
            if not part.wildcard
        }
        self._wildcard = next((part for part in parts if part.wildcard), None)
        content = particles.simple_content(type_)
        self._content = None if content is None else _from_text(content)
        self._empty: dict[str, Any] = {rule.key: None for rule in particles.attributes(type_)}
        self._lists = tuple(part.key for part in parts if part.many)
        self._empty |= dict.fromkeys(part.key for part in parts)

    def decode(self, element: Element) -> dict[str, Any]:
        value = dict(self._empty)
        for key in self._lists:
            value[key] = []
        for name, key, convert in self._attributes:
            text = element.get(name)
            if text is not None:
                value[key] = convert(text)
        if self._content is not None:
            value["_value_1"] = self._content(element.text or "")
        for child in element:
            self._decode_child(child, value)
        return value

    def _decode_child(self, child: Element, value: dict[str, Any]) -> None:
        known = self._children.get(str(child.tag))
        found: Any
        if known is None:
            if self._wildcard is None:
                return
            part, found = self._wildcard, child
        else:
            part, convert = known
            if child.get(_NIL) in ("true", "1"):
                found = None
            elif convert is None:
                found = self._shape_of(part.type).decode(child)
            else:
                found = convert(child.text or "")
        if part.many:
            value[part.key].append(found)
        else:
            value[part.key] = found

    def prune(self, element: Element) -> Fault | None:
        for child in list(element):
            known = self._children.get(str(child.tag))
            if known is not None:
                part, convert = known
                fault = self._shape_of(part.type).prune(child) if convert is None else None
                if fault is not None:
                    return fault
            elif self._wildcard is not None:
                element.remove(child)
            else:
                return self._fault_for(child)
        return None

    def _fault_for(self, child: Element) -> Fault:
        local = str(child.tag).rpartition("}")[2]
        if any(name.rpartition("}")[2] == local for name in self._children):
            return WRONG_NAMESPACE.because(f"{local[:64]} is in a wrong namespace")
        return INVALID_ARGS.because(f"{local[:64]} is not an argument")


def _from_text(type_: Any) -> Callable[[str], Any]:
    convert = type_.pythonvalue

    def value(text: str) -> Any:
        try:
            return _ours(convert(text))
        except (ValueError, TypeError, ArithmeticError):
            raise SoapFault(INVALID_ARG_VAL) from None

    return value


def _ours(value: Any) -> Any:
    """Times in UTC (those without a zone mean UTC), durations as timedelta. Raises ArithmeticError, ValueError."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    if hasattr(value, "tdelta"):
        # isodate's Duration with months or years, which have no fixed length: 30 and 365 days here.
        return value.tdelta + dt.timedelta(days=int(value.years * 365 + value.months * 30))
    return value
