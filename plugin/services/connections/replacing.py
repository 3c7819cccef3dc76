"""Replacing a secret: the new one is tried first, and the old one stays until the new one works."""

from collections.abc import Mapping, Sequence

from plugin.domain.errors import EdgeError, RuleError
from plugin.runtime import Runtime
from plugin.services.connections.checking import CheckStep, Outcome, rehearse
from plugin.services.connections.forms import HIDDEN
from plugin.store.integrations import Connection, ConnectionState


def replaced(runtime: Runtime, connection: Connection, values: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets for which ``values`` bring another one."""
    old = runtime.opened(connection)
    return [
        field.name
        for field in runtime.adapter_class(connection.kind).fields
        if field.secret and values.get(field.name) not in {None, "", HIDDEN, old.get(field.name)}
    ]


def keeps_old(
    runtime: Runtime,
    connection: Connection,
    values: Mapping[str, str],
    steps: Sequence[CheckStep],
) -> bool:
    """Tell whether a check that failed must not cost the connection a secret that works."""
    failed = any(each.outcome is Outcome.FAILED for each in steps)
    in_use = connection.state != ConnectionState.ATTENTION
    return failed and in_use and bool(replaced(runtime, connection, values))


def demand_working(
    runtime: Runtime, connection: Connection, name: str, values: Mapping[str, str]
) -> None:
    """Try another secret before it is saved; RuleError at its field when it does not work."""
    new = replaced(runtime, connection, values)
    if not new:
        return
    try:
        steps = rehearse(
            runtime,
            connection.kind,
            name,
            values,
            saved=connection,
            allow_private=connection.allow_private,
        )
    except EdgeError as error:
        steps = [CheckStep("Address", Outcome.FAILED, error.message)]
    if keeps_old(runtime, connection, values, steps):
        last = steps[-1]
        said = f"{last.name}: {last.seen}. {last.cause}. {last.cure}".replace("..", ".")
        raise RuleError(new[0], f"The check failed with it, so the old one stays in use. {said}")
