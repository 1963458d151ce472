"""Evidence locks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One more table."""
    op.create_table(
        "evidence",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("recording", sa.Uuid, nullable=False),
        sa.Column("from_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("until_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("created_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_utc_ns", sa.BigInteger, nullable=True),
    )
    op.create_index("evidence_by_recording", "evidence", ["recording"])
