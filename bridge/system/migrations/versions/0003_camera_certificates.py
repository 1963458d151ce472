"""Certificates that cameras are trusted with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One more table."""
    op.create_table(
        "camera_certificate",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("offered", sa.Text, nullable=True),
        sa.Column("since_utc_ns", sa.BigInteger, nullable=False),
    )
