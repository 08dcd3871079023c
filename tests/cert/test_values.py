"""One spelling for one value."""

import pytest

from cert import values


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("hxxp://evil[.]example", "http://evil.example"),
        ("h[tt]ps://evil(.)example/a", "https://evil.example/a"),
        ("meow://evil{.}example", "http://evil.example"),
        ("hxxps[:]//evil[dot]example", "https://evil.example"),
        ("http[s]://evil.example", "https://evil.example"),
        ("otro-sitio[punto]com", "otro-sitio.com"),
        ("a[arroba]b[punto]mx", "a@b.mx"),
        ("a [at] b [dot] mx", "a@b.mx"),
        ("http://[2001:db8::1]/a", "http://[2001:db8::1]/a"),
        ("nothing to do (here)", "nothing to do (here)"),
        ("[domain-name:value = 'a.example'] (atrás)", "[domain-name:value = 'a.example'] (atrás)"),
        ("HTTP://evil.example", "http://evil.example"),
        ("h**p://evil.example", "http://evil.example"),
        ("http[://]evil.example", "http://evil.example"),
        ("http://a.example hXXp://b.example", "http://a.example http://b.example"),
    ],
)
def test_it_undoes_defanging(written: str, expected: str) -> None:
    assert values.refang(written) == expected


@pytest.mark.parametrize("written", ["", "1.2.3", "1.2.3.256", "evil.example", "5", "1.2.3.4:80", "::g"])
def test_it_takes_nothing_else_for_an_address(written: str) -> None:
    assert values.address(written) is None


def test_it_keeps_the_path_of_a_url_as_it_is() -> None:
    assert values.url("HTTPS://u:p@EVIL.example:443/Path?Q=Á#f") == "https://u:p@evil.example/Path?Q=Á#f"


@pytest.mark.parametrize(
    ("written", "url", "host"),
    [
        ("https://evil.example/a/b.zip", "https://evil.example/a/b.zip", "evil.example"),
        ("https://evil.example./a", "https://evil.example/a", "evil.example"),
        ("http://203.000.113.007/a", "http://203.0.113.7/a", "203.0.113.7"),
        ("http://evil.example", "http://evil.example/", "evil.example"),
        ("//evil.example/a", "//evil.example/a", "evil.example"),
        ("evil.example/a", "evil.example/a", None),
    ],
)
def test_it_spells_a_url_and_its_host_in_one_way(written: str, url: str, host: str | None) -> None:
    assert values.url_and_host(written) == (values.url(written), values.url_host(written)) == (url, host)


@pytest.mark.parametrize(("written", "expected"), [("SHA256", "sha-256"), ("SHA-1", "sha-1"), ("SHA3-256", "sha3-256")])
def test_it_knows_one_name_for_an_algorithm(written: str, expected: str) -> None:
    assert values.algorithm(written) == expected
