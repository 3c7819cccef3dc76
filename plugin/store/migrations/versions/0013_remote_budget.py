"""the budget of calls that all processes share.

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('remote_budget',
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('seconds', sa.Double(), nullable=False),
    sa.Column('burst', sa.Integer(), nullable=False),
    sa.Column('granted', sa.Integer(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('spent_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paused_until', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_remote_budget_connection_id_connection')),
    sa.PrimaryKeyConstraint('connection_id', name=op.f('pk_remote_budget'))
    )
    # No sync to disk for what the next second makes worthless; a crash of the server empties it.
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('ALTER TABLE remote_budget SET UNLOGGED')


def downgrade() -> None:
    op.drop_table('remote_budget')
