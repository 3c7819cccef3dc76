"""Mapping choices and suggestions, whose computers are whose, counts for the statistics.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

COUNTS = (
    "deployed_running",
    "deployed_not_running",
    "deployed_not_installed",
    "deployed_untold",
    "bases_current",
    "bases_day",
    "bases_three_days",
    "bases_week",
    "bases_older",
    "bases_untold",
)
"""Filled by the next recount, minutes after the upgrade."""


def upgrade() -> None:
    op.create_table(
        "mapping_choice",
        sa.Column("integration_id", sa.Integer(), nullable=False),
        sa.Column("several", sa.Boolean(), nullable=False),
        sa.Column("catch_all_id", sa.String(length=100), nullable=False),
        sa.Column("suggested_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration.id"],
            name=op.f("fk_mapping_choice_integration_id_integration"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("integration_id", name=op.f("pk_mapping_choice")),
    )
    op.create_table(
        "mapping_suggestion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("integration_id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=200), nullable=False),
        sa.Column("company_id", sa.String(length=100), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("sure", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration.id"],
            name=op.f("fk_mapping_suggestion_integration_id_integration"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_suggestion")),
        sa.UniqueConstraint(
            "integration_id",
            "workspace_id",
            "company_id",
            name=op.f("uq_mapping_suggestion_integration_id_workspace_id_company_id"),
        ),
    )
    op.create_index(
        "ix_mapping_suggestion_list",
        "mapping_suggestion",
        ["integration_id", "sure", "score", "id"],
    )
    op.create_table(
        "computer_serial",
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(length=120), nullable=False),
        sa.Column("company_id", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["host_id"], ["connection.id"], name=op.f("fk_computer_serial_host_id_connection"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("host_id", "serial", name=op.f("pk_computer_serial")),
    )
    with op.batch_alter_table("workspace") as table:
        for name in COUNTS:
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("device") as table:
        table.add_column(
            sa.Column("deployment", sa.String(length=16), nullable=False, server_default="untold")
        )
    _tell_deployment()
    op.create_index("ix_device_bases", "device", ["gone_at", "bases_at", "id"])
    op.create_index("ix_device_deployment", "device", ["gone_at", "deployment", "name", "id"])
    op.create_index("ix_detection_severity", "detection", ["severity", "occurred_at", "id"])
    op.create_index("ix_licence_list", "licence", ["gone_at", "product", "id"])


def _tell_deployment() -> None:
    """Say of known devices what the next full listing would, as plugin.domain.figures does."""
    device = sa.table(
        "device",
        sa.column("product", sa.String),
        sa.column("conditions", sa.JSON),
        sa.column("deployment", sa.String),
    )
    conditions = sa.cast(device.c.conditions, sa.Text)

    def told(*words: str) -> sa.ColumnElement[bool]:
        return sa.or_(*(conditions.contains(f'"{word}"', autoescape=True) for word in words))

    answer = sa.case(
        (told("antivirus_not_installed", "enrolment_failed"), "not_installed"),
        (device.c.product == "", "untold"),
        (told("antivirus_not_running", "protection_off"), "not_running"),
        else_="running",
    )
    op.execute(device.update().values(deployment=answer))


def downgrade() -> None:
    op.drop_index("ix_licence_list", table_name="licence")
    op.drop_index("ix_detection_severity", table_name="detection")
    op.drop_index("ix_device_deployment", table_name="device")
    op.drop_index("ix_device_bases", table_name="device")
    with op.batch_alter_table("device") as table:
        table.drop_column("deployment")
    with op.batch_alter_table("workspace") as table:
        for name in COUNTS:
            table.drop_column(name)
    op.drop_table("computer_serial")
    op.drop_index("ix_mapping_suggestion_list", table_name="mapping_suggestion")
    op.drop_table("mapping_suggestion")
    op.drop_table("mapping_choice")
