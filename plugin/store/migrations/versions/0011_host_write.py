"""the protection state written into fields of the host's computers.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('state_field',
    sa.Column('integration_id', sa.Integer(), nullable=False),
    sa.Column('field_id', sa.String(length=40), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('options', sa.JSON(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('looked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['integration_id'], ['integration.id'], name=op.f('fk_state_field_integration_id_integration')),
    sa.PrimaryKeyConstraint('integration_id', name=op.f('pk_state_field'))
    )
    op.create_table('host_write',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('integration_id', sa.Integer(), nullable=False),
    sa.Column('host_id', sa.Integer(), nullable=False),
    sa.Column('computer_id', sa.String(length=100), nullable=False),
    sa.Column('computer_name', sa.String(length=300), nullable=False),
    sa.Column('field_id', sa.String(length=40), nullable=False),
    sa.Column('vendor_id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(length=200), nullable=False),
    sa.Column('device_id', sa.String(length=200), nullable=False),
    sa.Column('device_name', sa.String(length=300), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('wanted', sa.String(length=200), nullable=False),
    sa.Column('written', sa.String(length=200), nullable=True),
    sa.Column('before', sa.Text(), nullable=True),
    sa.Column('sent', sa.String(length=200), nullable=True),
    sa.Column('over', sa.Text(), nullable=True),
    sa.Column('theirs', sa.Text(), nullable=True),
    sa.Column('allowed', sa.Text(), nullable=True),
    sa.Column('decided_by', sa.String(length=254), nullable=False),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('looked_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['host_id'], ['connection.id'], name=op.f('fk_host_write_host_id_connection')),
    sa.ForeignKeyConstraint(['integration_id'], ['integration.id'], name=op.f('fk_host_write_integration_id_integration')),
    sa.ForeignKeyConstraint(['vendor_id'], ['connection.id'], name=op.f('fk_host_write_vendor_id_connection')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_host_write')),
    sa.UniqueConstraint('host_id', 'computer_id', 'field_id', name=op.f('uq_host_write_host_id_computer_id_field_id'))
    )
    with op.batch_alter_table('host_write', schema=None) as batch_op:
        batch_op.create_index('ix_host_write_list', ['integration_id', 'field_id', 'state'], unique=False)
        batch_op.create_index('ix_host_write_workspace', ['vendor_id', 'workspace_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('host_write', schema=None) as batch_op:
        batch_op.drop_index('ix_host_write_workspace')
        batch_op.drop_index('ix_host_write_list')

    op.drop_table('host_write')
    op.drop_table('state_field')
