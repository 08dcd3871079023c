"""kill -9 of a process before and after every commit, lock, question, send and receive of the exchange, one at a time:
nothing is lost, nothing is there twice, and whoever is started again goes on.

A step that `points` finds in the source and no scene reaches fails its test: so does one that is added.
"""

import ast
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from cert.store.engine import reading, writing
from config import pair, wiring
from config.reading import load
from feeds import errands, store
from tests.cast import SECRET, Node, indicator, made_id
from tests.feeds import border
from tests.feeds.scripted import OBJECTS, Answer, date, envelope, serving
from tests.kill import points
from tests.kill.book import Book, check
from tests.kill.dying import dies, turned
from tests.kill.points import AFTER, BEFORE
from tests.kill.scenes import SCENES, they_exchange
from tests.nations import free_ports, on_postgres

NOWHERE = "no scene"
REACHED: dict[str, tuple[str, ...]] = {
    "cert.acts.note:1": ("look",),
    "cert.follow._apply:1": ("work",),
    "cert.follow._apply:2": ("exchange", "admission", "receipt", "restored", "work"),
    "cert.follow._set_aside:1": ("exchange",),
    "cert.follow._lock_of:1": ("start",),
    "cert.follow._report:1": ("start",),
    "cert.intake._deposit_batch:1": ("post",),
    "feeds.close.close_old:1": ("exchange", "old log"),
    "feeds.errands.reach:2": ("errands",),
    "feeds.errands.turn:1": ("errands",),
    "feeds.errands.turn:2": ("errands",),
    "feeds.health.is_worked_on:1": ("look",),
    "feeds.health_pages.blueprint.change:1": ("pause",),
    "feeds.health_pages._install_quarantine.retry:1": ("retry",),
    "feeds.health_pages._ask:1": ("ask",),
    "feeds.connection.Connection._once:1": ("exchange", "restored"),
    "feeds.packed._plain:1": ("exchange", "restored"),
    "feeds.post._set_aside:1": ("posted on",),
    "feeds.pull.pull:1": ("exchange", "restored"),
    "feeds.pull.note_contact:1": ("exchange",),
    "feeds.pull._mirror:1": ("exchange", "restored"),
    "feeds.pull._freeze:1": ("fork",),
    "feeds.reconcile._compare:1": ("reconcile",),
    "feeds.reconcile._compare.equal:1": ("reconcile",),
    "feeds.release.release:1": ("release",),
    "feeds.restore.Whole._look:1": ("exchange", "restored"),
    "feeds.restore.Whole._look:2": ("fork of ours",),
    "feeds.restore.Whole._take_back:1": ("restored",),
    "feeds.restore.Whole._take_back:2": ("restored",),
    "feeds.taxii.deleting._delete:1": ("delete",),
    "feeds.taxii.posting._body:1": ("post",),
    "feeds.taxii.posting._post:1": ("post",),
    "feeds.taxii.posting._post:2": ("post",),
    "feeds.taxii.signin._refuse:1": ("wrong secret",),
}
"""In which scenes of two nations each step is done."""
DRAINED = (
    "cert.follow._apply:2",
    "feeds.connection.Connection._once:1",
    "feeds.packed._plain:1",
    "feeds.drain.Drain._asked:1",
    "feeds.drain.Drain._mirror:1",
    "feeds.drain.Drain._end:1",
    "feeds.errands.reach:1",
)
"""The steps that are done where the peer's server is another maker's."""
EXPIRED = ("feeds.drain.Drain._asked:2",)
"""The step that is done where it forgets its tokens."""
DEATHS = [
    pytest.param(f"{step}:{side}", scene, id=f"{step}:{side} {scene}", marks=pytest.mark.xdist_group(scene))
    for step in points.all_steps()
    for scene in REACHED.get(step, () if step in DRAINED + EXPIRED else (NOWHERE,))
    for side in (BEFORE, AFTER)
]


@dataclass
class Staged:
    """A scene as it stands on disk."""

    folder: Path
    book: Book


