"""The list of promises and the tests that hold them are kept together."""

from tests.feeds.stores import STORES
from tests.feeds.taxii import conformance


def rows() -> list[conformance.Row]:
    return [row for _, found in conformance.parts() for row in found]


def test_it_lists_every_row_once() -> None:
    ids = [row.id for row in rows()]

    assert len(ids) == len(set(ids))
    assert {f"TX-{n:02}" for n in range(1, 125)} | {f"TX-G{n}" for n in range(1, 12)} <= set(ids)
    assert {row.level for row in rows()} <= set("MSOD")


def test_it_has_a_test_for_every_row() -> None:
    """A row says `instead` why it has none; no demand of the standard may."""
    cited = {one.row for one in conformance.citations()}

    assert [row.id for row in rows() if (row.id in cited) == bool(row.instead)] == []
    assert [row.id for row in rows() if row.instead and row.level == "M"] == []


def test_it_holds_every_row_on_both_stores() -> None:
    """But a row that needs none, which no test of it has."""
    held = {
        row.id: {store for one in conformance.citations() if one.row == row.id for store in one.stores}
        for row in rows()
    }
    needed = {row.id: set(STORES) if row.stores == conformance.BOTH and not row.instead else set() for row in rows()}

    assert held == needed


def test_it_has_a_row_for_every_citation() -> None:
    known = {row.id for row in rows()}

    assert [one for one in conformance.citations() if one.row not in known] == []


def test_it_maps_the_interoperability_document() -> None:
    known = {row.id for row in rows()}

    assert {row for _, held_by in conformance.interop().values() for row in held_by} <= known
    assert "untested" not in conformance.table()


def test_it_shows_what_is_so() -> None:
    """`python -m tests.feeds.taxii.conformance` writes it anew."""
    assert conformance.TABLE.read_text("utf-8") == conformance.table()
