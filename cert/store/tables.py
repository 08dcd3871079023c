"""Every table of our own nation, on the one MetaData; feeds and playbooks put theirs on it too.

STIX ids are interned, so that the id table's is the only random index and all else is keyed by rising integers.
Times are integers: microseconds since the epoch, UTC.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, types
from sqlalchemy.dialects import postgresql

metadata = MetaData()
Text = types.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text in the order of its bytes on every engine: a range of ids is then a range of the index."""


def _key() -> Column[int]:
    return Column("n", Integer, primary_key=True)


# --- who ---------------------------------------------------------------------------------------------------------
organisations = Table(
    "organisations",
    metadata,
    _key(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # cert, agency, peer, feed
    Column("nation", Text, nullable=False),
    Column("identity_id", Text, nullable=False, unique=True),
    Column("default_handling", Text, nullable=False),
    Column("ours", Boolean, nullable=False),
)
people = Table(
    "people",
    metadata,
    _key(),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("org", Integer, ForeignKey("organisations.n"), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("roles", Text, nullable=False),  # space-separated names of access.Role
    Column("language", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("person", Integer, ForeignKey("people.n"), nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
)
throttle = Table(
    "throttle",
    metadata,
    Column("who", Text, primary_key=True),  # "login:ana" or "from:192.0.2.1"
    Column("failures", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
)
accounts = Table(
    "accounts",
    metadata,
    _key(),
    Column("name", Text, nullable=False, unique=True),
    Column("org", Integer, ForeignKey("organisations.n"), nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
)
collections = Table(
    "collections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("alias", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("log", Text, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
    Column("root", Text, nullable=False, server_default="puente"),  # the one that every node has; others are in `roots`
)
roots = Table(
    "roots",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)
rights = Table(
    "rights",
    metadata,
    Column("account", Integer, ForeignKey("accounts.n"), primary_key=True),
    Column("collection", Text, ForeignKey("collections.id"), primary_key=True),
    Column("can_read", Boolean, nullable=False),
    Column("can_write", Boolean, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    _key(),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("account", Integer, ForeignKey("accounts.n"), nullable=False),
    Column("label", Text, nullable=False),  # what it is for, in the operator's words
    Column("can_read", Boolean, nullable=False),
    Column("can_write", Boolean, nullable=False),
    Column("narrowed", Boolean, nullable=False),  # to the collections in `token_collections`
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)
token_collections = Table(
    "token_collections",
    metadata,
    Column("token", Integer, ForeignKey("tokens.n"), primary_key=True),
    Column("collection", Text, ForeignKey("collections.id"), primary_key=True),
)
certificates = Table(
    "certificates",
    metadata,
    Column("fingerprint", LargeBinary, primary_key=True),  # SHA-256 of the certificate, as a client shows it
    Column("account", Integer, ForeignKey("accounts.n"), nullable=False),
    Column("added", BigInteger, nullable=False),
)

# --- the logs ----------------------------------------------------------------------------------------------------
logs = Table(
    "logs",
    metadata,
    _key(),
    Column("name", Text, nullable=False, unique=True),  # record, acts, to:us, from:us, bench:import
    Column("org", Integer, ForeignKey("organisations.n"), nullable=False),
    Column("head", BigInteger, nullable=False),  # the number of the last entry: gapless, in commit order
    Column("last_added", BigInteger, nullable=False),
)
ids = Table("ids", metadata, _key(), Column("stix_id", Text, nullable=False, unique=True))
bodies = Table(
    "bodies",
    metadata,
    _key(),
    Column("digest", LargeBinary, nullable=False),  # of the normalised form: equal means the same content
    Column("body", LargeBinary, nullable=False),
)
lines = Table(
    "lines",
    metadata,
    _key(),
    Column("id_n", Integer, ForeignKey("ids.n"), nullable=False),
    Column("origin", Integer, ForeignKey("organisations.n"), nullable=False),
    Column("digest", LargeBinary, nullable=False),  # empty where the object has versions
    Index("lines_key", "id_n", "origin", "digest", unique=True),
)
entries = Table(
    "entries",
    metadata,
    Column("log", Integer, ForeignKey("logs.n"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),  # object, deleted, or the name of an act
    Column("line", Integer, ForeignKey("lines.n")),
    Column("version", BigInteger),
    Column("handling", Text),  # for an unmarked object: the level its importer stated, where not the origin's default
    Column("body", Integer, ForeignKey("bodies.n"), nullable=False),
    Column("date_added", BigInteger, nullable=False),
    Column("type", Text),  # the STIX type of an object; none once it is deleted
    Index("entries_line", "line", "log", "version"),
    Index("entries_added", "log", "date_added"),
    Index("entries_type", "log", "type", "number"),  # leads a page from one object of a type to the next
    sqlite_with_rowid=False,
)
current = Table(
    "current",
    metadata,
    Column("line", Integer, ForeignKey("lines.n"), primary_key=True, autoincrement=False),
    Column("log", Integer, ForeignKey("logs.n"), primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),  # of the entry with the newest version
    Index("current_page", "log", "number"),  # leads a page of a collection from one current entry to the next
    sqlite_with_rowid=False,
)
refs = Table(
    "refs",
    metadata,
    Column("target", Integer, ForeignKey("ids.n"), primary_key=True, autoincrement=False),
    Column("source", Integer, ForeignKey("lines.n"), primary_key=True, autoincrement=False),
    Column("marking", Boolean, primary_key=True),  # whether it is marked with it; both may be so
    sqlite_with_rowid=False,
)
cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
workbenches = Table(
    "workbenches",
    metadata,
    Column("log", Integer, ForeignKey("logs.n"), primary_key=True, autoincrement=False),
    Column("handling", Text),  # for what carries no marking, where not the organisation's default
    Column("objects_a_day", BigInteger),  # the quota; none: as many as come
    Column("bytes_a_day", BigInteger),
)
deposits = Table(
    "deposits",
    metadata,
    Column("log", Integer, ForeignKey("logs.n"), primary_key=True, autoincrement=False),
    Column("day", Integer, nullable=False),  # the one that is counted, since the epoch; an older count is worth nothing
    Column("objects", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
set_aside = Table(
    "set_aside",
    metadata,
    _key(),
    Column("follower", Text, nullable=False),
    Column("log", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("stix_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("data", Text, nullable=False, server_default="{}"),  # what fills the blanks of the sentence, as JSON
    Index("set_aside_entry", "follower", "log", "number", unique=True),
)
variants = Table(
    "variants",
    metadata,
    Column("log", Integer, ForeignKey("logs.n"), primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # of the entry that was first, and is kept
    Column("digest", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("differs", Text, nullable=False),  # the properties, with commas
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
health = Table(
    "health",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ok", Boolean, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("data", Text, nullable=False, server_default="{}"),  # what fills the blanks of the sentence, as JSON
    Column("next_try", BigInteger),  # when a part that does not work is tried again
)

# --- filing ------------------------------------------------------------------------------------------------------
drafts = Table(
    "drafts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Integer, ForeignKey("people.n"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("form", Text, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("incident_id", Text),  # what it became; a draft is filed once
)
incident_numbers = Table(
    "incident_numbers",
    metadata,
    Column("number", Text, primary_key=True),
    Column("incident_id", Text, nullable=False, unique=True),
)
