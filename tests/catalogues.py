"""Collects every sentence that a person may read and brings the catalogues up to date: `make translations`.

Sentences stand in English in code and pages: in gettext calls, `Refused`, `PeerUnreachable`, `Phrase` and their kin.
What is new is added without a translation, what has gone is removed; `test_words.py` says what still lacks one.
"""

from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
PACKAGES = ("cert", "config", "feeds", "playbooks")
TRANSLATIONS = ROOT / "cert" / "portal" / "translations"
LANGUAGES = ("en", "es")
HEADER = "# The sentences of Puente; `make translations` adds new ones, `make` compiles this file."
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"silent": "false"}}
REFUSALS = ("Refused", "NotFound", "NotAllowed", "Conflict", "Missing", "_Fault")  # code, sentence
SPEAKS = {
    "demand": 2,  # access.demand(allowed, sentence)
    "refusal": 2,  # faults.refusal(name, sentence)
    **dict.fromkeys(REFUSALS, 2),
    **dict.fromkeys(("Phrase", "PeerUnreachable", "Unreachable", "TooLarge", "Expired", "TooDense", "_BrokenError"), 1),
}
"""What is called with a sentence of a fault, and which argument that is."""
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    **dict.fromkeys(("_l", "lazy_gettext")),
    "msgid": None,
    **{name: (at,) for name, at in SPEAKS.items()},
}


def collected() -> Catalog:
    """Every sentence in the code and the pages, with the file that it stands in."""
    found = Catalog(project="puente")
    for package in PACKAGES:
        for name, line, message, comments, context in extract_from_dir(ROOT / package, METHODS, OPTIONS, KEYWORDS):
            found.add(message, locations=[(f"{package}/{name}", line)], auto_comments=comments, context=context)
    return found


def catalogue(language: str) -> Catalog:
    """The translations of one language as they are in the tree; an empty catalogue when there are none yet."""
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language, project="puente", version="0", header_comment=HEADER, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def po_file(language: str) -> Path:
    """Where the translations of one language stand."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def update(language: str) -> int:
    """Bring one catalogue up to date; the number of sentences that wait for a translation."""
    known = catalogue(language)
    known.header_comment, known.last_translator, known.language_team = HEADER, "the project", "the project"
    known.msgid_bugs_address = "the issue tracker"
    known.update(collected(), no_fuzzy_matching=True, update_creation_date=False)
    sentences = [message for message in known if message.id]
    if language == "en":
        # English is what stands in the code, so its translation is never work.
        for message in sentences:
            message.string = message.string if is_translated(message) else message.id
    path = po_file(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, known, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    return sum(not is_translated(message) for message in sentences)


def is_translated(message: Message) -> bool:
    """Whether every form of the sentence, singular and plural, has a translation."""
    forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))
    return all(forms)


if __name__ == "__main__":
    for wanted in LANGUAGES:
        print(f"{po_file(wanted).relative_to(ROOT)}: {update(wanted)} sentences to translate")  # noqa: T201 a command
