"""what a look for detections costs.

Revision: 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('connection', schema=None) as batch_op:
        cost = sa.Column('look_calls', sa.Double(), server_default='0', nullable=False)
        batch_op.add_column(cost)
    # It was measured in seconds for a device, now for a call.
    op.execute("UPDATE bridge SET pace = 0, tasks_done = 0")


def downgrade() -> None:
    with op.batch_alter_table('connection', schema=None) as batch_op:
        batch_op.drop_column('look_calls')
