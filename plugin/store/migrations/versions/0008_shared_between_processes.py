"""what the processes of an installation tell each other.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('proof_keys',
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_proof_keys_connection_id_connection')),
    sa.PrimaryKeyConstraint('connection_id', name=op.f('pk_proof_keys'))
    )
    op.create_table('process_report',
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('remotes', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_process_report'))
    )


def downgrade() -> None:
    op.drop_table('process_report')
    op.drop_table('proof_keys')
