"""Reads a node's settings from its file and the environment, and refuses every wrong one by name.

The environment wins: `PUENTE_PORTAL_PORT` is `portal_port`, `PUENTE_PEERS__US__URL` is `url` of the peer `us`.
Relative paths start at the folder that the file is in.
"""

import difflib
import ipaddress
import os
import re
import tomllib
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import msgspec

from cert.errors import Missing, Refused
from config.settings import Peer, Settings, allowed

PREFIX = "PUENTE_"
EXAMPLE = "config/nodes/node.example.toml"
NOT_SETTINGS = frozenset({"PUENTE_SETTINGS"})
"""Variables with our prefix that are no settings: this one names the settings file."""


@dataclass(frozen=True, slots=True)
class Said:
    """One value as somebody wrote it, and the name under which he will look for it."""

    where: str
    value: Any
    is_text: bool = False


NOTHING: Mapping[str, Said] = MappingProxyType({})


def load(path: Path, env: Mapping[str, str], besides: Mapping[str, Said] = NOTHING) -> Settings:
    """The settings of the node whose file is `path`, with what `env` overrules, and `besides` overrules both.

    Raises `Missing` when there is no such file, and `Refused` when it is no TOML or a setting is wrong, unknown or
    lacking: all of them at once, in the sentence and one by one in `data["problems"]`.
    """
    said = {**_in_file(path), **_in_environment(env), **besides}
    return settings_from(said, path.absolute().parent, path.name)


def settings_from(said: Mapping[str, Said], folder: Path, source: str) -> Settings:
    """The settings that `said` makes, keyed as `portal_port` and `peers.us.url`; raises `Refused` as `load` does."""
    values, problems = _converted(said, folder)
    values |= _derived(values) | values
    problems += _lacking(said, values)
    _refuse(source, problems)
    settings = _built(values)
    _refuse(source, list(_contradictions(settings)))
    return settings


def secret_in(path: Path) -> str:
    """The secret that a file holds, without the line end; raises `Missing` when there is none."""
    secret = key_in(path)
    if len(secret.splitlines()) > 1:
        raise Missing(
            "secret-file", f"The secret file {path} has several lines. Leave nothing but the secret in it.", path=path
        )
    return secret


def key_in(path: Path) -> str:
    """The text that a file with a key holds, which may have several lines; raises `Missing` when there is none."""
    try:
        secret = path.read_text("utf-8").strip()
    except OSError as fault:
        raise Missing("secret-file", f"The secret file {path} cannot be read ({fault.strerror}).", path=path) from fault
    except UnicodeDecodeError as fault:
        raise Missing("secret-file", f"The secret file {path} is not in UTF-8. Write it anew.", path=path) from fault
    if not secret:
        raise Missing("secret-file", f"The secret file {path} is empty. Write the secret into it.", path=path)
    return secret


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only we may read. Raises `FileExistsError` if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _in_file(path: Path) -> dict[str, Said]:
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise Missing(
            "settings-file",
            f"The settings file {path} cannot be read ({fault.strerror}). Copy {EXAMPLE}, and fill it in.",
            path=path,
        ) from fault
    except ValueError as fault:
        raise Refused("settings-file", f"{path.name} is not written in TOML: {fault}.", path=path) from fault
    return {key: Said(key, value) for key, value in _flat(tree, "")}


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _in_environment(env: Mapping[str, str]) -> dict[str, Said]:
    ours = {name: value for name, value in env.items() if name.startswith(PREFIX) and name not in NOT_SETTINGS}
    return {
        name.removeprefix(PREFIX).lower().replace("__", "."): Said(name, value, is_text=True)
        for name, value in ours.items()
    }


def _place(key: str) -> tuple[type[Settings] | type[Peer], str]:
    """The class and the field that a key means; a field that the class lacks is the caller's to refuse."""
    match key.split("."):
        case ["peers", nation, name] if nation:
            return Peer, name
        case _:
            return Settings, key


