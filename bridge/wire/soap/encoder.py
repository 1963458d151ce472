"""Plain values -> XML text, by closures compiled from the schema.

zeep can render values itself (the tests compare with it), but builds an lxml tree on the way: five times slower. Here
each type becomes one closure that appends text; names, order and what is required come from the schema, so handlers
return dicts in any order and cannot forget an element.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from bridge.base.errors import LocalProtocolError
from bridge.wire.soap import particles
from bridge.wire.soap.particles import Particle

# Any: handlers' values, checked while they are written.
_Write = Callable[[str, Any, list[str]], None]


class Rendered(str):
    """An element's attributes and content as rendered before, to be spliced in where a dict would stand.

    It is everything between the element's name and its end tag, so one rendering of a type serves every element of
    that type (`Profiles` of GetProfiles, `Profile` of GetProfile). Made by `Encoder.render`.
    """

    __slots__ = ()


class Encoder:
    """Compiles types on first use and keeps them; all contracts of a process may share one."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        """prefixes: namespace -> prefix, as the envelope declares them."""
        self._prefixes = prefixes
        self._writers: dict[int, _Write] = {}
        self._kept: list[Any] = []  # the types themselves: ids are unique only while their objects live

    def element(self, name: str, type_: Any) -> Callable[[Any, list[str]], None]:
        """What appends a whole element of that QName and type. It raises LocalProtocolError that names the path."""
        tag, write = self._tag(name), self._writer(type_)
        return lambda value, out: write(tag, value, out)

    def render(self, type_: Any, value: Any) -> Rendered:
        """Attributes and content of any element of that type, to keep and splice in later."""
        out: list[str] = []
        self._writer(type_)("_", value, out)
        return Rendered("".join(out)[len("<_") : -len("</_>")])

    def _tag(self, name: str) -> str:
        """`{namespace}local` -> `prefix:local`."""
        namespace, _, local = name.removeprefix("{").rpartition("}")
        return f"{self._prefixes[namespace]}:{local}" if namespace else local

    def _writer(self, type_: Any) -> _Write:
        key = id(type_)
        if key not in self._writers:
            # Types may hold themselves: while one is being compiled, its place is held by a look-up at call time.
            self._writers[key] = lambda tag, value, out: self._writers[key](tag, value, out)
            self._kept.append(type_)
            self._writers[key] = self._complex(type_) if particles.is_complex(type_) else self._simple(type_)
        return self._writers[key]

    def _simple(self, type_: Any) -> _Write:
        text = particles.to_text(type_)

        def write(tag: str, value: Any, out: list[str]) -> None:
            out.append(f"<{tag}>{escape(_convert(text, value, tag))}</{tag}>")

        return write

    def _complex(self, type_: Any) -> _Write:
        rules = [(rule, self._tag(rule.name), particles.to_text(rule.type)) for rule in particles.attributes(type_)]
        content = particles.simple_content(type_)
        content_text = None if content is None else particles.to_text(content)
        children = [(each.key, self._child(each)) for each in particles.particles(type_)]
        keys = {rule.key for rule, _, _ in rules} | {key for key, _ in children} | ({"_value_1"} if content else set())

        def write(tag: str, value: Any, out: list[str]) -> None:
            if type(value) is Rendered:
                out.append(f"<{tag}{value}</{tag}>")
                return
            if not isinstance(value, Mapping):
                raise LocalProtocolError(f"{tag}: expected a mapping, got {type(value).__name__}")
            if not value.keys() <= keys:
                raise LocalProtocolError(f"{tag}: the schema has no {', '.join(sorted(value.keys() - keys))}")
            out.append(f"<{tag}")
            for rule, name, text in rules:
                found = value.get(rule.key)
                if found is not None:
                    out.append(f' {name}="{escape(_convert(text, found, f"{tag}/@{name}"))}"')
                elif rule.required:
                    raise LocalProtocolError(f"{tag}/@{name} is required")
            out.append(">")
            if content_text is not None and value.get("_value_1") is not None:
                out.append(escape(_convert(content_text, value["_value_1"], tag)))
            try:
                for key, write_child in children:
                    write_child(value.get(key), out)
            except LocalProtocolError as error:
                raise LocalProtocolError(f"{tag}/{error}") from None
            out.append(f"</{tag}>")

        return write

    def _child(self, particle: Particle) -> Callable[[Any, list[str]], None]:
        if particle.wildcard:
            return _write_any
        tag, write, required, many = (
            self._tag(particle.name),
            self._writer(particle.type),
            particle.required,
            particle.many,
        )

        def write_child(value: Any, out: list[str]) -> None:
            if value is None or (many and not value):
                if required:
                    raise LocalProtocolError(f"{tag} is required")
            elif not many:
                write(tag, value, out)
            elif isinstance(value, (list, tuple)):
                for each in value:
                    write(tag, each, out)
            else:
                raise LocalProtocolError(f"{tag}: expected a list, got {type(value).__name__}")

        return write_child


def _convert(text: Callable[[Any], str], value: Any, path: str) -> str:
    try:
        return text(value)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise LocalProtocolError(f"{path}: {value!r} does not suit its type: {error}") from None


def _write_any(value: Any, out: list[str]) -> None:
    """xs:any takes lxml elements, or text that is XML already and uses the envelope's prefixes (`Rendered`)."""
    for each in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(each, Rendered):
            out.append(each)
        elif each is not None:
            out.append(etree.tostring(each, encoding="unicode", with_tail=False))


# --- Text ------------------------------------------------------------------------------------------------------------

# What XML 1.0 (2.2, Char) cannot carry comes from names that people or cameras gave; one such name must not cost the
# whole list.
_SPECIAL = re.compile('[&<>"\t\n\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def escape(text: str) -> str:
    """For element content and for attributes in double quotes; what XML cannot carry becomes U+FFFD."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match[0], "\ufffd"), text)
