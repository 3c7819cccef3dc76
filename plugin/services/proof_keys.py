"""Keys that prove hosts' calls, fetched by a worker and told to every other process.

Web processes never fetch one: a call must not make its receiver wait for anybody's server.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from sqlalchemy import select

from plugin.domain.contracts import SendsWebhooks
from plugin.domain.errors import PluginError
from plugin.runtime import Runtime
from plugin.store.base import db, writing
from plugin.store.integrations import Connection
from plugin.store.shared import ProofKeys
from plugin.store.upsert import insert_into


def tell(runtime: Runtime, connection: Connection, host: SendsWebhooks) -> None:
    """Tell the other processes what this one knows, where that is news."""
    keys = host.proof_keys()
    if not keys or keys == _told(runtime, connection.id):
        return
    values = {
        "connection_id": connection.id,
        "sealed": runtime.vault.seal(keys, _place(connection.id)),
        "told_at": runtime.now(),
    }
    with writing() as session:
        statement = insert_into(session, ProofKeys).values(**values)
        session.execute(
            statement.on_conflict_do_update(index_elements=["connection_id"], set_=values)
        )


def learn(runtime: Runtime, connections: Iterable[Connection]) -> None:
    """Let the hosts of this process know what others told. One database query."""
    by_id = {each.id: each for each in connections}
    rows = db.session.execute(
        select(ProofKeys.connection_id, ProofKeys.sealed).where(ProofKeys.connection_id.in_(by_id))
    ).all()
    for number, sealed in rows:
        # What cannot be opened or used is not known: the worker will fetch it again.
        with suppress(PluginError, ValueError):
            host = runtime.host(by_id[number])
            if isinstance(host, SendsWebhooks):
                host.learn_proof_keys(runtime.vault.unseal(sealed, _place(number)))


def _told(runtime: Runtime, connection_id: int) -> Mapping[str, str]:
    row = db.session.get(ProofKeys, connection_id)
    if row is None:
        return {}
    with suppress(PluginError):
        return runtime.vault.unseal(row.sealed, _place(connection_id))
    return {}


def _place(connection_id: int) -> str:
    return f"connection:{connection_id}:proof-keys"
