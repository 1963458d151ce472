"""The search filter: which recordings, or which events, a client wants (ONVIF Recording Search, "Xpath dialect").

    boolean(//Track[TrackType = "Video"]) and not(contains(//Source/Location, "cellar"))

It looks like XPath and is a small language of its own, read and answered here: no XPath engine ever sees it. Beyond the
letter of the grammar: `and` binds closer than `or`, as in XPath; predicates take `and`, `or`, `not` and `contains` in
any mixture; names may carry a prefix, which is ignored; quotes may be typographic, as word processors make them.
Milestone's users put a place in time behind it, `,<UTC>,<ms before>,<count before>,<ms after>,<count after>`: a hint.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_MS, UtcNs, format_utc, parse_utc

MAX_CHARACTERS = 4096
MAX_DEPTH = 16
"""Brackets in brackets."""
MAX_TESTS = 32
"""Paths, comparisons and `contains` together: each is asked of every recording."""

_CLAUSE = "ONVIF Recording Search, Xpath dialect"


@dataclass(frozen=True, slots=True)
class Node:
    """What a filter looks at: an element of the structure, by local names. text: of a leaf."""

    name: str
    text: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple["Node", ...] = ()


# --- The expression --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """`TrackType = "Video"`, `@Value >= "5"`: of a node's child or attribute. name: with its @."""

    name: str
    sign: str
    text: str

    def holds(self, node: Node) -> bool:
        """Of any child of that name; where there is none, of nothing."""
        return any(_compare(found, self.sign, self.text) for found in _values(node, self.name))

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {_quoted(self.text)}"


@dataclass(frozen=True, slots=True)
class Holds:
    """`contains(Description, "x")` in a predicate: of a node's child or attribute."""

    name: str
    text: str

    def holds(self, node: Node) -> bool:
        """Of any child of that name."""
        return any(self.text in found for found in _values(node, self.name))

    def __str__(self) -> str:
        return f"contains({self.name}, {_quoted(self.text)})"


@dataclass(frozen=True, slots=True)
class Path:
    """`//Source/Location`: elements anywhere; `/RecordingInformation/Source`: from the top. predicate: of the last."""

    steps: tuple[str, ...]
    anywhere: bool = True
    predicate: "Test | None" = None

    def nodes(self, top: Node) -> Iterator[Node]:
        """Those of the document that it leads to."""
        for start in _everything(top) if self.anywhere else (top,):
            if start.name == self.steps[0]:
                for found in _below(start, self.steps[1:]):
                    if self.predicate is None or self.predicate.holds(found):
                        yield found

    def __str__(self) -> str:
        predicate = "" if self.predicate is None else f"[{self.predicate}]"
        return f"{'/' if self.anywhere else ''}/{'/'.join(self.steps)}{predicate}"


@dataclass(frozen=True, slots=True)
class Exists:
    """`boolean(path)`."""

    path: Path

    def holds(self, node: Node) -> bool:
        """Whether it leads anywhere."""
        return next(self.path.nodes(node), None) is not None

    def __str__(self) -> str:
        return f"boolean({self.path})"


@dataclass(frozen=True, slots=True)
class Contains:
    """`contains(path, "x")`; unlike XPath, which looks at the first element alone, of any that the path leads to."""

    path: Path
    text: str

    def holds(self, node: Node) -> bool:
        """Whether the text stands in one of them."""
        return any(self.text in found.text for found in self.path.nodes(node))

    def __str__(self) -> str:
        return f"contains({self.path}, {_quoted(self.text)})"


@dataclass(frozen=True, slots=True)
class Not:
    """`not(test)`."""

    test: "Test"

    def holds(self, node: Node) -> bool:
        """Whether the test does not."""
        return not self.test.holds(node)

    def __str__(self) -> str:
        return f"not({self.test})"


