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
    false,
    true,
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
    Column("customer_name", NAME, nullable=False, server_default=""),
    Column("verified", Boolean, nullable=False, server_default=false()),
    Column("email", NAME, nullable=False, server_default=""),
    Column("alone", Boolean, nullable=False, server_default=true()),
    Column("language", String(8), nullable=False, server_default=""),
    Column("owner", String(60), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("asked_up_to", Integer, nullable=False),
    Column("turn_over_up_to", Integer, nullable=False),
    Column("answered_up_to", Integer, nullable=False, server_default="0"),
    Column("apologised_up_to", Integer, nullable=False, server_default="0"),
    Column("run_id", ID),
    Column("run_seen_up_to", Integer),
    Column("run_speaking", Boolean, nullable=False),
    Column("case_id", ID),
    Column("resolved_case", ID),
    Column("resolved_by", ID),
    Column("resolved_name", NAME, nullable=False, server_default=""),
    Column("resolved_at", Float),
    Column("surveyed_case", ID),
    Column("subject", Text, nullable=False, server_default=""),
    Column("trust", Text, nullable=False, server_default=""),
    Column("route", JSON),
    Column("pending", JSON(none_as_null=True)),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    UniqueConstraint("channel", "account", "conversation"),
    Index("ix_threads_customer", "customer"),
    Index("ix_threads_email", "email"),
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
    Column("operator", ID),
    Column("survey", ID),
    Column("original", Text),
    Column("full", Text, nullable=False, server_default=""),
    Column("presence", Boolean, nullable=False, server_default=false()),
    Column("changed_at", Float),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("thread_id", "seq"),
)