Stage = Callable[[str], Staged]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Stages a scene, the first time it is asked for it."""
    folder = tmp_path_factory.mktemp("scenes")
    border.make(folder / "made")
    for settings in (folder / "made").glob("*.toml"):
        settings.write_text(f"page_limit = 4\n{settings.read_text('utf-8')}", "utf-8")
    staged: dict[str, Staged] = {}
    with border.both(folder / "made", folder / "in step") as both:
        both.settle()

    def made(name: str) -> Staged:
        if name not in staged:
            with border.both(folder / "in step", folder / name) as both:
                both.settle()
                staged[name] = Staged(folder / name, Book())
                SCENES[name].before(both, staged[name].book)
        return staged[name]

    yield made
    shutil.rmtree(folder)


@pytest.mark.parametrize(("point", "name"), DEATHS)
def test_it_loses_and_doubles_nothing(point: str, name: str, stage: Stage, tmp_path: Path) -> None:
    assert name != NOWHERE, f"No scene reaches {point}. Add one, and name it in REACHED."
    scene, staged = SCENES[name], stage(name)
    book = staged.book.copy()
    with border.both(staged.folder, tmp_path / "both") as both:
        both.mx.opened.close()
        settings = tmp_path / "both" / "mx.toml"
        meanwhile = partial(scene.meanwhile, both, book) if scene.meanwhile else None
        for times in range(1, scene.deaths + 1):
            if not dies(scene.victim, settings, point, times, scene.told(both, book), meanwhile):
                assert times > 1, f"The scene {name!r} never reaches {point}."
                break
        both.mx.start()
        scene.after(both, book)
        both.settle()
        check(both, book)
        assert both.settle() == 0


ON_A_SERVER = ("cert.follow._apply:2", "feeds.pull._mirror:1")


def test_it_loses_and_doubles_nothing_on_a_server(postgres_url: str, tmp_path: Path) -> None:
    """The same on PostgreSQL, for what writes most: one process after the other dies, and the server does not."""
    there = on_postgres(tmp_path, postgres_url)
    ports = dict(zip(pair.USUAL_PORTS, free_ports(len(pair.USUAL_PORTS)), strict=True))
    pair.make(tmp_path / "made", ports, {"mx": there})
    book = Book()
    with border.both(tmp_path / "made", tmp_path / "both") as both:
        both.settle()
        for n, point in enumerate((f"{step}:{side}" for step in ON_A_SERVER for side in (BEFORE, AFTER)), 1):
            they_exchange(both, book, 1000 * n)
            both.mx.opened.close()
            assert dies("border", tmp_path / "both" / "mx.toml", point, 1)
            both.mx.start()
            both.settle()
            check(both, book)
            assert both.settle() == 0


# --- another maker's server --------------------------------------------------------------------------------------
DATED = [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]
"""Indicators, and when each was added there: what was posted together has one date, and crosses the end of a page."""


def dated(query: dict[str, str]) -> Answer:
    """The next two indicators, as a server gives them that numbers nothing; it says "more" whenever a page is full."""
    start = int(query.get("next", 0))
    page = [(n, at) for n, at in DATED if date(at) > query.get("added_after", "")][start : start + 2]
    following = str(start + 2) if page[1:] else ""
    return envelope([indicator(n) for n, _ in page], page[-1][1] if page else 1, next=following)


def forgetful() -> Callable[[dict[str, str]], Answer]:
    """The same from a server that forgets the first token that it gave."""
    forgotten: list[str] = []

    def answer(query: dict[str, str]) -> Answer:
        if "next" in query and not forgotten:
            forgotten.append(query["next"])
            return Answer(status=400)
        return dated(query)

    return answer


@pytest.mark.parametrize("point", [f"{step}:{side}" for step in DRAINED + EXPIRED for side in (BEFORE, AFTER)])
def test_it_drains_another_maker_s_server_and_loses_nothing(point: str, mx: Node, tmp_path: Path) -> None:
    """What comes twice is mirrored once."""
    with serving() as us:
        us.answers[OBJECTS] = forgetful() if point.startswith(EXPIRED) else dated
        path = unsealed_peer(tmp_path, us.url)
        with writing(mx.db) as c:
            errands.ask(c, mx.peer, errands.TEST, "sofia", mx.clock())
        deaths = [dies("border", path, point, times) for times in (1, 2, 3)]
        assert deaths[0], f"Draining never reaches {point}."
        with wiring.border_tasks(load(path, {})) as (_, tasks):
            turned(tasks)
            held = mx.everything(mx.peer.inbound)
            assert not any(task.turn() for task in tasks)

    assert {entry.id for entry in held} == {made_id("indicator", n) for n, _ in DATED}
    admitted = [entry.id for entry in mx.everything() if entry.origin == mx.peer.org]
    assert sorted(admitted) == [made_id("indicator", n) for n, _ in DATED]
    with reading(mx.db) as c:
        assert store.mirrored_until(c, "us") == date(2)
        assert [(one.kind, one.ok) for one in store.all_errands(c, "us")] == [(errands.TEST, True)]


def unsealed_peer(folder: Path, url: str) -> Path:
    """Say in the settings of the cast's node where the peer is."""
    (folder / "us.password").write_text(SECRET, "utf-8")
    path = folder / "mx.toml"
    there = f'url = "{url}/taxii2/"\nuser = "mx"\npassword_file = "us.password"\ninsecure_http = true\n'
    path.write_text(f"{path.read_text('utf-8')}\n[peers.us]\n{there}", "utf-8")
    return path


# --- the finder --------------------------------------------------------------------------------------------------
STEPS = """
def give(db, follower, batch):
    follower.outside(batch)
    with writing(db, bulk=True) as c:
        page = self.line.page(log.head(c, name))
    def again():
        with reading(db) as c, engine.writing(db):
            os.fsync(file)
class Line:
    def ask(self):
        return self.session.get(url).raw.read1(9)
    lock = take_lock(db, "x")
"""


def test_it_finds_every_kind_of_step() -> None:
    found = [(step.name, step.kind) for step in points.steps("m", ast.parse(STEPS))]

    assert found == [
        ("m.give:1", "effect"),
        ("m.give:2", "commit"),
        ("m.give:3", "question"),
        ("m.give.again:1", "commit"),
        ("m.give.again:2", "effect"),
        ("m.Line.ask:1", "receive"),
        ("m.Line.ask:2", "send"),
        ("m.Line:1", "lock"),
    ]


@pytest.mark.parametrize("module", points.sources())
def test_it_overlooks_no_other_way_to_a_peer_or_to_the_disk(module: str) -> None:
    """Whoever speaks to the network or writes a file, in another module or way than today, must be found too."""
    tree = ast.parse(points.sources()[module].read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}

    assert not {*names, *(name.partition(".")[0] for name in names)} & OUTWARD or module in TO_THE_PEER
    assert not called & {"open", "connection.commit"}


TO_THE_PEER = {"feeds.line", "feeds.connection", "feeds.transport", "feeds.packed", "feeds.trust"}
OUTWARD = {
    "requests",
    "urllib3",
    "urllib.request",
    "taxii2client",
    "socket",
    "http.client",
    "smtplib",
    "subprocess",
    "sqlite3",
}


def test_it_names_no_step_that_is_gone() -> None:
    assert {*REACHED, *DRAINED, *EXPIRED} <= set(points.all_steps())
