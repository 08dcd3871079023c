"""A node's settings: read from a file and the environment, wrong ones refused by name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cert.errors import Missing, Refused
from config.reading import load, secret_in
from config.settings import Peer, Settings, table

NODES = Path(__file__).parents[2] / "config" / "nodes"
LEAST = 'nation = "mx"\nname = "CERT"\ndata = "kept"\n'
PEER = '[peers.us]\nurl = "https://us.example/taxii2/"\nuser = "mx"\npassword_file = "us.password"\n'

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "node.toml"
        path.write_text(text, "utf-8")
        return path

    return written


def refusal(path: Path, env: dict[str, str] | None = None) -> str:
    with pytest.raises(Refused) as refused:
        load(path, env or {})
    return refused.value.sentence


@pytest.mark.parametrize("name", ["mx.toml", "us.toml", "node.example.toml", "large.example.toml"])
def test_it_reads_the_nodes_that_we_ship(name: str) -> None:
    assert load(NODES / name, {}).nation in {"mx", "us"}


def test_it_starts_paths_at_the_folder_of_the_file(write: Write, tmp_path: Path) -> None:
    settings = load(write(LEAST + PEER), {})

    assert settings.data == tmp_path / "kept"
    assert settings.peers["us"].password_file == tmp_path / "us.password"


def test_it_keeps_everything_in_the_data_folder_unless_told(write: Write, tmp_path: Path) -> None:
    settings = load(write(LEAST), {})

    assert settings.database == f"sqlite:///{tmp_path}/kept/puente.db"
    assert settings.index == tmp_path / "kept" / "index"
    assert settings.secret_key_file == tmp_path / "kept" / "secret.key"


def test_it_lets_the_environment_win(write: Write) -> None:
    env = {
        "PUENTE_PORTAL_PORT": "9000",
        "PUENTE_COOKIE_SECURE": "false",
        "PUENTE_PEERS__US__USER": "other",
        "HOME": "/",
    }

    settings = load(write(LEAST + PEER), env)

    assert (settings.portal_port, settings.cookie_secure) == (9000, False)
    assert settings.peers["us"].user == "other"


def test_it_tells_the_taxii_address_from_the_listener(write: Write) -> None:
    assert load(write(LEAST + "taxii_port = 9001\n"), {}).taxii_url == "http://127.0.0.1:9001"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("portal_port = 70000", "portal_port = 70000, but it must be a port, 1 to 65535"),
        ('portal_port = "80"', "portal_port = '80', but it must be a port, 1 to 65535"),
        ('nation = "MX"', "nation = 'MX', but it must be two lower-case letters, as in ISO 3166"),
        ('default_language = "fr"', "default_language = 'fr', but it must be `es` or `en`"),
        ('timezone = "Mexico"', "timezone = 'Mexico', but it must be a name of the tz database"),
        ("data = 5", "data = 5, but it must be a folder that can be written"),
        ('database = "sqlite:///puente.db"', "but it must be `sqlite:///` and a path from the root"),
        ('taxii_url = "https://a.example/"', "but it must be an address without a slash at its end"),
        ("cookie_secure = 0", "cookie_secure = 0, but it must be `true` or `false`"),
        ("portal_prot = 80", "portal_prot is no setting (did you mean portal_port?)"),
        ("peers = 5", "peers is no setting"),
        ("[peers]\nus = 5", "peers.us is no setting"),
        ('[portal]\nport = 5', "portal.port is no setting"),
        ('elasticsearch = "http://127.0.0.1:"', "but it must be addresses with https://"),
        ('elasticsearch = "http://127.0.0.1:65999"', "but it must be addresses with https://"),
        ('elasticsearch = "https://a:9200,https://b:9200"', "but it must be addresses with https://"),
        ('elasticsearch = "http://[::1]:9200"\nelasticsearch_ca_file = "ca.pem"', "ca_file is for https://"),
        ("taxii_port = 8080", "portal_port and taxii_port are both 8080"),
        ('portal_host = "0.0.0.0"\ncookie_secure = false', "cookie_secure = false is for a loopback address"),
    ],
)  # fmt: skip
def test_it_names_a_wrong_setting_its_value_and_what_is_allowed(write: Write, line: str, says: str) -> None:
    name = line.partition(" =")[0]
    kept = "".join(said + "\n" for said in LEAST.splitlines() if not said.startswith(f"{name} ="))

    assert says in refusal(write(kept + line + "\n"))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://puente@db.example/puente",
        "postgresql://puente@[::1]:5433/puente?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql:///puente?host=/run/postgresql",
    ],
)
def test_it_takes_the_address_of_a_server(write: Write, tmp_path: Path, address: str) -> None:
    settings = load(write(f'{LEAST}database = "{address}"\ndatabase_password_file = "db.password"\n'), {})

    assert settings.database == address
    assert settings.database_password_file == tmp_path / "db.password"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://puente:hidden@db.example/puente",
        "postgresql://puente:hidden@hidden@db.example/puente",
        "postgresql://puente:hidden/hidden@db.example/puente",
        "postgresql://puente@db.example/puente?password=hidden&sslmode=require",
        "mysql://puente:hidden@db.example/puente",
    ],
)
def test_it_takes_no_password_in_an_address_and_repeats_none(write: Write, address: str) -> None:
    """What is refused is printed, and ends in a log."""
    said = refusal(write(LEAST), {"PUENTE_DATABASE": address})

    assert "without a password" in said
    assert "hidden" not in said
    assert "***" in said


def test_it_takes_a_password_for_a_server_only(write: Write) -> None:
    assert "database is a file" in refusal(write(f'{LEAST}database_password_file = "db.password"\n'))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("https://us", "http://us"),
            "peers.us.url = 'http://us.example/taxii2/', but it must be an address with https",
        ),
        (("us.example/", "us.example/ "), "peers.us.url"),
        (("peers.us", "peers.mx"), "peers.mx is this node's own nation"),
        (("//us", "//mx:secret@us"), "peers.us.url = 'https://mx:***@us"),
        (("user =", 'pins = "abc"\nuser ='), "peers.us.pins = 'abc', but it must be fingerprints in base64"),
        (("user =", 'client_key_file = "k"\nuser ='), "peers.us.client_key_file needs client_cert_file"),
        (('user = "mx"', ""), "peers.us.user must be given: a text of 1 to 200 characters"),
        (("user =", "users ="), "peers.us.users is no setting (did you mean user?)"),
        (("user =", 'database = "x"\nuser ='), "(database is one of the node: write it above the first [peers.…])"),
    ],
)
def test_it_names_what_is_wrong_with_a_peer(write: Write, change: tuple[str, str], says: str) -> None:
    assert says in refusal(write(LEAST + PEER.replace(*change)))


def test_it_allows_plain_http_to_a_peer_on_loopback_only(write: Write) -> None:
    near = PEER.replace("https://us.example", "http://127.0.0.1:8092") + "insecure_http = true\n"
    far = PEER.replace("https://", "http://") + "insecure_http = true\n"

    assert load(write(LEAST + near), {}).peers["us"].insecure_http
    assert "must be an address with https://" in refusal(write(LEAST + far))


def test_it_names_the_variable_that_is_wrong(write: Write) -> None:
    path = write(LEAST)

    assert "PUENTE_PORTAL_PORT = 'http', but it must be a port" in refusal(path, {"PUENTE_PORTAL_PORT": "http"})
    assert "PUENTE_PORTAL_PROT is no setting (did you mean portal_port?)" in refusal(path, {"PUENTE_PORTAL_PROT": "8"})
    assert load(path, {"PUENTE_SETTINGS": str(path)}).portal_port == 8080


def test_it_names_all_that_is_wrong_at_once(write: Write) -> None:
    with pytest.raises(Refused) as refused:
        load(write('portal_port = 0\nlanguage = "es"\n'), {})

    assert [problem.split()[0] for problem in refused.value.data["problems"]] == [
        "portal_port", "language", "nation", "name", "data",
    ]  # fmt: skip
    assert refused.value.sentence.startswith("node.toml: ")


def test_it_says_where_a_file_is_no_toml(write: Write) -> None:
    assert "node.toml is not written in TOML" in refusal(write("nation = mx\n"))
    assert "line 1" in refusal(write("nation = mx\n"))


def test_it_says_what_to_copy_where_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"Copy config/nodes/node\.example\.toml"):
        load(tmp_path / "none.toml", {})


def test_it_shows_no_secret_when_printed(write: Write, tmp_path: Path) -> None:
    (tmp_path / "us.password").write_text("correct horse\n", "utf-8")

    settings = load(write(LEAST + PEER), {})

    assert "correct horse" not in repr(settings)
    assert secret_in(settings.peers["us"].password_file) == "correct horse"


def test_it_names_a_secret_file_that_is_missing_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", "utf-8")

    with pytest.raises(Missing, match=r"none cannot be read \(No such file"):
        secret_in(tmp_path / "none")
    with pytest.raises(Missing, match="empty is empty"):
        secret_in(tmp_path / "empty")


@pytest.mark.parametrize(("held", "says"), [(b"\xff\xfe", "is not in UTF-8"), (b"one\ntwo\n", "has several lines")])
def test_it_refuses_a_secret_file_that_holds_something_else(tmp_path: Path, held: bytes, says: str) -> None:
    (tmp_path / "other").write_bytes(held)

    with pytest.raises(Missing, match=says):
        secret_in(tmp_path / "other")


def test_it_documents_every_setting_in_the_words_of_its_refusal() -> None:
    rows = table().splitlines()

    assert "| `portal_port` | a port, 1 to 65535 | `8080` | Where the portal listens. |" in rows
    assert "| `nation` | two lower-case letters, as in ISO 3166 | must be given | Whose node this is. |" in rows
    assert sum(row.startswith("| `peers.NAME.") for row in rows) == len(Peer.__dataclass_fields__)
    assert len(Settings.__dataclass_fields__) - 1 + len(Peer.__dataclass_fields__) == len(rows) - 2


TLS = 'taxii_tls_cert_file = "a.pem"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (TLS, "taxii_tls_cert_file and taxii_tls_key_file belong together"),
        ('taxii_tls_key_file = "a.key"\n', "taxii_tls_cert_file and taxii_tls_key_file belong together"),
        ('taxii_client_ca_file = "ca.pem"\n', "taxii_client_ca_file is for a server that ends TLS itself"),
    ],
)
def test_it_refuses_half_of_what_tls_needs(write: Write, text: str, sentence: str) -> None:
    assert sentence in refusal(write(LEAST + text))


def test_it_reaches_a_server_that_ends_tls_by_https(write: Write, tmp_path: Path) -> None:
    settings = load(write(LEAST + TLS + 'taxii_tls_key_file = "a.key"\n'), {})

    assert settings.taxii_url == "https://127.0.0.1:8090"
    assert settings.taxii_tls_key_file == tmp_path / "a.key"
