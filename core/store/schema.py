"""The tables. Migrations under `core/store/migrations` create them; a test compares the two.

Times are seconds since the epoch (UTC) as floats: the same in SQLite and PostgreSQL. Ids are our
own opaque strings. `work` adds the columns that `core.store.leases` needs to any table of work.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID = String(40)
NAME = String(200)


def work(name: str, *columns: "Column[object] | UniqueConstraint | Index") -> Table:
    """A table of leased work: `n` gives the order, `lane` the rows that wait for one another.

    `state` is 'waiting' until the row is finished; it is leased while `lease_until` lies ahead.
    `attempts` counts claims and `retries` those given back: the difference died with the row in hand.
    """
    return Table(
        name,
        metadata,
        Column("n", Integer, primary_key=True, autoincrement=True),
        Column("id", ID, nullable=False, unique=True),
        Column("lane", String(80), nullable=False),
        Column("state", String(20), nullable=False, server_default="waiting"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("retries", Integer, nullable=False, server_default="0"),
        Column("available_at", Float, nullable=False),
        Column("lease_token", Integer, nullable=False, server_default="0"),
        Column("lease_until", Float),
        Column("created_at", Float, nullable=False),
        Column("finished_at", Float),
        Column("error", Text, nullable=False, server_default=""),
        *columns,
        Index(f"ix_{name}_queue", "state", "lane", "n"),
    )


threads = Table(
    "threads",
    metadata,
    Column("id", ID, primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("account", NAME, nullable=False),
    Column("conversation", NAME, nullable=False),
    Column("customer", NAME, nullable=False),
    Column("owner", String(60), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("asked_up_to", Integer, nullable=False),
    Column("turn_over_up_to", Integer, nullable=False),
    Column("run_id", ID),
    Column("run_seen_up_to", Integer),
    Column("run_speaking", Boolean, nullable=False),
    Column("case_id", ID),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    UniqueConstraint("channel", "account", "conversation"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", ID, primary_key=True),
    Column("thread_id", ID, ForeignKey("threads.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("author", String(20), nullable=False),
    Column("name", NAME, nullable=False),
    Column("text", Text, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("thread_id", "seq"),
)

receipts = work(
    "receipts",
    Column("channel", String(40), nullable=False),
    Column("account", NAME, nullable=False),
    Column("event_id", NAME, nullable=False),
    Column("event", JSON, nullable=False),
    Column("raw", JSON),
    Column("message_id", ID, nullable=False),
    Column("result", Text, nullable=False, server_default=""),
    UniqueConstraint("channel", "account", "event_id"),
)

runs = work(
    "runs",
    Column("epoch", Integer, nullable=False),
    Column("seen_up_to", Integer, nullable=False),
    Column("result", JSON),
)

deliveries = work(
    "deliveries",
    Column("key", String(120), nullable=False, unique=True),
    Column("thread_id", ID, ForeignKey("threads.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("fenced", Boolean, nullable=False),
    Column("message_id", ID),
    Column("case_id", ID),
    Column("run_id", ID),
    Column("platform_id", NAME, nullable=False, server_default=""),
    Index("ix_deliveries_message_id", "message_id"),
)

cases = Table(
    "cases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", ID, nullable=False, unique=True),
    Column("thread_id", ID, ForeignKey("threads.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("outcome", String(20), nullable=False, server_default=""),
    Column("closed_by", NAME, nullable=False, server_default=""),
    Column("reason", String(40), nullable=False),
    Column("summary", Text, nullable=False),
    Column("result", JSON, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("closed_at", Float),
    Index("ix_cases_state", "state", "number"),
    Index("ix_cases_updated_at", "updated_at"),
    Index("ix_cases_thread_id", "thread_id"),
)

operators = Table(
    "operators",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("subject", NAME, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Index("ix_credentials_subject", "kind", "subject"),
)

facts = Table(
    "facts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("customer", NAME, nullable=False),
    Column("thread_id", ID, ForeignKey("threads.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_facts_customer", "customer"),
)
