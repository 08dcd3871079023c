"""The servers of the tests are real, are killed and back with what they held, and are gone in the end."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers import elastic, fixtures, jars, postgres, shared
from tests.servers.elastic import Cluster
from tests.servers.postgres import Door
from tests.servers.process import NotInstalled, children, until_gone
from tests.servers.shared import ROOT, Run

SORTED_WORDS = "SELECT string_agg(word, ' ' ORDER BY word) FROM unnest(ARRAY['o', 'Z', 'ñ', 'a', 'n']) AS word"
STORED = {"said": "Se cayó la red en Otay"}


def stores_and_finds(url: str, version: str) -> None:
    with elastic.swept(url) as prefix:
        elastic.ask(url, "PUT", f"/{prefix}index/_doc/1?refresh=true", STORED)
        _, found = elastic.ask(url, "GET", f"/{prefix}index/_search", {"query": {"match": {"said": "otay"}}})
    _, nodes = elastic.ask(url, "GET", "/_nodes/_all/version")
    _, left = elastic.ask(url, "GET", f"/_cat/indices/{prefix}*?format=json")

    assert [hit["_source"] for hit in found["hits"]["hits"]] == [STORED]
    assert {node["version"] for node in nodes["nodes"].values()} == {version}
    assert left == []


def test_it_has_elasticsearch_8(elastic_url: str) -> None:
    stores_and_finds(elastic_url, "8.19.5")


def test_it_has_elasticsearch_9(elastic9_url: str) -> None:
    stores_and_finds(elastic9_url, "9.2.0")


def test_it_has_a_cluster_that_survives_the_kill_of_its_master(elastic_cluster: Cluster) -> None:
    elastic_cluster.ask("PUT", "/index/_doc/1", STORED)
    elastic_cluster.ask("GET", "/_cluster/health?wait_for_status=green")
    master = elastic_cluster.ask("GET", "/_cat/master?format=json")[0]["node"]
    killed = next(node for node in elastic_cluster.nodes if node.folder.name == master)

    killed.kill()
    elastic_cluster.until_up()
    left = elastic_cluster.ask("GET", "/_cluster/health")
    read = elastic_cluster.ask("GET", "/index/_doc/1")["_source"]
    killed.start()
    elastic_cluster.until_up()
    back = killed.ask("GET", "/_cluster/health?wait_for_status=green")

    assert (left["number_of_nodes"], read, back["number_of_nodes"]) == (2, STORED, 3)


def test_it_heals_a_cluster(elastic_cluster: Cluster) -> None:
    elastic_cluster.ask("PUT", "/index/_doc/1", STORED)
    elastic_cluster.ask("PUT", "/_cluster/settings", {"persistent": {"cluster.blocks.read_only": True}})
    elastic_cluster.nodes[2].pause()
    assert elastic_cluster.living == elastic_cluster.nodes[:2]

    elastic_cluster.heal()

    assert elastic_cluster.ask("GET", "/_cat/indices?format=json") == []
    assert elastic_cluster.nodes[2].ask("PUT", "/index/_doc/1", STORED)["result"] == "created"


def test_it_gives_empty_databases_that_are_gone_afterwards(postgres_server: Door) -> None:
    with postgres.database(postgres_server) as one, postgres.database(postgres_server) as other:
        names = {url.rpartition("/")[2] for url in (one, other)}
        tables = [postgres_server.run(r"SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", n) for n in names]

    assert tables == ["0", "0"]
    assert names.isdisjoint(postgres_server.run("SELECT datname FROM pg_database").splitlines())


def test_it_sorts_in_spanish_unless_told_otherwise(postgres_server: Door) -> None:
    in_order = []
    for order in (postgres.SPANISH, postgres.BYTES):
        with postgres.database(postgres_server, order) as url:
            in_order.append(postgres_server.run(SORTED_WORDS, url.rpartition("/")[2]))

    assert in_order == ["a n ñ o Z", "Z a n o ñ"]


def test_it_lets_the_user_of_a_database_do_what_an_operators_may(postgres_server: Door, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]

    postgres_server.run("CREATE TABLE held (n int)", name, postgres.USER)
    with pytest.raises(AssertionError, match="permission denied"):
        postgres_server.run("CREATE ROLE another", name, postgres.USER)


def test_it_has_a_postgres_that_survives_a_kill(tmp_path: Path) -> None:
    with postgres.running(tmp_path / "pg", durable=True, settings={"max_connections": "20"}) as server:
        name = server.fresh_database(postgres.BYTES).rpartition("/")[2]
        server.door.run("CREATE TABLE held (n int); INSERT INTO held VALUES (7)", name)
        server.kill()
        server.start()
        after_kill = server.door.run("SELECT n FROM held", name)
        server.restart()
        settings = server.door.run("SELECT current_setting('fsync'), current_setting('max_connections')")
    with postgres.running(tmp_path / "pg") as again:
        after_stop = again.door.run("SELECT n FROM held", name)

    assert (after_kill, settings, after_stop) == ("7", "on|20", "7")


@pytest.mark.parametrize("engine", ["elastic", "postgres"])
def test_it_leaves_no_server_behind_when_its_owner_is_killed(engine: str, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tests.servers", engine, "--folder", str(tmp_path / "data"))

    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        where = json.loads(owner.stdout.readline())
        servers = children(where["pid"])
        owner.kill()

    assert servers
    assert all(until_gone(pid, 30) for pid in servers)


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_it_has_one_server_for_all_processes_of_a_run_until_it(how: str, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as first_process:
        run = Run(tmp_path / "run", first_process.pid)
        with ThreadPoolExecutor() as several:
            asked = [several.submit(shared.address, run, "postgres") for _ in range(3)]
        where = asked[0].result()
        servers = children(where["pid"])
        if how == "ends":
            shared.end(run)
        first_process.kill()

    assert {one.result()["port"] for one in asked} == {where["port"]}
    assert servers
    assert all(until_gone(pid, 30) for pid in (where["pid"], *servers))
    assert not (run.folder / "postgres").exists()


def test_it_says_what_to_install_where_there_is_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number in (11, 17, 19):
        jdk(tmp_path, number)
    monkeypatch.setattr(jars, "JVMS", tmp_path)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "17"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotInstalled, match="apt install default-jdk-headless") as lacking:
        jars.java(elastic.V9)

    assert jars.java(elastic.V8) == tmp_path / "17"
    assert fixtures.lacks_java_for_9(f"Skipped: {lacking.value}")
    assert not fixtures.lacks_java_for_9("Skipped: another reason")
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "elsewhere", 21)))
    assert jars.java(elastic.V9) == tmp_path / "elsewhere" / "21"
    assert not fixtures.lacks_java_for_9(f"Skipped: {lacking.value}")


def jdk(folder: Path, number: int) -> Path:
    home = folder / str(number)
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "javac").touch()
    (home / "release").write_text(f'JAVA_VERSION="{number}.0.2"\n', "utf-8")
    return home
