"""Where the real things meet: the tables of followers, the apps, the index that may be lost."""

import json
import shutil
import time

import pytest
from click.testing import CliRunner

from cert import follow
from cert.errors import Missing
from cert.search.query import parse
from cert.store.engine import writing
from config import node as making
from config import wiring
from config.cli import main
from config.reading import load
from tests.cast import SECRET, Node, incident, indicator, made_id, marked
from tests.feeds.scripted import OBJECTS, Answer, collection, envelope, serving


def test_it_gives_the_worker_intake_and_search(mx: Node) -> None:
    mx.deposit(incident(1, object_marking_refs=marked("green")))
    with wiring.worker_tasks(mx.settings) as (db, tasks):
        assert [task.name for task in tasks] == ["intake", "search"]
        for task in tasks:
            while task.turn():
                pass
        db.dispose()

    assert mx.newest(made_id("incident", 1))
    found = wiring.index_of(mx.settings)().search(parse("suceso"), mx.viewer("luis").labels, 9)
    assert found.count == 1


def test_it_finds_a_workbench_that_is_made_while_the_worker_runs(mx: Node) -> None:
    with wiring.worker_tasks(mx.settings) as (db, tasks):
        intake = tasks[0]
        assert not intake.turn()
        with writing(mx.db) as c:
            making.add_workbench(c, "nuevo", "Nuevo", "green", mx.clock())
        mx.deposit(indicator(1), bench="nuevo")
        assert intake.turn()
        db.dispose()

    assert mx.newest(made_id("indicator", 1))


def test_it_builds_an_index_that_is_lost_while_the_worker_runs(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    with wiring.worker_tasks(mx.settings) as (db, tasks):
        search = tasks[1]
        while search.turn():
            pass
        shutil.rmtree(mx.settings.index)
        deadline = time.monotonic() + 60
        while wiring.shelf_of(mx.settings).generations()[0] is None or search.turn():  # the worker looks once a second
            assert search.turn() or time.monotonic() < deadline
        db.dispose()

    found = wiring.index_of(mx.settings)().search(parse("suceso"), mx.viewer("luis").labels, 9)
    assert found.count == 1


def test_it_opens_the_index_anew_when_its_folder_was_replaced(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    index = wiring.index_of(mx.settings)
    with pytest.raises(Missing):
        index()
    mx.settle()
    assert index().count() > 0
    mx.opened.pop().close()
    shutil.rmtree(mx.settings.index)
    mx.settle()

    assert index().count() > 0
    assert index().generation == mx.index.generation


def test_it_gives_the_border_a_pull_for_peers_in_the_settings_only(mx: Node) -> None:
    with wiring.border_tasks(mx.settings) as (db, tasks):
        assert [task.name for task in tasks] == ["release:us", "admit:us"]
        db.dispose()

    password = mx.settings.data / "us.password"
    password.write_text(SECRET)
    told = f'[peers.us]\nurl = "http://127.0.0.1:1/taxii2/"\nuser = "mx"\npassword_file = "{password}"\n'
    told += "insecure_http = true\n"
    path = mx.settings.data.parent / "mx.toml"
    path.write_text(path.read_text("utf-8") + told, "utf-8")
    with wiring.border_tasks(load(path, {})) as (db, tasks):
        assert [task.name for task in tasks] == ["release:us", "admit:us", "pull:us", "errands:us"]
        assert tasks[2].every_s == mx.settings.poll_interval_ms / 1000
        db.dispose()


def test_it_drains_a_peer_that_seals_nothing_from_the_collection_of_the_settings(mx: Node) -> None:
    password = mx.settings.data / "us.password"
    password.write_text(SECRET)
    with serving() as us:
        us.answers["/root/collections/"] = Answer(json.dumps({"collections": [collection("shared-iocs")]}).encode())
        us.pages = [envelope([indicator(1)])]
        path = mx.settings.data.parent / "mx.toml"
        told = f'url = "{us.url}/taxii2/"\nuser = "mx"\npassword_file = "{password}"\ninsecure_http = true\n'
        told += 'collection = "shared-iocs"\n'
        path.write_text(f"{path.read_text('utf-8')}[peers.us]\n{told}", "utf-8")
        with wiring.border_tasks(load(path, {})) as (db, tasks):
            by_name = {task.name: task for task in tasks}
            assert all(by_name[name].turn() for name in ("pull:us", "admit:us", "release:us"))
            db.dispose()
        tested = CliRunner().invoke(main, ["--settings", str(path), "peer", "test", "us"])
        assert (tested.exit_code, tested.output) == (0, "CERT United States answers, and lets us in.\n")
        us.answers[OBJECTS] = Answer(status=403)
        tested = CliRunner().invoke(main, ["--settings", str(path), "peer", "test", "us"])
        assert (tested.exit_code, "refuses our account" in tested.output) == (1, True)

    assert [entry.id for entry in mx.everything("from:us")] == [made_id("indicator", 1)]
    assert mx.newest(made_id("indicator", 1))
    done = CliRunner().invoke(main, ["--settings", str(path), "check"])
    assert "peer us: unsealed" in done.output


def test_it_locks_each_task_by_its_name(mx: Node) -> None:
    with wiring.border_tasks(mx.settings) as (db, tasks):
        held = [follow.take_lock(db, task.name) for task in tasks]
        assert None not in held
        assert [follow.take_lock(mx.db, task.name) for task in tasks] == [None, None]
        for lock in held:
            assert lock is not None
            lock.close()
        db.dispose()


def test_it_serves_taxii_to_the_accounts_of_the_node(mx: Node) -> None:
    client = wiring.taxii_app(mx.settings).test_client()

    assert client.get("/taxii2/").status_code == 401
    answer = client.get("/taxii2/", auth=("us", SECRET), headers={"Accept": "application/taxii+json;version=2.1"})
    assert (answer.status_code, answer.get_json()["title"]) == (200, "CERT México")


def test_it_names_what_is_missing_before_it_serves(mx: Node) -> None:
    mx.settings.secret_key_file.unlink()

    for make in (wiring.portal_app, wiring.taxii_app):
        with pytest.raises(Missing, match=r"secret\.key"):
            make(mx.settings)
