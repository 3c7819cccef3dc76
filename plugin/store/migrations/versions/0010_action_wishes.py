"""wishes for actions on many devices.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('action_wish',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('token', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('target', sa.String(length=300), nullable=False),
    sa.Column('tasks', sa.Integer(), nullable=False),
    sa.Column('devices', sa.Integer(), nullable=False),
    sa.Column('left_out', sa.JSON(), nullable=False),
    sa.Column('asked_by', sa.String(length=254), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_action_wish')),
    sa.UniqueConstraint('token', name=op.f('uq_action_wish_token'))
    )
    with op.batch_alter_table('action_wish', schema=None) as batch_op:
        batch_op.create_index('ix_action_wish_time', ['asked_at', 'id'], unique=False)

    with op.batch_alter_table('action', schema=None) as batch_op:
        batch_op.add_column(sa.Column('wish_id', sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f('ix_action_wish_id'), ['wish_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_action_wish_id_action_wish'), 'action_wish', ['wish_id'], ['id'])


def downgrade() -> None:
    with op.batch_alter_table('action', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_action_wish_id_action_wish'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_action_wish_id'))
        batch_op.drop_column('wish_id')

    with op.batch_alter_table('action_wish', schema=None) as batch_op:
        batch_op.drop_index('ix_action_wish_time')

    op.drop_table('action_wish')