@dataclass(frozen=True, slots=True)
class All:
    """Two or more joined by `and`."""

    tests: tuple["Test", ...]

    def holds(self, node: Node) -> bool:
        """Whether each does."""
        return all(test.holds(node) for test in self.tests)

    def __str__(self) -> str:
        return " and ".join(f"({test})" if isinstance(test, AnyOf | All) else str(test) for test in self.tests)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Two or more joined by `or`."""

    tests: tuple["Test", ...]

    def holds(self, node: Node) -> bool:
        """Whether one does."""
        return any(test.holds(node) for test in self.tests)

    def __str__(self) -> str:
        return " or ".join(f"({test})" if isinstance(test, AnyOf) else str(test) for test in self.tests)


Test = Comparison | Holds | Exists | Contains | Not | All | AnyOf
"""Comparison and Holds stand in predicates, Exists and Contains outside of them; the others in both."""


@dataclass(frozen=True, slots=True)
class TimeHint:
    """What the user looks for lies around an instant: within so much time, and so many results, on either side of it.

    before, after: counts; 0 also when they were not said
    """

    at_ns: UtcNs
    before_ns: int = 0
    before: int = 0
    after_ns: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """An expression, and a hint where there was one."""

    test: Test
    hint: TimeHint | None = None

    def matches(self, top: Node) -> bool:
        """Whether the expression holds of the structure; the hint excludes nothing."""
        return self.test.holds(top)


def parse_filter(text: str) -> SearchFilter:
    """Raises RemoteProtocolError that says where, what stands there and what was expected."""
    if len(text) > MAX_CHARACTERS:
        raise RemoteProtocolError(
            f"the search filter has {len(text)} characters; at most {MAX_CHARACTERS} are read", clause=_CLAUSE
        )
    return _Parser(text).parse()


def format_filter(found: SearchFilter) -> str:
    """The same in its normal form."""
    hint = found.hint
    return str(found.test) if hint is None else f"{found.test},{_format_hint(hint)}"


# --- Answering -------------------------------------------------------------------------------------------------------


def _everything(top: Node) -> Iterator[Node]:
    yield top
    for child in top.children:
        yield from _everything(child)


def _below(node: Node, steps: tuple[str, ...]) -> Iterator[Node]:
    if not steps:
        yield node
        return
    for child in node.children:
        if child.name == steps[0]:
            yield from _below(child, steps[1:])


def _values(node: Node, name: str) -> Iterator[str]:
    if name.startswith("@"):
        value = node.attributes.get(name[1:])
        if value is not None:
            yield value
    else:
        yield from (child.text for child in node.children if child.name == name)


def _compare(left: str, said: str, right: str) -> bool:
    """Times by what they mean, in order also numbers; all else as text."""
    compare = _OPERATORS[said]
    times = _time(left), _time(right)
    if times[0] is not None and times[1] is not None:
        return compare(times[0], times[1])
    if said not in ("=", "!=") and _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        return compare(Decimal(left), Decimal(right))
    return compare(left, right)


def _time(text: str) -> int | None:
    # Most texts are no times: one look at the fourth sign tells.
    if text[4:5] != "-":
        return None
    try:
        return parse_utc(text)
    except ValueError:
        return None


_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII)
# Any: both sides are of one type, text, time or number.
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# --- Reading ---------------------------------------------------------------------------------------------------------

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"(?:[^\W\d][\w.-]*:)?([^\W\d][\w.-]*)")
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
# What opens a text -> what ends it. Word processors make pairs of both ways, and hardly ever of different kinds.
_QUOTES = {'"': '"', "'": "'"}
_QUOTES |= dict.fromkeys("\u201c\u201d\u201e\u201f", '\u201c\u201d\u201e\u201f"')
_QUOTES |= dict.fromkeys("\u2018\u2019\u201a\u201b", "\u2018\u2019\u201a\u201b'")
_CALLS = ("boolean", "contains", "not")


class _Parser:
    """Recursive descent over the text; `_at` is how far it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tests = 0

    def parse(self) -> SearchFilter:
        test = self._either(0, predicate=False)
        hint = self._hint() if self._take(",") else None
        if self._at < len(self._text):
            raise self._expected("the end, `and`, `or`")
        return SearchFilter(test, hint)

    def _either(self, depth: int, *, predicate: bool) -> Test:
        tests = [self._both(depth, predicate=predicate)]
        while self._word("or"):
            tests.append(self._both(depth, predicate=predicate))
        return tests[0] if len(tests) == 1 else AnyOf(tuple(tests))

    def _both(self, depth: int, *, predicate: bool) -> Test:
        tests = [self._one(depth, predicate=predicate)]
        while self._word("and"):
            tests.append(self._one(depth, predicate=predicate))
        return tests[0] if len(tests) == 1 else All(tuple(tests))

    def _one(self, depth: int, *, predicate: bool) -> Test:
        if depth > MAX_DEPTH:
            raise self._expected(f"at most {MAX_DEPTH} brackets in brackets")
        if self._take("("):
            test = self._either(depth + 1, predicate=predicate)
            self._must(")")
            return test
        called = self._call()
        if called == "not":
            test = Not(self._either(depth + 1, predicate=predicate))
        else:
            self._count()
            test = self._in_predicate(called) if predicate else self._outside(called, depth)
        if called:
            self._must(")")
        return test

    def _outside(self, called: str, depth: int) -> Test:
        if called == "boolean":
            return Exists(self._path(depth))
        if called == "contains":
            path = self._path(depth)
            self._must(",")
            return Contains(path, self._quoted())
        raise self._expected("boolean(, contains(, not( or a bracket")

    def _in_predicate(self, called: str) -> Test:
        if called == "boolean":
            raise self._expected("a name: boolean( has no place in a predicate")
        name = ("@" if self._take("@") else "") + self._name()
        if called:
            self._must(",")
            return Holds(name, self._quoted())
        found = _OPERATOR.match(self._text, self._skip())
        if found is None:
            raise self._expected("one of = != < <= > >=")
        self._at = found.end()
        return Comparison(name, found[0], self._quoted())

    def _path(self, depth: int) -> Path:
        self._must("/")
        anywhere = self._text.startswith("/", self._at)
        self._at += anywhere
        steps = [self._name()]
        while self._take("/"):
            steps.append(self._name())
        predicate = None
        if self._take("["):
            predicate = self._either(depth + 1, predicate=True)
            self._must("]")
        return Path(tuple(steps), anywhere, predicate)

    def _hint(self) -> TimeHint:
        said = [part.strip() for part in self._text[self._at :].split(",")]
        if len(said) > 5:
            raise self._expected("UTC time, ms before, count before, ms after, count after")
        try:
            at_ns = parse_utc(said[0] if said[0].endswith(("Z", "z")) or _OFFSET.search(said[0]) else f"{said[0]}Z")
            format_utc(at_ns)
        except (ValueError, OverflowError):  # the second: an offset leads out of the years 1 to 9999
            raise self._expected("a time such as 2026-11-21T09:00:00Z") from None
        numbers = [0] * 4
        for place, text in enumerate(said[1:]):
            if not _COUNT.fullmatch(text):
                raise self._expected("a number of at most 15 digits after the time")
            numbers[place] = int(text)
        self._at = len(self._text)
        before_ms, before, after_ms, after = numbers
        return TimeHint(at_ns, before_ms * NS_PER_MS, before, after_ms * NS_PER_MS, after)

    # -- signs and words

    def _skip(self) -> int:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _take(self, sign: str) -> bool:
        """Whether the sign comes next; it is read then."""
        taken = self._text.startswith(sign, self._skip())
        self._at += len(sign) * taken
        return taken

    def _must(self, sign: str) -> None:
        if not self._take(sign):
            raise self._expected(f"`{sign}`")

    def _word(self, word: str) -> bool:
        found = _NAME.match(self._text, self._skip())
        if found is None or found[0] != word:
            return False
        self._at = found.end()
        return True

    def _call(self) -> str:
        """`not(`, `boolean(`, `contains(`: its name; "" when none comes next."""
        found = _NAME.match(self._text, self._skip())
        if found is None or found[0] not in _CALLS:
            return ""
        behind = _SPACE.match(self._text, found.end())
        at = behind.end() if behind else found.end()
        if not self._text.startswith("(", at):
            return ""  # an element of that name
        self._at = at + 1
        return found[0]

    def _name(self) -> str:
        found = _NAME.match(self._text, self._skip())
        if found is None:
            raise self._expected("a name")
        self._at = found.end()
        return found[1]

    def _quoted(self) -> str:
        opened = self._text[self._skip() : self._at + 1]
        closing = _QUOTES.get(opened)
        if closing is None:
            raise self._expected("a text in quotes")
        ends = [end for sign in closing if (end := self._text.find(sign, self._at + 1)) >= 0]
        if not ends:
            raise self._expected("the end of this text, a quote")
        text = self._text[self._at + 1 : min(ends)]
        self._at = min(ends) + 1
        return text

    def _count(self) -> None:
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise self._expected(f"the end: at most {MAX_TESTS} tests")

    def _expected(self, what: str) -> RemoteProtocolError:
        rest = self._text[self._skip() : self._at + 24]
        there = f"{rest!r} stands at character {self._at + 1}" if rest else "the text ends"
        return RemoteProtocolError(f"the search filter is not understood: {there}; expected {what}", clause=_CLAUSE)


_COUNT = re.compile(r"\d{1,15}", re.ASCII)
_OFFSET = re.compile(r"[+-]\d\d:\d\d$", re.ASCII)


# --- Writing ---------------------------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    """No text holds both kinds of quotes: one of them would have ended it."""
    return f"'{text}'" if '"' in text else f'"{text}"'


def _format_hint(hint: TimeHint) -> str:
    numbers = hint.before_ns // NS_PER_MS, hint.before, hint.after_ns // NS_PER_MS, hint.after
    return ",".join((format_utc(hint.at_ns, digits=9), *map(str, numbers)))
