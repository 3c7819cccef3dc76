"""Deleted connections that can come back, and vendors' groups.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vendor_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vendor_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.String(length=200), nullable=False),
        sa.Column("workspace_id", sa.String(length=200), nullable=False),
        sa.Column("parent_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("dynamic", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["vendor_id"], ["connection.id"], name=op.f("fk_vendor_group_vendor_id_connection")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor_group")),
        sa.UniqueConstraint(
            "vendor_id", "group_id", name=op.f("uq_vendor_group_vendor_id_group_id")
        ),
    )
    op.add_column("connection", sa.Column("undo", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("connection", "undo")
    op.drop_table("vendor_group")
