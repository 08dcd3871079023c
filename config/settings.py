"""What a node can be told: every setting, what is allowed, and what it does.

This is the only list. `config.reading` makes one `Settings` of a file and the environment, and refuses what is not
allowed here; the table in this folder's README is `table()`, and a house test holds the two together.
No secret is in here, only the names of the files that hold one, so a `Settings` may be printed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_type_hints

from msgspec import Meta, inspect


def _one(allowed: str, default: str = "") -> dict[str, str]:
    """What `table` and a refusal say of a value: "it must be …"; `default` in words where it depends on others."""
    return {"allowed": allowed, "default": default}


_NODE = r"https?://(\[[0-9A-Fa-f:.]+\]|[^\s/@:,]+)(:[0-9]{1,4}|:[1-5][0-9]{4}|:6[0-4][0-9]{3}|:65[0-4][0-9]{2})?/?"
_IN_FILE = "a file that holds the secret and nothing else"
Text = Annotated[str, Meta(min_length=1, max_length=200, extra=_one("a text of 1 to 200 characters"))]
Nation = Annotated[str, Meta(pattern="^[a-z]{2}$", extra=_one("two lower-case letters, as in ISO 3166"))]
Language = Annotated[Literal["es", "en"], Meta(extra=_one("`es` or `en`"))]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:-]+$", extra=_one("an IP address or a host name"))]
Port = Annotated[int, Meta(ge=1, le=65535, extra=_one("a port, 1 to 65535"))]
Alias = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,99}$", extra=_one("small letters, digits and dashes"))]
Address = Annotated[str, Meta(pattern=r"^https?://[^\s/@]+(/\S*)?$", extra=_one("an address with https://"))]
YesNo = Annotated[bool, Meta(extra=_one("`true` or `false`"))]
SecretFile = Annotated[Path, Meta(extra=_one("a file that holds the secret and nothing else"))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where the other nation is reached, and how we sign in there."""

    url: Annotated[Address, Meta(description="The peer's TAXII discovery address, ending in `/taxii2/`.")]
    user: Annotated[Text, Meta(description="The account that the peer made for us.")]
    password_file: Annotated[
        SecretFile, Meta(description="The password of that account; a new one is taken without a restart.")
    ]
    collection: Annotated[
        str,
        Meta(
            max_length=200,
            description="The collection that holds what the peer gives us, where its server calls it otherwise.",
            extra=_one("an alias, an id or a title", "`to-` and `nation`"),
        ),
    ] = ""
    post_to: Annotated[
        str,
        Meta(
            max_length=200,
            description="The collection of the peer's server that we post to, if it cannot fetch what we release.",
            extra=_one("an alias, an id or a title", "nothing is posted: the peer fetches it"),
        ),
    ] = ""
    ca_file: Annotated[
        Path | None,
        Meta(
            description="The certificates we trust the peer's server by, in place of the system's.",
            extra=_one("a PEM file", "the system's"),
        ),
    ] = None
    pins: Annotated[
        str,
        Meta(
            pattern="^([A-Za-z0-9+/]{43}=( [A-Za-z0-9+/]{43}=)*)?$",
            description="The keys that the peer's server may have (SPKI, SHA-256). Two at once let it change its key.",
            extra=_one("fingerprints in base64, a space between them", "any that is vouched for"),
        ),
    ] = ""
    client_cert_file: Annotated[
        Path | None,
        Meta(
            description="The certificate that we show to the peer's server; a new one is taken without a restart.",
            extra=_one("a PEM file", "none"),
        ),
    ] = None
    client_key_file: Annotated[
        SecretFile | None,
        Meta(
            description="The private key of that certificate.",
            extra=_one("a PEM file with a key that has no password", "in `client_cert_file`"),
        ),
    ] = None
    insecure_http: Annotated[
        YesNo, Meta(description="Allows `http://` in `url`, on a loopback address only: for a demo.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that one node is told; every process of the node reads the same."""

    nation: Annotated[Nation, Meta(description="Whose node this is.")]
    name: Annotated[Text, Meta(description="The name of the CERT, as people on both sides know it.")]
    default_language: Annotated[Language, Meta(description="The language of a visitor who has chosen none.")] = "es"
    timezone: Annotated[
        str, Meta(description="Local time in the pages.", extra=_one("a name of the tz database, as `America/Tijuana`"))
    ] = "UTC"
    training: Annotated[YesNo, Meta(description="Every page says that nothing on this node is real.")] = False

    data: Annotated[
        Path,
        Meta(description="All that the node keeps; belongs in a backup.", extra=_one("a folder that can be written")),
    ]
    database: Annotated[
        str,
        Meta(
            pattern=r"^(sqlite:////.|(?!.*[?&]password=)postgresql://([^\s/@:]+@)?[^\s/@]*/[^\s/?]+(\?\S*)?$)",
            description="The record and all other durable things.",
            extra=_one(
                "`sqlite:///` and a path from the root, or `postgresql://USER@HOST/NAME` without a password",
                "`puente.db` in `data`",
            ),
        ),
    ]
    database_password_file: Annotated[
        SecretFile | None, Meta(description="The password of that user of PostgreSQL.", extra=_one(_IN_FILE, "none"))
    ] = None
    index: Annotated[
        Path,
        Meta(
            description="The search index; can be lost and is then rebuilt.",
            extra=_one("a folder that can be written", "`index` in `data`"),
        ),
    ]
    elasticsearch: Annotated[
        str,
        Meta(
            pattern=f"^({_NODE}( {_NODE})*)?$",
            description="The nodes of a cluster, 8.x or 9.x, that holds the index in place of the folder `index`.",
            extra=_one("addresses with https://, a space between them (http:// on a loopback address only)", "none"),
        ),
    ] = ""
    elasticsearch_alias: Annotated[
        Alias,
        Meta(
            description="What the index is called in the cluster; two nodes on one cluster need two names.",
            extra=_one("small letters, digits and dashes", "`puente-` and `nation`"),
        ),
    ]
    elasticsearch_user: Annotated[str, Meta(description="Who we are in the cluster.", extra=_one("a name", "none"))] = (
        ""
    )
    elasticsearch_password_file: Annotated[
        SecretFile | None, Meta(description="The password of that user.", extra=_one(_IN_FILE, "none"))
    ] = None
    elasticsearch_api_key_file: Annotated[
        SecretFile | None, Meta(description="An API key, in place of user and password.", extra=_one(_IN_FILE, "none"))
    ] = None
    elasticsearch_ca_file: Annotated[
        Path | None,
        Meta(
            description="The certificates we trust the cluster by, where the system does not know them.",
            extra=_one("a PEM file", "the system's"),
        ),
    ] = None
    secret_key_file: Annotated[
        Path,
        Meta(
            description="Signs the portal's cookies; `puente init` makes it.",
            extra=_one("a file that holds the secret and nothing else", "`secret.key` in `data`"),
        ),
    ]

    signing_key_file: Annotated[
        Path,
        Meta(
            description="Seals what we give to peers; only `puente border` reads it, and `puente init` makes it.",
            extra=_one(_IN_FILE, "`signing.key` in `data`"),
        ),
    ]
    root_key_file: Annotated[
        Path,
        Meta(
            description="Says which keys may seal; only `puente keys` reads it. Keep it off the node.",
            extra=_one(_IN_FILE, "`root.key` in `data`"),
        ),
    ]

    portal_host: Annotated[Host, Meta(description="Where the portal listens.")] = "127.0.0.1"
    portal_port: Annotated[Port, Meta(description="Where the portal listens.")] = 8080
    taxii_host: Annotated[Host, Meta(description="Where the TAXII server listens.")] = "127.0.0.1"
    taxii_port: Annotated[Port, Meta(description="Where the TAXII server listens.")] = 8090
    taxii_url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^\s/]+(/\S*[^\s/])?$",
            description="How others reach the TAXII server, through the proxy if there is one.",
            extra=_one("an address without a slash at its end", "`http://` or `https://`, `taxii_host`, `taxii_port`"),
        ),
    ]
    taxii_tls_cert_file: Annotated[
        Path | None,
        Meta(
            description="Lets the TAXII server end TLS itself: its certificate, with those between it and the root.",
            extra=_one("a PEM file", "none: a proxy in front ends TLS"),
        ),
    ] = None
    taxii_tls_key_file: Annotated[
        Path | None, Meta(description="The private key of that certificate.", extra=_one("a PEM file", "none"))
    ] = None
    taxii_client_ca_file: Annotated[
        Path | None,
        Meta(
            description="Who signs the client certificates that `puente account certificate` gives to accounts.",
            extra=_one("a PEM file", "none: nobody signs in with one"),
        ),
    ] = None
    cookie_secure: Annotated[
        YesNo, Meta(description="Cookies cross TLS only. `false` is for a portal on a loopback address without TLS.")
    ] = True
    trust_proxy: Annotated[
        int,
        Meta(
            ge=0,
            le=5,
            description="How many reverse proxies stand in front, whose `X-Forwarded-` headers are believed.",
            extra=_one("a number, 0 to 5"),
        ),
    ] = 0

    max_content_length: Annotated[
        int,
        Meta(
            ge=10_000,
            le=1_000_000_000,
            description="The longest body that the portal or the TAXII server takes.",
            extra=_one("bytes, 10000 to 1000000000"),
        ),
    ] = 100_000_000
    page_limit: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="The most objects in one TAXII page.",
            extra=_one("a number of objects, 1 to 10000"),
        ),
    ] = 1_000
    page_bytes: Annotated[
        int,
        Meta(
            ge=10_000,
            le=100_000_000,
            description="A TAXII page ends before it grows past this, unless its first object alone does.",
            extra=_one("bytes, 10000 to 100000000"),
        ),
    ] = 8_000_000
    poll_interval_ms: Annotated[
        int,
        Meta(
            ge=50,
            le=3_600_000,
            description="How long we wait before we ask the peer again.",
            extra=_one("milliseconds, 50 to 3600000"),
        ),
    ] = 500

    peers: Mapping[str, Peer] = field(default_factory=lambda: MappingProxyType({}))


