"""STIX patterns (STIX 2.1, section 9): whether a text is one, in time linear in its length and bounded in depth."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from cert.errors import Phrase, Spoken

LENGTH_MAX = 1_000_000
DEPTH_MAX = 64

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^'\\]|\\['\\])*')
    |(?P<special>t'\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?Z'
        |h'(?:[0-9a-fA-F]{2})*'|b'[A-Za-z0-9+/]*={0,2}')
    |(?P<number>[+-]?(?:\d+\.\d+|\.\d+|\d+)(?![\w.]))
    |(?P<word>[A-Za-z_][A-Za-z0-9_-]*)
    |(?P<sign>!=|<>|==|<=|>=|[=<>:.,()\[\]*])
    |(?P<end>\Z))""",
    re.VERBOSE | re.ASCII,
)
_KEYWORDS_WORDS = """
AND OR NOT FOLLOWEDBY LIKE MATCHES ISSUPERSET ISSUBSET EXISTS LAST IN START STOP SECONDS TRUE FALSE TRUE true
false WITHIN REPEATS TIMES
"""
_KEYWORDS = frozenset(_KEYWORDS_WORDS.split())
_EQUAL = frozenset(("=", "==", "!=", "<>"))
_ORDER = frozenset(("<", ">", "<=", ">="))
_TEXTUAL = frozenset(("LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"))
_KINDS = {
    "string": Phrase("a text in quotes"),
    "special": Phrase("a time, or bytes, in quotes"),
    "number": Phrase("a number"),
    "word": Phrase("a name"),
    "sign": Phrase("a sign"),
}


class _BrokenError(Spoken):
    """The text is no pattern; the sentence says what was expected."""


@dataclass(slots=True)
class _Reader:
    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = 0

    def peek(self) -> str:
        return self.tokens[self.at][1]

    def kind(self) -> str:
        return self.tokens[self.at][0]

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def take(self, expected: str) -> None:
        if self.peek() != expected or self.kind() == "string":
            raise _BrokenError("%(wanted)s expected, not %(found)s", wanted=expected, found=_shown(self.peek()))
        self.at += 1

    def take_kind(self, *kinds: str) -> str:
        if self.kind() not in kinds:
            wanted = reduce(_either, (_KINDS[kind] for kind in kinds))
            raise _BrokenError("%(wanted)s expected, not %(found)s", wanted=wanted, found=_shown(self.peek()))
        return self.next()


def _either(one: Phrase, other: Phrase) -> Phrase:
    return Phrase("%(one)s or %(other)s", {"one": one, "other": other})


def _shown(token: str) -> str | Phrase:
    return token[:40] or Phrase("the end")


def pattern_problem(text: str) -> Phrase | None:
    """None for a well-formed STIX pattern, else what is wrong in a few words. No object path is resolved."""
    if len(text) > LENGTH_MAX:
        return Phrase("it is longer than %(most)d characters", {"most": LENGTH_MAX})
    try:
        reader = _Reader(_tokens(text))
        _observations(reader)
        if reader.kind() != "end":
            raise _BrokenError("nothing more expected, but %(found)s follows", found=reader.peek()[:40])
    except _BrokenError as broken:
        return broken.phrase
    return None


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while match := _TOKEN.match(text, at):
        kind = match.lastgroup or "end"
        found.append((kind, match[kind]))
        if kind == "end":
            return found
        at = match.end()
    raise _BrokenError("it cannot be read at character %(at)d", at=at + 1)


def _nested(reader: _Reader, inside: Callable[[_Reader], None], close: str) -> None:
    reader.depth += 1
    if reader.depth > DEPTH_MAX:
        raise _BrokenError("it is nested more than %(most)d levels deep", most=DEPTH_MAX)
    reader.at += 1
    inside(reader)
    reader.take(close)
    reader.depth -= 1


def _observations(reader: _Reader) -> None:
    _observation(reader)
    while reader.peek() in ("AND", "OR", "FOLLOWEDBY"):
        reader.at += 1
        _observation(reader)


def _observation(reader: _Reader) -> None:
    if reader.peek() == "[":
        _nested(reader, _comparisons, "]")
    elif reader.peek() == "(":
        _nested(reader, _observations, ")")
    else:
        raise _BrokenError("%(wanted)s expected, not %(found)s", wanted="[", found=_shown(reader.peek()))
    given: set[str] = set()
    while (word := reader.peek()) in ("START", "WITHIN", "REPEATS"):
        if word in given:
            raise _BrokenError("%(word)s stands twice behind one observation", word=word)
        given.add(word)
        _qualifier(reader)


def _qualifier(reader: _Reader) -> None:
    word = reader.next()
    if word == "START":
        _stamp(reader)
        reader.take("STOP")
        _stamp(reader)
        return
    number = reader.take_kind("number")
    if number.startswith("-") or (word == "REPEATS" and "." in number):
        raise _BrokenError("a positive number expected after %(word)s", word=word)
    reader.take("SECONDS" if word == "WITHIN" else "TIMES")


def _stamp(reader: _Reader) -> None:
    if not reader.take_kind("special").startswith("t'"):
        raise _BrokenError("a timestamp expected, such as t'2026-01-31T10:02:07Z'")


def _comparisons(reader: _Reader) -> None:
    _comparison(reader)
    while reader.peek() in ("AND", "OR"):
        reader.at += 1
        _comparison(reader)


def _comparison(reader: _Reader) -> None:
    if reader.peek() == "(":
        return _nested(reader, _comparisons, ")")
    if reader.peek() == "EXISTS":
        reader.at += 1
        return _path(reader)
    _path(reader)
    if reader.peek() == "NOT":
        reader.at += 1
    return _test(reader)


def _test(reader: _Reader) -> None:
    operator = reader.next()
    if operator in _EQUAL:
        _literal(reader)
    elif operator in _ORDER:
        reader.take_kind("string", "number", "special")
    elif operator in _TEXTUAL:
        reader.take_kind("string")
    elif operator == "IN":
        _literals(reader)
    else:
        raise _BrokenError("%(wanted)s expected, not %(found)s", wanted=Phrase("a comparison"), found=_shown(operator))


def _literals(reader: _Reader) -> None:
    reader.take("(")
    while reader.peek() != ")":
        _literal(reader)
        if reader.peek() != ")":
            reader.take(",")
    reader.at += 1


def _literal(reader: _Reader) -> None:
    if reader.peek() in ("true", "false"):
        reader.at += 1
        return
    reader.take_kind("string", "number", "special")


def _path(reader: _Reader) -> None:
    name = reader.take_kind("word")
    if name in _KEYWORDS:
        raise _BrokenError("%(wanted)s expected, not %(found)s", wanted=Phrase("an object type"), found=name)
    reader.take(":")
    reader.take_kind("word", "string")
    while reader.peek() in (".", "["):
        if reader.next() == ".":
            reader.take_kind("word", "string")
            continue
        if reader.take_kind("number", "sign") in ("]", ")"):
            raise _BrokenError("an index or * expected")
        reader.take("]")