def _converted(said: Mapping[str, Said], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The values of the right type, and a sentence for each that has none."""
    values: dict[str, Any] = {}
    problems = []
    for key, one in said.items():
        of, name = _place(key)
        kind = get_type_hints(of, include_extras=True).get(name)
        if kind is None or key == "peers":
            problems.append(_unknown(one, of))
            continue
        try:
            values[key] = msgspec.convert(one.value, kind, strict=not one.is_text, dec_hook=lambda _, v: folder / v)
        except (msgspec.ValidationError, TypeError):
            problems.append(f"{one.where} = {_shown(one.value)}, but it must be {allowed(of, name)}")
    return values, problems


def _shown(value: Any) -> str:
    """A value as it was written, but for a password in an address, which somebody may have put there all the same."""
    if isinstance(value, str):
        value = re.sub(r"(?<=://)([^/@:]*:).*(?=@)", r"\1***", value)
        value = re.sub(r"([?&]password=)[^&]*", r"\1***", value)
    return repr(value)


def _unknown(one: Said, of: type[Settings] | type[Peer]) -> str:
    name = one.where.removeprefix(PREFIX).lower().replace("__", ".").rpartition(".")[2]
    if of is Peer and name in {field.name for field in fields(Settings)}:
        return f"{one.where} is no setting ({name} is one of the node: write it above the first [peers.…])"
    near = difflib.get_close_matches(name, [field.name for field in fields(of)], n=1)
    return f"{one.where} is no setting" + (f" (did you mean {near[0]}?)" if near else "")


def _derived(values: Mapping[str, Any]) -> dict[str, Any]:
    data = values.get("data", Path())
    host, port = values.get("taxii_host", "127.0.0.1"), values.get("taxii_port", 8090)
    scheme = "https" if values.get("taxii_tls_cert_file") else "http"
    return {
        "database": f"sqlite:///{data}/puente.db",
        "index": data / "index",
        "elasticsearch_alias": f"puente-{values.get('nation', 'xx')}",
        "secret_key_file": data / "secret.key",
        "signing_key_file": data / "signing.key",
        "root_key_file": data / "root.key",
        "taxii_url": f"{scheme}://{host}:{port}",
    }


def _lacking(said: Mapping[str, Said], values: Mapping[str, Any]) -> list[str]:
    peers = sorted({key.split(".")[1] for key in values if key.startswith("peers.")})
    owners: list[tuple[str, type[Settings] | type[Peer]]] = [("", Settings), *((f"peers.{p}.", Peer) for p in peers)]
    return [
        f"{prefix}{one.name} must be given: {allowed(of, one.name)}"
        for prefix, of in owners
        for one in fields(of)
        if one.default is MISSING and one.default_factory is MISSING
        if f"{prefix}{one.name}" not in said.keys() | values.keys()
    ]


def _built(values: Mapping[str, Any]) -> Settings:
    own = {key: value for key, value in values.items() if "." not in key}
    peers: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if "." in key:
            _, nation, name = key.split(".")
            peers.setdefault(nation, {})[name] = value
    return Settings(**own, peers={nation: Peer(**table) for nation, table in peers.items()})


def _contradictions(settings: Settings) -> Iterator[str]:
    """What is allowed by itself but not together."""
    if settings.timezone not in zoneinfo.available_timezones():
        yield f"timezone = {settings.timezone!r}, but it must be {allowed(Settings, 'timezone')}"
    if not settings.cookie_secure and not _is_loopback(settings.portal_host):
        yield f"cookie_secure = false is for a loopback address, but portal_host is {settings.portal_host}"
    if (settings.portal_host, settings.portal_port) == (settings.taxii_host, settings.taxii_port):
        yield f"portal_port and taxii_port are both {settings.portal_port}, but each listener needs its own"
    if settings.database_password_file and settings.database.startswith("sqlite:"):
        yield "database_password_file is for PostgreSQL, but database is a file"
    yield from _of_tls(settings)
    yield from _of_elasticsearch(settings)
    for nation, peer in settings.peers.items():
        if nation == settings.nation:
            yield f"peers.{nation} is this node's own nation"
        if peer.client_key_file and not peer.client_cert_file:
            yield f"peers.{nation}.client_key_file needs client_cert_file, which is not given"
        if urlsplit(peer.url).scheme == "http" and not (peer.insecure_http and _is_loopback(_host(peer.url))):
            yield f"peers.{nation}.url = {peer.url!r}, but it must be an address with https://"


def _of_tls(settings: Settings) -> Iterator[str]:
    if bool(settings.taxii_tls_cert_file) != bool(settings.taxii_tls_key_file):
        yield "taxii_tls_cert_file and taxii_tls_key_file belong together, but only one is given"
    if settings.taxii_client_ca_file and not settings.taxii_tls_cert_file:
        yield "taxii_client_ca_file is for a server that ends TLS itself, but taxii_tls_cert_file is not given"


def _of_elasticsearch(settings: Settings) -> Iterator[str]:
    for address in settings.elasticsearch.split():
        if urlsplit(address).scheme == "http" and not _is_loopback(_host(address)):
            yield f"elasticsearch = {address!r}, but it must be an address with https://"
    if settings.elasticsearch_ca_file and "http://" in settings.elasticsearch:
        yield "elasticsearch_ca_file is for https://, but elasticsearch names an address with http://"
    if settings.elasticsearch_api_key_file and settings.elasticsearch_user:
        yield "elasticsearch_api_key_file and elasticsearch_user are both given, but one signs in"
    if bool(settings.elasticsearch_user) != bool(settings.elasticsearch_password_file):
        yield "elasticsearch_user and elasticsearch_password_file belong together, but only one is given"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse(source: str, problems: list[str]) -> None:
    if problems:
        sentence = f"{source}: {'; '.join(problems)}."
        raise Refused("settings", sentence, problems=tuple(problems))
