"""which former programs still work with the tables.

Revision: 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('program_floor',
    sa.Column('revision', sa.String(length=32), nullable=False),
    sa.PrimaryKeyConstraint('revision', name=op.f('pk_program_floor'))
    )


def downgrade() -> None:
    op.drop_table('program_floor')