files = Table(
    "files",
    metadata,
    Column("id", ID, primary_key=True),
    Column("message_id", ID),
    Column("thread_id", ID, ForeignKey("threads.id")),
    Column("name", NAME, nullable=False),
    Column("type", NAME, nullable=False),
    Column("size", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("origin", JSON),
    Index("ix_files_message_id", "message_id"),
)

receipts = work(
    "receipts",
    Column("channel", String(40), nullable=False),
    Column("account", NAME, nullable=False),
    Column("event_id", NAME, nullable=False),
    Column("event", JSON, nullable=False),
    Column("raw", JSON(none_as_null=True)),
    Column("message_id", ID, nullable=False),
    Column("result", Text, nullable=False, server_default=""),
    UniqueConstraint("channel", "account", "event_id"),
    Index("ix_receipts_message_id", "message_id"),
)

extractions = work(
    "extractions",
    Column("thread_id", ID, ForeignKey("threads.id"), nullable=False),
    Column("outcome", String(20), nullable=False, server_default="waiting"),
    Column("note", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Index("ix_extractions_thread_id", "thread_id", "state"),
)

runs = work(
    "runs",
    Column("thread_id", ID, nullable=False, server_default=""),
    Column("kind", String(20), nullable=False, server_default="answer"),
    Column("case_id", ID),
    Column("hint", Text, nullable=False, server_default=""),
    Column("epoch", Integer, nullable=False),
    Column("seen_up_to", Integer, nullable=False),
    Column("result", JSON),
    Column("tokens_in", Integer, nullable=False, server_default="0"),
    Column("tokens_out", Integer, nullable=False, server_default="0"),
    Column("cost", Float, nullable=False, server_default="0"),
    Index("ix_runs_finished_at", "finished_at"),
)

deliveries = work(
    "deliveries",
    Column("key", String(120), nullable=False, unique=True),
    Column("thread_id", ID, ForeignKey("threads.id")),
    Column("kind", String(20), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("fenced", Boolean, nullable=False),
    Column("message_id", ID),
    Column("file_id", ID),
    Column("case_id", ID),
    Column("run_id", ID),
    Column("desk", NAME, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("everyone", Boolean, nullable=False, server_default=false()),
    Column("platform_id", Text, nullable=False, server_default=""),
    Index("ix_deliveries_message_id", "message_id"),
    Index("ix_deliveries_case_id", "case_id"),
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
    Column("suggestion", JSON),
    Column("suggestion_fate", String(20), nullable=False, server_default=""),
    Column("desk", NAME, nullable=False, server_default="web"),
    Column("desk_thread", NAME, nullable=False, server_default=""),
    Column("desk_card", NAME, nullable=False, server_default=""),
    Column("desk_error", Text, nullable=False, server_default=""),
    Column("times_reopened", Integer, nullable=False, server_default="0"),
    Column("unclaimed_since", Float),
    Column("answered_at", Float),
    Column("opened_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("closed_at", Float),
    Index("ix_cases_state", "state", "number"),
    Index("ix_cases_updated_at", "updated_at"),
    Index("ix_cases_thread_id", "thread_id"),
    Index("ix_cases_desk_card", "desk", "desk_card"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("id", ID, primary_key=True),
    Column("thread_id", ID, ForeignKey("threads.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("subject", ID, nullable=False),
    Column("score", Integer, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", Float, nullable=False),
    UniqueConstraint("kind", "subject"),
    Index("ix_ratings_thread_id", "thread_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("customer", NAME, nullable=False),
    Column("name", NAME, nullable=False, server_default=""),
    Column("verified", Boolean, nullable=False, server_default=false()),
    Column("email", NAME, nullable=False, server_default=""),
    Column("page", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
)

operators = Table(
    "operators",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
)

operator_accounts = Table(
    "operator_accounts",
    metadata,
    Column("account", NAME, primary_key=True),
    Column("operator", ID, ForeignKey("operators.id"), nullable=False),
)
"""What operators are called on other desks: 'email:ada@example.com', 'slack:T1/U1'."""

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

desks = Table(
    "desks",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("place", NAME, nullable=False, server_default=""),
    Column("route", JSON),
    Column("moved_at", Float),
    Column("code", String(64), nullable=False, server_default=""),
    Column("salt", String(32), nullable=False, server_default=""),
    Column("code_until", Float),
    Column("code_tries", Integer, nullable=False, server_default="0"),
)
"""Desks whose place is chosen where people talk, with the code by which its next one is."""

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

draft_fates = Table(
    "draft_fates",
    metadata,
    Column("case_id", ID, primary_key=True),
    Column("draft", String(64), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("fate", String(20), nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_draft_fates_at", "at"),
)
"""What became of each suggested reply that an operator has answered with or without; `draft` is its words' digest."""

recaps = Table(
    "recaps",
    metadata,
    Column("thread_id", ID, ForeignKey("threads.id", ondelete="CASCADE"), primary_key=True),
    Column("text", Text, nullable=False),
    Column("up_to", Integer, nullable=False),
    Column("sources", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

gaps = Table(
    "knowledge_gaps",
    metadata,
    Column("id", ID, primary_key=True),
    Column("thread_id", ID, ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    Column("case_id", ID),
    Column("question", Text, nullable=False),
    Column("likeness", String(64), nullable=False),
    Column("nearest", Text, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_knowledge_gaps_at", "at"),
    Index("ix_knowledge_gaps_thread_id", "thread_id"),
)
"""What was asked that the knowledge base did not carry; it goes with its thread."""

articles = Table(
    "articles",
    metadata,
    Column("id", ID, primary_key=True),
    Column("thread_id", ID, ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    Column("case_id", ID, nullable=False, unique=True),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("at", Float, nullable=False),
    Column("decided_by", ID),
    Column("decided_name", NAME, nullable=False, server_default=""),
    Column("decided_at", Float),
    Column("file", String(300), nullable=False, server_default=""),
    Column("content", Text, nullable=False, server_default=""),
    Index("ix_articles_state", "state", "at"),
    Index("ix_articles_thread_id", "thread_id"),
)
"""What people answered, suggested as articles; `content` is an approved one's until its file is written."""

actions = Table(
    "actions",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("id", ID, nullable=False, unique=True),
    Column("thread_id", ID, ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", ID, nullable=False, server_default=""),
    Column("tool", NAME, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("shown", JSON, nullable=False),
    Column("sentence", Text, nullable=False, server_default=""),
    Column("state", String(20), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("result", Text, nullable=False, server_default=""),
    Column("took", Integer, nullable=False, server_default="0"),
    Column("asked_at", Float, nullable=False),
    Column("settled_at", Float),
    Index("ix_actions_thread_id", "thread_id", "n"),
)
"""Every call of the owner's tools. A change has the sentence that its customer read, and its secrets till it ends."""
