"""integrations: the vendor's record of each, and withdrawn rights.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('registration',
    sa.Column('integration_id', sa.Integer(), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('leaving', sa.JSON(), nullable=False),
    sa.Column('former', sa.JSON(), nullable=False),
    sa.Column('lost', sa.Boolean(), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['integration_id'], ['integration.id'], name=op.f('fk_registration_integration_id_integration')),
    sa.PrimaryKeyConstraint('integration_id', name=op.f('pk_registration')),
    sa.UniqueConstraint('reference', name=op.f('uq_registration_reference'))
    )
    op.create_table('withdrawn_right',
    sa.Column('integration_id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('withdrawn_by', sa.String(length=254), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['integration_id'], ['integration.id'], name=op.f('fk_withdrawn_right_integration_id_integration')),
    sa.PrimaryKeyConstraint('integration_id', 'email', name=op.f('pk_withdrawn_right'))
    )
    with op.batch_alter_table('administrator_link', schema=None) as batch_op:
        batch_op.add_column(sa.Column('granted_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('administrator_link', schema=None) as batch_op:
        batch_op.drop_column('granted_at')
    op.drop_table('withdrawn_right')
    op.drop_table('registration')
