"""How values look on a page: times, indicators, handling, nations, STIX. These are the filters of the templates."""

import json
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask import Flask
from flask_babel import format_decimal, get_locale, get_timezone, gettext
from markupsafe import Markup, escape

from cert import values
from cert.portal import words
from cert.stix import Micros

STIX_ID = re.compile(r"^[a-z0-9-]+--[0-9a-f-]{36}$")
DEFANGED = (None, "domain-name", "email-addr", "indicator", "ipv4-addr", "url")
# The ends of what can be told in every time zone; lawful STIX times lie outside, and a page must not fail for one.
FIRST_S, LAST_S = -62_135_510_400, 253_402_128_000  # 0001-01-02 and 9999-12-30
COMMAND = re.compile(r"`([^`]+)`")
DOT = re.compile(r"(?<=\w)\.(?=\w)")
JSON_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)')


def install(app: Flask, *, theirs: Collection[str] = ()) -> None:
    """Give the templates their filters; `theirs` are the peers' time zones (IANA names), shown after local and UTC."""
    zones = tuple(ZoneInfo(name) for name in theirs)
    filters = {
        "moment": moment,
        "moment_full": partial(moment, theirs=zones),
        "defang": defang,
        "handling": handling,
        "mark": mark,
        "severity_mark": severity_mark,
        "count": format_decimal,
        "stix_json": stix_json,
        "highest": highest,
        "rsit_name": words.rsit_name,
        "nation_name": words.nation_name,
        "type_name": words.type_name,
        "state_name": words.state_name,
        "role_name": words.role_name,
        "language_name": words.language_name,
        "confidence_name": words.confidence_name,
        "handling_meaning": words.handling_meaning,
        "sentence": words.sentence,
        "commands": commands,
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals.update(
        rsit_classes=words.RSIT,
        severities=words.SEVERITIES,
        confidences=words.CONFIDENCES,
        handlings=words.HANDLINGS,
    )


def moment(time: Micros, theirs: Collection[ZoneInfo] = ()) -> Markup:
    """A <time> element: local, then UTC, then the peers' time; its datetime attribute is UTC to the second."""
    utc = datetime.fromtimestamp(min(max(time // 1_000_000, FIRST_S), LAST_S), UTC)
    local = utc.astimezone(get_timezone())
    others = [utc] + [utc.astimezone(zone) for zone in theirs]
    rest = " · ".join(_clock(other, local) for other in others)
    stamp = utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = f"{_day(local)} {local:%H:%M} {local.tzname()}"
    return Markup('<time datetime="{}">{} <span class="other-zones">{}</span></time>').format(stamp, shown, rest)


def _day(time: datetime) -> str:
    return str(format_skeleton("yMMMd", time, locale=get_locale()))


def _clock(time: datetime, local: datetime) -> str:
    """The clock of another zone, with its date only where that is another day."""
    day = "" if time.date() == local.date() else format_skeleton("MMMd", time, locale=get_locale()) + " "
    return f"{day}{time:%H:%M} {time.tzname()}"


def defang(value: str, stix_type: str | None = None) -> str:
    """An indicator as it is shown and copied: it can be read, and nothing will open it. Hashes and file names stay."""
    if stix_type == "ipv6-addr" or (stix_type in DEFANGED and _is_ipv6(value)):
        return value.replace(":", "[:]", 1)
    if stix_type not in DEFANGED:
        return value
    scheme, mark, rest = value.partition("://")
    if not mark:
        return DOT.sub("[.]", value).replace("@", "[@]")
    host, slash, path = rest.partition("/")
    return f"{scheme.replace('http', 'hxxp')}://{DOT.sub('[.]', host)}{slash}{path}"


def _is_ipv6(value: str) -> bool:
    return (values.address(value) or ("",))[0] == "ipv6-addr"


def handling(level: str | None) -> Markup:
    """The TLP 2.0 chip: the word in its colour on black, as FIRST prescribes; never the colour alone."""
    if level not in words.HANDLINGS:
        return Markup('<span class="tlp tlp-none">{}</span>').format(gettext("unmarked"))
    return Markup('<span class="tlp tlp-{}">TLP:{}</span>').format(level.replace("+", "-"), level.upper())


def highest(levels: Iterable[str | None]) -> str | None:
    """The strictest of some handling levels; None when none of them is marked."""
    order = list(words.HANDLINGS)
    marked = [level for level in levels if level in words.HANDLINGS]
    return min(marked, key=order.index, default=None)


def mark(nation: str | None, ours: bool = False) -> Markup:
    """The two-letter mark of a nation. Its shape says which, filled says ours, outlined says theirs."""
    if nation is None:
        return Markup("")
    side = "ours" if ours else "theirs"
    return Markup('<abbr class="nation nation-{} {}" title="{}">{}</abbr>').format(
        nation, side, words.nation_name(nation), nation.upper()
    )


def severity_mark(severity: str | None) -> Markup:
    """The severity as a word with one to four filled steps; nothing when it was not stated."""
    if severity not in words.SEVERITIES:
        return Markup("")
    return Markup('<span class="severity severity-{}"><span class="steps" aria-hidden="true"></span>{}</span>').format(
        severity, words.SEVERITIES[severity]
    )


def commands(text: str) -> Markup:
    """A sentence in which what stands in `backquotes` is typed or set, and so is shown as it is spelt."""
    parts = COMMAND.split(text)
    code = Markup('<code translate="no">{}</code>')
    return Markup("").join(code.format(part) if n % 2 else escape(part) for n, part in enumerate(parts))


def highlight(text: str, found: Collection[str]) -> Markup:
    """The text with every occurrence of the found words (as they are spelt in it) in <mark>."""
    if not found:
        return escape(text)
    longest_first = sorted(found, key=len, reverse=True)
    pieces = re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text, flags=re.IGNORECASE)
    marked = (Markup("<mark>{}</mark>").format(piece) if n % 2 else escape(piece) for n, piece in enumerate(pieces))
    return Markup("").join(marked)


def stix_json(body: object, here: Collection[str] = ()) -> Markup:
    """A STIX object as indented JSON in colours; an id that stands in `here` links to that object on the page."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    parts: list[Markup] = []
    end = 0
    for token in JSON_TOKEN.finditer(text):
        parts += [escape(text[end : token.start()]), _coloured(token, here)]
        end = token.end()
    return Markup("").join([*parts, escape(text[end:])])


def _coloured(token: re.Match[str], here: Collection[str]) -> Markup:
    string, colon, word, number = token.groups()
    if colon:
        return Markup('<span class="j-key">{}</span>{}').format(string, colon)
    if string and string[1:-1] in here and STIX_ID.match(string[1:-1]):
        return Markup('<a class="j-ref" href="#{}">{}</a>').format(string[1:-1], string)
    kind = "j-text" if string else "j-word"
    return Markup('<span class="{}">{}</span>').format(kind, string or word or number)
