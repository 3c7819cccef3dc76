"""access: second factor, proven identities, company limits, scopes, one-time links.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('launch_link',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('device_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('made_by', sa.String(length=254), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_launch_link')),
    sa.UniqueConstraint('digest', name=op.f('uq_launch_link_digest'))
    )
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.add_column(sa.Column('scopes', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('companies', sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.add_column(sa.Column('identity', sa.String(length=500), nullable=True))
        batch_op.add_column(sa.Column('totp_sealed', sa.Text(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('totp_step', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('recovery', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.add_column(sa.Column('companies', sa.JSON(none_as_null=True), nullable=True))
        batch_op.create_unique_constraint(batch_op.f('uq_user_account_identity'), ['identity'])


def downgrade() -> None:
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_user_account_identity'), type_='unique')
        batch_op.drop_column('companies')
        batch_op.drop_column('recovery')
        batch_op.drop_column('totp_step')
        batch_op.drop_column('totp_sealed')
        batch_op.drop_column('identity')
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.drop_column('companies')
        batch_op.drop_column('scopes')
    op.drop_table('launch_link')
