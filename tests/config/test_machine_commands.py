"""The commands for machine accounts, tokens, API roots and workbenches."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cert.follow import now_us
from cert.intake import workbench
from cert.store import log, machines, signin
from cert.store.engine import reading, writing
from config.cast import MX
from config.cli import main
from tests.cast import Node, indicator

Puente = Callable[..., Result]

# A certificate that somebody made once; nothing is signed with it.
PEM = """-----BEGIN CERTIFICATE-----
MIIBdDCCARqgAwIBAgIUHpHPnKvM0WbPXxbYcDPOtRWdqkswCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


@pytest.fixture
def puente(mx: Node) -> Puente:
    """Run a command on the node of the cast."""
    mx.clock.now = now_us()
    path = mx.settings.data.parent / "mx.toml"
    return lambda *words: CliRunner().invoke(main, ["--settings", str(path), *words])


def done(puente: Puente, *words: str) -> str:
    result = puente(*words)
    assert result.exit_code == 0, result.output
    return result.output


def shown(puente: Puente, *words: str) -> Any:
    return json.loads(done(puente, *words, "--json"))


def secret_in(output: str) -> str:
    return output.rpartition(": ")[2].strip()


def test_it_keeps_an_account(mx: Node, puente: Puente) -> None:
    first = secret_in(done(puente, "account", "add", "sonda", "--write", "import"))
    second = secret_in(done(puente, "account", "renew", "sonda"))

    with reading(mx.db) as c:
        assert [signin.account(c, "sonda", one) is not None for one in (first, second)] == [False, True]
    done(puente, "account", "disable", "sonda")
    with reading(mx.db) as c:
        assert signin.account(c, "sonda", second) is None
    assert "sonda (CERT México), disabled: may read and write import" in done(puente, "account", "list")
    done(puente, "account", "enable", "sonda")
    with reading(mx.db) as c:
        assert signin.account(c, "sonda", second) is not None


def test_it_sets_single_rights(puente: Puente) -> None:
    def rights() -> Any:
        return next(one["rights"] for one in shown(puente, "account", "list") if one["name"] == "sonda")

    done(puente, "account", "add", "sonda")
    done(puente, "account", "grant", "sonda", "import", "--write")
    assert rights() == {"import": "write"}
    done(puente, "account", "grant", "sonda", "import", "--read")
    assert rights() == {"import": "read"}
    (over,) = (one for one in shown(puente, "collection", "list") if one["name"] == "import")
    assert over["rights"]["sonda"] == "read"
    done(puente, "account", "revoke", "sonda", "import")
    assert rights() == {}


def test_it_gives_a_certificate_to_one_account(puente: Puente, tmp_path: Path) -> None:
    pem = tmp_path / "sonda.pem"
    pem.write_text(PEM, "utf-8")
    done(puente, "account", "add", "sonda")
    done(puente, "account", "add", "otra")

    fingerprint = re.findall("[0-9a-f]{64}", done(puente, "account", "certificate", "sonda", "--file", str(pem)))
    taken = puente("account", "certificate", "otra", "--file", str(pem))

    assert (taken.exit_code, "belongs to an account already" in taken.output) == (1, True)
    assert next(one["certificates"] for one in shown(puente, "account", "list") if one["certificates"]) == fingerprint
    done(puente, "account", "certificate", "sonda", "--file", str(pem), "--remove")
    assert fingerprint[0] not in done(puente, "account", "list")


def test_it_keeps_tokens_and_shows_each_once(mx: Node, puente: Puente) -> None:
    done(puente, "account", "add", "sonda", "--write", "import")

    made = done(
        puente, "token", "add", "sonda", "--days", "2", "--only", "read", "--collection", "import", "--label", "x"
    )

    (told,) = shown(puente, "token", "list")
    assert (told["account"], told["rights"], told["collections"], told["label"]) == ("sonda", "read", ["import"], "x")
    assert secret_in(made) not in done(puente, "token", "list") + done(puente, "account", "list")
    with reading(mx.db) as c:
        account = machines.by_token(c, secret_in(made), now_us())
        assert account is not None
        assert (account.scope.can_read, account.scope.can_write) == (True, False)
        assert machines.by_token(c, secret_in(made), now_us() + 2 * machines.DAY) is None
    done(puente, "token", "revoke", str(told["number"]))
    assert shown(puente, "token", "list") == []


