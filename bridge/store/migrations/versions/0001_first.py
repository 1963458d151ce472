"""Storages, recordings, segments, runs and events: the first schema of index.db."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes all tables."""
    op.create_table(
        "storage",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
    )
    op.create_table(
        "recording",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("created_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("ended_utc_ns", sa.BigInteger, nullable=True),
        sa.Column("longest_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("recording_by_camera", "recording", ["camera", "stream"])
    op.create_table(
        "holding",
        sa.Column("recording_id", sa.Integer, sa.ForeignKey("recording.id"), primary_key=True),
        sa.Column("storage_id", sa.Integer, sa.ForeignKey("storage.id"), primary_key=True),
        sa.Column("last_serial", _COUNT, nullable=False),
        sa.Column("segments", _COUNT, nullable=False),
        sa.Column("size_bytes", _COUNT, nullable=False),
        sa.Column("chain_entries", _COUNT, nullable=False),
        sa.Column("chain_link", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment",
        sa.Column("recording_id", sa.Integer, sa.ForeignKey("recording.id"), primary_key=True),
        sa.Column("serial", _COUNT, primary_key=True, autoincrement=False),
        sa.Column("run", _COUNT, nullable=False),
        sa.Column("storage_id", sa.Integer, sa.ForeignKey("storage.id"), nullable=False),
        sa.Column("start_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("end_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", _COUNT, nullable=False),
        sa.Column("starts_with_key", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("segment_by_time", "segment", ["recording_id", "start_utc_ns", "serial"])
    op.create_index("segment_by_storage", "segment", ["storage_id", "recording_id", "start_utc_ns", "serial"])
    op.create_table(
        "run",
        sa.Column("recording_id", sa.Integer, sa.ForeignKey("recording.id"), primary_key=True),
        sa.Column("first_serial", _COUNT, primary_key=True, autoincrement=False),
        sa.Column("last_serial", _COUNT, nullable=False),
        sa.Column("run", _COUNT, nullable=False),
        sa.Column("start_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("end_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("interval_ns", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("run_by_time", "run", ["recording_id", "start_utc_ns"])
    op.create_table(
        "event",
        sa.Column("id", _COUNT, primary_key=True),
        sa.Column("utc_ns", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("event_by_time", "event", ["utc_ns"])
    op.create_index("event_by_source", "event", ["source", "utc_ns"])
