"""JSON text in and out: what is refused on the way in, and the one spelling on the way out."""

import re
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, given
from hypothesis import strategies as st

from cert.errors import Refused
from cert.ijson import WHOLE_MAX, canonical, is_plain, parse_json

LONG_WHOLE = re.compile(rb"[0-9]{16}")

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-WHOLE_MAX, WHOLE_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_the_canonical_form_it_writes_as_rfc_8785_does(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_a_canonical_text_it_reads_back_to_the_same_bytes(value: Any) -> None:
    text = canonical(value)
    assume(b"\\u0000" not in text and not LONG_WHOLE.search(text))
    assert canonical(parse_json(text)) == text


def test_names_it_sorts_by_utf16_units_and_numbers_as_ecmascript() -> None:
    value = {"\U0001f600": 1, "\ue000": 1e21, "a": -0.0}
    assert canonical(value) == '{"a":0,"\U0001f600":1,"\ue000":1e+21}'.encode()
    assert not is_plain(value)


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {1: 2}, {"a": object()}, {"a": b""}]
)
def test_a_value_it_refuses_to_spell_when_json_cannot_hold_it(value: Any) -> None:
    with pytest.raises(Refused):
        canonical(value)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a": 1, "a": 1}', "duplicate-key"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "duplicate-key"),
        (b"[NaN]", "not-i-json"),
        (b"[-Infinity]", "not-i-json"),
        (b"[1e400]", "not-i-json"),
        (b"[1e17]", "not-i-json"),
        (b"[9007199254740992]", "not-i-json"),
        (b"[18446744073709551616]", "not-i-json"),
        (b"[" + b"9" * 5000 + b"]", "not-i-json"),
        (b'["\\ud800"]', "not-i-json"),
        (b'["a\\u0000b"]', "nul"),
        (b'{"\\u0000": 1}', "nul"),
        (b'["\xff"]', "not-json"),
        (b"\xef\xbb\xbf[]", "not-json"),
        ("[]".encode("utf-16"), "not-json"),
        (b'["tab\there"]', "not-json"),
        (b"", "not-json"),
        (b"[] []", "not-json"),
        (b"[1,]", "not-json"),
        (b'{"type": "incident", ', "not-json"),
        (b"[" * 65 + b"]" * 65, "too-deep"),
        (b"[" * 500 + b"]" * 500, "too-deep"),
        (b"[" * 100_000, "too-deep"),
        (b'{"a":' * 100_000, "too-deep"),
    ],
)
def test_a_text_it_refuses_when_readers_could_differ(raw: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_json(raw)
    assert refused.value.code == code
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"[" * 64 + b"]" * 64, None),
        (b'["\\\\u0000", "a: b", "\\u003a"]', ["\\u0000", "a: b", ":"]),
        (b"[9007199254740991, -9007199254740991, 1.5, 1E2]", [WHOLE_MAX, -WHOLE_MAX, 1.5, 100.0]),
        ('["\\ud83d\\ude00 ñ"]'.encode(), ["\U0001f600 ñ"]),
        (b'{"a": {"x": 1}, "b": {"x": 1}}', {"a": {"x": 1}, "b": {"x": 1}}),
    ],
)
def test_a_text_it_takes_when_it_means_one_thing(raw: bytes, value: Any) -> None:
    parsed = parse_json(raw)
    assert value is None or parsed == value


def test_a_depth_it_allows_as_asked() -> None:
    assert parse_json(b"[[[]]]", max_depth=3) == [[[]]]
    with pytest.raises(Refused, match="more than 2 levels"):
        parse_json(b"[[[]]]", max_depth=2)