def test_it_makes_a_root_and_a_workbench_in_it(mx: Node, puente: Puente) -> None:
    done(puente, "root", "add", "federal", "--title", "Dependencias")
    quotas = ("--quota-objects", "5", "--quota-bytes", "9000", "--default-handling", "red")
    done(puente, "workbench", "add", "puertos", "--org", MX.name, "--root", "federal", *quotas)

    assert shown(puente, "root", "list") == {"puente": MX.name, "federal": "Dependencias"}
    found = next(one for one in shown(puente, "collection", "list") if one["name"] == "puertos")
    assert (found["root"], found["log"]) == ("federal", "bench:puertos")
    listed = next(one for one in shown(puente, "workbench", "list") if one["name"] == "puertos")
    assert (listed["org"], listed["handling"], listed["quota"]) == (MX.name, "red", "5 objects and 9000 bytes")
    with reading(mx.db) as c:
        bench = workbench(c, "bench:puertos")
        assert (bench.handling, bench.limited) == ("red", True)
    assert "any number of objects" in done(puente, "workbench", "quota", "puertos")
    with reading(mx.db) as c:
        assert workbench(c, "bench:puertos").handling == "red"


def test_it_shows_what_differs_from_what_is_held(puente: Puente, tmp_path: Path) -> None:
    for name in ("uno", "dos"):
        (tmp_path / "in.json").write_text(json.dumps(indicator(1, name=name)), "utf-8")
        puente("import", str(tmp_path / "in.json"))

    (told,) = shown(puente, "workbench", "variants", "import")
    assert (told["id"], told["differs"]) == (indicator(1)["id"], ["name"])
    assert "differs in name" in done(puente, "workbench", "variants", "import")


def test_it_leaves_an_act_for_each_change(mx: Node, puente: Puente) -> None:
    with writing(mx.db) as c:
        before = log.head(c, "acts")
    secrets = [secret_in(done(puente, "account", "add", "sonda")), secret_in(done(puente, "account", "renew", "sonda"))]
    for words in ("account disable sonda", "account enable sonda", "account grant sonda import --read"):
        done(puente, *words.split())
    secrets.append(secret_in(done(puente, "token", "add", "sonda")))
    done(puente, "workbench", "add", "nuevo")

    with reading(mx.db) as c:
        acts = log.after(c, "acts", before, 100)
    kinds = ["account-add", "account-renew", "account-disable", "account-enable", "account-grant", "token-add"]
    assert [act.kind for act in acts] == [*kinds, "workbench-add"]
    assert not any(secret.encode() in act.body for secret in secrets for act in acts)


REFUSED = {
    "no such account": ("account disable nadie", "There is no account named nadie"),
    "no such account for a token": ("token add nadie", "There is no account named nadie"),
    "no such collection": ("token add us --collection nada", "There is no collection named nada"),
    "no such token": ("token revoke 7", "There is no token with the number 7"),
    "a root that is there": ("root add puente", "already something at /puente/"),
    "the address of discovery": ("root add taxii2", "already something at /taxii2/"),
    "a root with a slash": ("root add a/b", "small letters"),
    "no such root": ("workbench add x --root nada", "There is no API root named nada"),
    "no such workbench": ("workbench quota nada", "There is no log named bench:nada"),
    "no rights": ("account grant us to-us", "Say --read, --write, or both"),
}


@pytest.mark.parametrize(("words", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_it_says_what_is_wrong(puente: Puente, words: str, sentence: str) -> None:
    refused = puente(*words.split())

    assert refused.exit_code in {1, 2}
    assert sentence in refused.output


def test_it_refuses_a_file_that_is_no_certificate(puente: Puente, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no", "utf-8")

    refused = puente("account", "certificate", "us", "--file", str(tmp_path / "x.pem"))

    assert (refused.exit_code, "is no certificate in PEM" in refused.output) == (1, True)
