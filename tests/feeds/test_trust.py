"""By what we know a peer's server, and it us: whoever is not he hears nothing, not even our password."""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cert.errors import PeerUnreachable
from cert.follow import now_us
from config.cast import US
from feeds.connection import Address
from feeds.line import Line
from feeds.trust import Trust
from tests.feeds.certificates import IMPOSTORS, Authority, Issued, authority, tls
from tests.feeds.scripted import Script, serving


@pytest.fixture(scope="module")
def root() -> Authority:
    """Who vouches for the peer's server."""
    return authority()


@pytest.fixture
def ca_file(root: Authority, tmp_path: Path) -> Path:
    return root.root.write(tmp_path, "root")[0]


@contextmanager
def line_to(us: Script, trust: Trust) -> Iterator[Line]:
    with Line(Address(US.name, f"{us.url}/taxii2/", "mx", lambda: "s" * 40, trust), "to-mx") as line:
        yield line


def refused(us: Script, trust: Trust) -> str:
    with line_to(us, trust) as line, pytest.raises(PeerUnreachable) as told:
        line.objects("", "")
    assert us.headers == []
    return str(told.value)


def test_it_asks_a_server_for_whom_the_ca_file_vouches(root: Authority, ca_file: Path, tmp_path: Path) -> None:
    with serving(tls(tmp_path, root.issue())) as us, line_to(us, Trust(ca_file)) as line:
        assert line.objects("", "").objects == []
        assert us.url.startswith("https://")
        assert line.certificate_until is not None
        assert line.certificate_until > now_us()


@pytest.mark.row("TX-202")
@pytest.mark.parametrize("what", IMPOSTORS)
def test_it_says_nothing_to_whoever_cannot_prove_who_he_is(
    root: Authority, ca_file: Path, tmp_path: Path, what: str
) -> None:
    with serving(tls(tmp_path, IMPOSTORS[what](root))) as us:
        assert "its certificate is not one we trust: " in refused(us, Trust(ca_file))


def test_without_a_ca_file_it_trusts_the_system_and_not_everybody(root: Authority, tmp_path: Path) -> None:
    with serving(tls(tmp_path, root.issue())) as us:
        assert "its certificate is not one we trust" in refused(us, Trust())


@pytest.mark.row("TX-203")
def test_a_ca_file_is_trusted_in_place_of_the_system_s(ca_file: Path) -> None:
    """TX-203: nobody else in the world can vouch for this peer."""
    assert len(Trust(ca_file).context().get_ca_certs()) == 1


@pytest.mark.row("TX-202")
def test_it_speaks_no_tls_older_than_1_2(root: Authority, ca_file: Path, tmp_path: Path) -> None:
    """TX-202."""
    old = tls(tmp_path, root.issue())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with serving(old) as us:
        assert refused(us, Trust(ca_file))


# --- pins --------------------------------------------------------------------------------------------------------
@pytest.mark.row("TX-203")
def test_it_asks_only_a_server_whose_key_is_pinned(root: Authority, ca_file: Path, tmp_path: Path) -> None:
    """TX-203, N2: another key for which the same authority vouches is not his."""
    his, other = root.issue(), root.issue()
    with serving(tls(tmp_path, his)) as us:
        assert "none of those that `pins` names" in refused(us, Trust(ca_file, pins=frozenset([other.pin])))
        with line_to(us, Trust(ca_file, pins=frozenset([other.pin, his.pin]))) as line:
            assert line.objects("", "").objects == []


def test_a_pin_does_not_make_up_for_a_certificate_that_has_expired(
    root: Authority, ca_file: Path, tmp_path: Path
) -> None:
    his = root.issue(days=(-2, -1))
    with serving(tls(tmp_path, his)) as us:
        assert "expired" in refused(us, Trust(ca_file, pins=frozenset([his.pin])))


def test_it_goes_on_while_the_server_changes_to_a_key_that_is_pinned_too(
    root: Authority, ca_file: Path, tmp_path: Path
) -> None:
    """F21."""
    old, new = root.issue(), root.issue()
    context = tls(tmp_path, old)
    with serving(context) as us, line_to(us, Trust(ca_file, pins=frozenset([old.pin, new.pin]))) as line:
        line.objects("", "")
        context.load_cert_chain(*new.write(tmp_path, "server"))
        line.connection.close()  # the old connection ends
        assert line.objects("", "").objects == []
        assert len(us.shown) == 2


# --- our own certificate -----------------------------------------------------------------------------------------
def client(made: Issued, folder: Path, ca_file: Path) -> Trust:
    return Trust(ca_file, *made.write(folder, "client"))


@pytest.mark.row("TX-203")
def test_it_shows_its_certificate_and_takes_a_new_one_without_a_restart(
    root: Authority, ca_file: Path, tmp_path: Path
) -> None:
    """TX-203, F21: in the middle of a transfer."""
    clients = authority()
    first, second = clients.issue(), clients.issue()
    with serving(tls(tmp_path, root.issue(), clients)) as us:
        with line_to(us, client(first, tmp_path, ca_file)) as line:
            line.objects("", "")
            line.objects("", "")
            client(second, tmp_path, ca_file)
            line.objects("", "")
        assert us.shown == [first.der, second.der]
        assert refused_without_certificate(us, ca_file)


def refused_without_certificate(us: Script, ca_file: Path) -> bool:
    with line_to(us, Trust(ca_file)) as line, pytest.raises(PeerUnreachable):
        line.objects("", "")
    return True


@pytest.mark.parametrize("fault", ["gone", "empty", "another's key", "encrypted"])
def test_it_says_which_file_cannot_be_used_and_goes_on_when_that_is_mended(
    root: Authority, ca_file: Path, tmp_path: Path, fault: str
) -> None:
    clients = authority()
    good, trust = clients.issue(), client(clients.issue(), tmp_path, ca_file)
    key = tmp_path / "client.key"
    with serving(tls(tmp_path, root.issue(), clients)) as us, line_to(us, trust) as line:
        line.objects("", "")
        match fault:
            case "gone":
                key.unlink()
            case "empty":
                key.write_bytes(b"")
            case "another's key":
                key.write_bytes(clients.issue().write(tmp_path, "other")[1].read_bytes())
            case _:
                good.write(tmp_path, "client", b"secret")
        with pytest.raises(PeerUnreachable, match=r"client\.key cannot be used"):
            line.objects("", "")

        good.write(tmp_path, "client")
        assert line.objects("", "").objects == []