def allowed(of: type, name: str) -> str:
    """What a value of the setting `name` of `of` may be, in words that go on after "it must be"."""
    said = inspect.type_info(get_type_hints(of, include_extras=True)[name])
    return str((said.extra or {})["allowed"]) if isinstance(said, inspect.Metadata) else ""


def table() -> str:
    """Every setting as the rows of a Markdown table, in the order of the classes; the peers' come last."""
    head = ["| setting | it must be | if not given | what it does |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *_rows(Settings, ""), *_rows(Peer, "peers.NAME.")]) + "\n"


def _rows(of: type[Settings] | type[Peer], prefix: str) -> Iterator[str]:
    hints = get_type_hints(of, include_extras=True)
    for one in fields(of):
        said = inspect.type_info(hints[one.name])
        if isinstance(said, inspect.Metadata):
            extra, schema = said.extra or {}, said.extra_json_schema or {}
            default = _default(one) or extra["default"] or "must be given"
            yield f"| `{prefix}{one.name}` | {extra['allowed']} | {default} | {schema['description']} |"


def _default(one: "Field[Any]") -> str:
    if one.default is MISSING or one.default in (None, ""):
        return ""
    if isinstance(one.default, bool):
        return f"`{str(one.default).lower()}`"
    return f"`{one.default}`"
