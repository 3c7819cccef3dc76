"""device match.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('device_match',
    sa.Column('vendor_id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(length=200), nullable=False),
    sa.Column('device_id', sa.String(length=200), nullable=False),
    sa.Column('host_id', sa.Integer(), nullable=False),
    sa.Column('device_name', sa.String(length=300), nullable=False),
    sa.Column('computer_id', sa.String(length=100), nullable=False),
    sa.Column('computer_name', sa.String(length=300), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('how', sa.String(length=10), nullable=False),
    sa.Column('candidates', sa.JSON(), nullable=False),
    sa.Column('refused', sa.JSON(), nullable=False),
    sa.Column('decided_by', sa.String(length=254), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['host_id'], ['connection.id'], name=op.f('fk_device_match_host_id_connection')),
    sa.ForeignKeyConstraint(['vendor_id'], ['connection.id'], name=op.f('fk_device_match_vendor_id_connection')),
    sa.PrimaryKeyConstraint('vendor_id', 'workspace_id', 'device_id', 'host_id', name=op.f('pk_device_match'))
    )
    with op.batch_alter_table('device_match', schema=None) as batch_op:
        batch_op.create_index('ix_device_match_list', ['host_id', 'vendor_id', 'state'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('device_match', schema=None) as batch_op:
        batch_op.drop_index('ix_device_match_list')

    op.drop_table('device_match')
