"""TLS and client certificates, on `puente serve taxii` as an operator starts it."""

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from config.cli import main
from tests.catalogues import ROOT
from tests.feeds.stores import SQLITE, Stock
from tests.feeds.taxii.node import MEDIA_TYPE
from tests.servers.process import end, free_ports, wait

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
WEAK = "AES128-SHA:AES256-SHA:AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:DHE-RSA-AES128-SHA"


def openssl(*words: object, sent: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["openssl", *map(str, words)], input=sent, capture_output=True, check=False, timeout=30)


@dataclass(frozen=True, slots=True)
class Authority:
    """A folder with an authority in it, and what it has signed."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def make(self) -> "Authority":
        self.folder.mkdir()
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / "ca.key")
        done = openssl("req", "-x509", *key, "-subj", f"/CN={self.folder.name}", "-days", 2, "-out", self.file)
        assert done.returncode == 0, done.stderr
        return self

    def sign(self, name: str, days: int = 2) -> tuple[str, str]:
        """Certificate and key; with negative days one that has expired."""
        key, asked, made = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key)
        assert openssl("req", *new, "-subj", f"/CN={name}", "-addext", NAMES, "-out", asked).returncode == 0
        by = ("-CA", self.file, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-copy_extensions", "copy")
        done = openssl("x509", "-req", "-in", asked, *by, "-days", days, "-out", made)
        assert done.returncode == 0, done.stderr
        return str(made), str(key)


@dataclass(frozen=True, slots=True)
class Served:
    """A node that ends TLS itself."""

    port: int
    settings: Path
    ours: Authority
    secret: str

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def puente(self, *words: str) -> str:
        done = CliRunner().invoke(main, ["--settings", str(self.settings), *words])
        assert done.exit_code == 0, done.output
        return done.output

    def ask(self, cert: tuple[str, str] | None = None, **more: object) -> requests.Response:
        answer = requests.get(
            f"{self.url}/taxii2/",
            cert=cert,
            verify=str(self.ours.file),
            headers={"Accept": MEDIA_TYPE},
            timeout=20,
            **more,  # type: ignore[arg-type]
        )
        assert answer.headers["Content-Type"] == MEDIA_TYPE
        return answer


@pytest.fixture(scope="module")
def served(store: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("tls"), free_ports(1)[0]
    stock = Stock(folder / "node", None if store == SQLITE else request.getfixturevalue("postgres_server"))
    told = "".join(f'{name} = "{value}"\n' for name, value in stock.told().items())
    ours = Authority(folder / "ours").make()
    cert, key = ours.sign("server")
    settings = folder / "node.toml"
    settings.write_text(
        f'nation = "mx"\nname = "CERT"\ndata = "data"\ntaxii_port = {port}\n'
        f'taxii_tls_cert_file = "{cert}"\ntaxii_tls_key_file = "{key}"\ntaxii_client_ca_file = "{ours.file}"\n{told}',
        "utf-8",
    )
    made = Served(port, settings, ours, "")
    made.puente("init")
    secret = made.puente("account", "add", "sonda", "--write", "import").rpartition(": ")[2].strip()
    command = [sys.executable, "-m", "config", "--settings", str(settings), "serve", "taxii"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait(lambda: answers(port), process, settings)
        yield Served(port, settings, ours, secret)
    finally:
        end(process)
        stock.drop()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.row("TX-27")
def test_it_signs_in_the_one_account_a_certificate_belongs_to(served: Served) -> None:
    shown = served.ours.sign("sonda")
    assert served.ask(shown).status_code == 401

    served.puente("account", "certificate", "sonda", "--file", shown[0])
    assert served.ask(shown).json()["api_roots"] == ["/puente/"]
    assert served.ask(served.ours.sign("other")).status_code == 401
    assert served.ask(shown, auth=("sonda", "wrong")).status_code == 401

    served.puente("account", "certificate", "sonda", "--file", shown[0], "--remove")
    assert served.ask(shown).status_code == 401


@pytest.mark.row("TX-27", "TX-18")
def test_it_still_takes_a_secret_without_a_certificate(served: Served) -> None:
    assert served.ask(auth=("sonda", served.secret)).status_code == 200
    assert served.ask().status_code == 401


@pytest.mark.row("TX-27")
@pytest.mark.parametrize(("authority", "days"), [("theirs", 2), ("ours", -1)], ids=["another authority", "expired"])
def test_it_ends_the_handshake_with_a_certificate_that_is_no_good(
    served: Served, tmp_path: Path, authority: str, days: int
) -> None:
    signer = served.ours if authority == "ours" else Authority(tmp_path / authority).make()

    with pytest.raises(requests.ConnectionError):
        served.ask(signer.sign(f"bad-{authority}", days))


def handshake(served: Served, *words: str, sent: bytes = b"Q\n") -> bytes:
    """What `openssl s_client` says of a connection."""
    done = openssl("s_client", "-connect", f"127.0.0.1:{served.port}", *words, sent=sent)
    return done.stdout + done.stderr


@pytest.mark.row("TX-28")
@pytest.mark.parametrize(
    ("version", "spoken"), [("tls1", b""), ("tls1_1", b""), ("tls1_2", b"TLSv1.2"), ("tls1_3", b"TLSv1.3")]
)
def test_it_speaks_tls_12_and_13_only(served: Served, version: str, spoken: bytes) -> None:
    said = handshake(served, f"-{version}", "-cipher", "ALL:@SECLEVEL=0")

    assert (b"New, " + spoken in said) if spoken else (b"Cipher is (NONE)" in said)
    assert b"HTTP/1" not in said


@pytest.mark.row("TX-28")
@pytest.mark.parametrize("cipher", WEAK.split(":"))
def test_it_takes_no_cipher_without_forward_secrecy_and_authentication(served: Served, cipher: str) -> None:
    assert b"Cipher is (NONE)" in handshake(served, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")


@pytest.mark.row("TX-28")
def test_it_offers_no_early_data(served: Served) -> None:
    request = b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = handshake(served, "-tls1_3", "-ign_eof", sent=request)

    assert b"HTTP/1.1 401" in said
    assert set(re.findall(rb"Max Early Data: (\d+)", said)) == {b"0"}


@pytest.mark.row("TX-28")
def test_it_lets_nobody_negotiate_anew(served: Served) -> None:
    assert b"no renegotiation" in handshake(served, "-tls1_2", sent=b"R\n")


@pytest.mark.row("TX-01")
def test_it_tells_whoever_speaks_no_tls_nothing(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall(b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"api_roots" not in line.recv(65_536)
    assert served.ask(auth=("sonda", served.secret)).status_code == 200


@pytest.mark.parametrize("lacking", ["taxii_tls_key_file", "taxii_tls_cert_file", "taxii_client_ca_file"])
def test_it_refuses_files_that_cannot_be_used_by_name(served: Served, tmp_path: Path, lacking: str) -> None:
    settings = tmp_path / "node.toml"
    text = served.settings.read_text("utf-8").replace('data = "data"', f'data = "{served.settings.parent / "data"}"')
    lines = [f'{lacking} = "{tmp_path / "none.pem"}"' if lacking in line else line for line in text.splitlines()]
    settings.write_text("\n".join(lines), "utf-8")

    done = CliRunner().invoke(main, ["--settings", str(settings), "serve", "taxii"], env={"PUENTE_TAXII_PORT": "1"})

    assert done.exit_code == 1
    assert "none.pem" in done.output
