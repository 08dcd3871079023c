"""Every page speaks both languages, and holds nothing that the content security policy forbids."""

import ast
import importlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages import Message
from jinja2 import Environment, nodes

from cert.errors import Spoken
from tests.catalogues import LANGUAGES, PACKAGES, ROOT, SPEAKS, catalogue, collected, is_translated

TEMPLATES = sorted(path for package in PACKAGES for path in ROOT.glob(f"{package}/**/templates/**/*.html"))
NAMES = r"(?<![^\W\d_])(Puente|STIX|TAXII|TLP|UTC|JSON)(?![^\W\d_])"
"""The same in every language."""
READ_ALOUD = {"alt", "aria-description", "aria-label", "aria-roledescription", "data-label", "placeholder", "title"}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
VALUE = "0"
"""Stands where a template puts a value: no word, and fit for a tag's name."""

Words = str | list[str] | tuple[str, ...] | None
"""A sentence as a catalogue holds it: alone, or as its singular and plural."""


class Page(HTMLParser):
    """Reads a page whose values are taken out; gathers what a person reads, and what the policy forbids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.read: list[str] = []
        self.forbidden: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.forbidden += [name for name in said if name == "style" or name.startswith(("on", "hx-on"))]
        self.forbidden += [
            f"<{tag}> without src" for _ in [1] if tag == "style" or (tag == "script" and "src" not in said)
        ]
        self.read += [said[name] or "" for name in READ_ALOUD & said.keys()]
        if tag not in VOID:
            self._open.append((tag, tag in {"code", "kbd"} or said.get("translate") == "no"))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(exempt for _, exempt in self._open):
            self.read.append(data)


def parsed(path: Path) -> nodes.Template:
    return Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True).parse(path.read_text("utf-8"))


def html_of(template: nodes.Template) -> str:
    parts = (part for output in template.find_all(nodes.Output) for part in output.nodes)
    return "".join(part.data if isinstance(part, nodes.TemplateData) else VALUE for part in parts)


def literals(node: nodes.Node) -> Iterator[str]:
    """The texts written inside expressions, but for those that gettext translates."""
    for child in node.iter_child_nodes():
        is_translated = isinstance(child, nodes.Call) and getattr(child.node, "name", "") in {
            "_",
            "gettext",
            "ngettext",
        }
        if isinstance(child, nodes.Const) and isinstance(child.value, str):
            yield child.value
        elif not is_translated:
            yield from literals(child)


def is_untranslated(text: str) -> bool:
    without_attributes = re.sub(r'[\w-]+="[^"]*"', "", text)  # of a macro that is used inside a tag
    return re.search(r"[^\W\d_]", re.sub(NAMES, "", without_attributes)) is not None


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_leaves_no_word_of_a_page_untranslated(path: Path) -> None:
    template = parsed(path)

    in_markup = [text for text in Page(html_of(template)).read if is_untranslated(text)]
    in_expressions = [text for text in literals(template) if re.match(r"[A-ZÁÉÍÓÚÑ¿¡]\w+ \w", text)]

    assert in_markup + in_expressions == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_keeps_script_and_style_out_of_a_page(path: Path) -> None:
    assert Page(html_of(parsed(path))).forbidden == []


def test_it_has_pages_to_look_at() -> None:
    assert TEMPLATES


def test_it_finds_what_it_looks_for() -> None:
    page = Page('<p style="x">Hello</p><a title="Open" onclick="x">0</a><script>x</script><b translate="no">Id</b>')

    assert [text for text in page.read if is_untranslated(text)] == ["Hello", "Open", "x"]
    assert page.forbidden == ["style", "onclick", "<script> without src"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_has_a_translation_of_every_sentence_and_no_other(language: str) -> None:
    known = {key(message): message for message in catalogue(language) if message.id}
    wanted = {key(message) for message in collected() if message.id}

    assert known.keys() == wanted, "run `make translations`, then translate what is new"
    assert [message.id for message in known.values() if message.fuzzy or not is_translated(message)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_fills_the_same_blanks_in_every_language(language: str) -> None:
    sentences = [message for message in catalogue(language) if message.id]

    assert [message.id for message in sentences if blanks(message.string) - blanks(message.id)] == []


# --- what a fault says -------------------------------------------------------------------------------------------
REACH_A_PAGE = [
    *sorted((ROOT / "feeds").glob("*.py")),
    *(
        ROOT / "cert" / f"{name}.py"
        for name in ("door", "faults", "follow", "ijson", "pattern", "rules", "stix", "timestamps", "type_rules")
    ),
]
"""The modules whose faults stand on the page Exchange: why it does not flow, and why something is in quarantine."""


def made_up(tree: ast.Module) -> Iterator[str]:
    """The sentences in a module that are put together where they are said, so that no catalogue can hold them."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            values = {
                target.id: line.value
                for line in ast.walk(function)
                if isinstance(line, ast.Assign)
                for target in line.targets
                if isinstance(target, ast.Name)
            }
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and (sentence := _sentence_of(call)) is not None:
                    said = values.get(sentence.id) if isinstance(sentence, ast.Name) else sentence
                    unmarked = isinstance(said, ast.Constant) and said is not sentence  # it stands in no `msgid`
                    if unmarked or isinstance(said, ast.JoinedStr | ast.BinOp | ast.IfExp):
                        yield ast.unparse(call)


def _sentence_of(call: ast.Call) -> ast.expr | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    at = SPEAKS.get(name, 0)
    return call.args[at - 1] if 0 < at <= len(call.args) else None


@pytest.mark.parametrize("path", REACH_A_PAGE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_lets_translators_find_every_sentence_of_a_fault(path: Path) -> None:
    """Each stands whole in the code, with blanks: so the catalogues, which lack none that stands there, have it."""
    assert list(made_up(ast.parse(path.read_text("utf-8")))) == []


def test_it_knows_a_sentence_that_is_put_together() -> None:
    tree = ast.parse(
        "def f(n, told, fault):\n"
        "    raise Refused('x', f'Entry {n} is bad.')\n"
        "    raise errors.NotFound('x', 'Entry ' + n)\n"
        "    why = f'Entry {n}'\n"
        "    raise PeerUnreachable(why)\n"
        "    plain = 'Nobody finds this.'\n"
        "    raise PeerUnreachable(plain)\n"
        "    raise Refused('x', 'Entry %(n)d is bad.', n=n)\n"
        "    good = msgid('Entry %(n)d is good.')\n"
        "    raise Refused('x', good, n=n)\n"
        "    raise Refused('x', told.sentence, **told.data)\n"
        "    raise Refused('x', n)\n"
    )

    assert list(made_up(tree)) == [
        "Refused('x', f'Entry {n} is bad.')",
        "errors.NotFound('x', 'Entry ' + n)",
        "PeerUnreachable(why)",
        "PeerUnreachable(plain)",
    ]


def test_it_looks_into_every_kind_of_fault() -> None:
    """A kind that is added must be named where sentences are collected."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in REACH_A_PAGE}
    for module in modules:
        importlib.import_module(module)

    assert {kind.__name__ for kind in kinds(Spoken) if kind.__module__ in modules} - SPEAKS.keys() == set()


def kinds(of: type[Exception]) -> Iterator[type[Exception]]:
    """Every class below this one."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def key(message: Message) -> tuple[str, ...]:
    return (message.context or "", *forms(message.id))


def forms(text: Words) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def blanks(text: Words) -> set[str]:
    return {blank for form in forms(text) for blank in re.findall(r"%\(\w+\)[a-z]", form)}
