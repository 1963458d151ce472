"""What the web door keeps: sessions, tokens of programs, saved views; and users of whom the hash alone is known."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three more tables; a user has a sealed password or a hash."""
    with op.batch_alter_table("user") as users:
        users.alter_column("secret", existing_type=sa.LargeBinary, nullable=True)
        users.add_column(sa.Column("password_hash", sa.Text, nullable=True))
    op.create_table(
        "web_session",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("refresh_sha256", sa.LargeBinary, nullable=False),
        sa.Column("previous_sha256", sa.LargeBinary, nullable=True),
        sa.Column("refreshed_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("created_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_utc_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_utc_ns", sa.BigInteger, nullable=True),
        sa.Column("used_utc_ns", sa.BigInteger, nullable=True),
    )
    op.create_table(
        "view",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("changed_utc_ns", sa.BigInteger, nullable=False),
    )
