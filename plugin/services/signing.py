"""Secrets that we make for a host's calls to us: made up, replaced without a gap, given out once.

The former secret counts for a day beside the new one, so that a person has time to put the new
one into every script; no call is refused meanwhile.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from plugin.domain.contracts import Adapter, Field, OffersScripts
from plugin.domain.errors import RuleError
from plugin.domain.model import Choice
from plugin.runtime import Runtime, sealed_place
from plugin.services.journal import audit
from plugin.store.base import writing
from plugin.store.integrations import Connection

OVERLAP = timedelta(days=1)
SECRET_BYTES = 32
OLD, UNTIL = "_old", "_old_until"


@dataclass(frozen=True, slots=True)
class Replaced:
    """A new secret, shown this once, and until when the former one counts too."""

    secret: str
    former_until: datetime | None


def made_up(adapter: type[Adapter], given: Mapping[str, str]) -> dict[str, str]:
    """Return a fresh value for each secret of ours that nobody has typed in."""
    missing = (each.name for each in _ours(adapter) if not given.get(each.name))
    return {name: secrets.token_urlsafe(SECRET_BYTES) for name in missing}


def kept(
    adapter: type[Adapter], old: Mapping[str, str], new: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """Return what has to be sealed beside ``new``, so that the former secrets count for a day.

    A secret that was not changed keeps the former one it had, as long as that still counts.
    """
    found: dict[str, str] = {}
    for name in (each.name for each in _ours(adapter)):
        if old.get(name) and old[name] != new.get(name):
            found |= {name + OLD: old[name], name + UNTIL: (now + OVERLAP).isoformat()}
        elif (until := _until(old, name, now)) is not None:
            found |= {name + OLD: old[name + OLD], name + UNTIL: until.isoformat()}
    return found


def signs(runtime: Runtime, connection: Connection) -> bool:
    """Tell whether scripts at this host call us, signed with a secret of ours."""
    kind = runtime.adapters.get(connection.kind)
    return kind is not None and issubclass(kind, OffersScripts) and bool(_ours(kind))


def former_until(runtime: Runtime, connection: Connection) -> datetime | None:
    """Return until when the former secret counts too; None when none does."""
    return _until(runtime.opened(connection), _field(runtime, connection), runtime.now())


def replace(runtime: Runtime, actor: str, connection: Connection) -> Replaced:
    """Make a new secret; the present one counts for another day."""
    name = _field(runtime, connection)
    with writing() as session:
        now, old = runtime.now(), runtime.opened(connection)
        hidden = {key: value for key, value in old.items() if key not in connection.settings}
        hidden |= {name: secrets.token_urlsafe(SECRET_BYTES)}
        hidden |= kept(runtime.adapter_class(connection.kind), old, hidden, now)
        connection.sealed = runtime.vault.seal(hidden, sealed_place(connection.id))
        until = _until(hidden, name, now)
        told = {"former_until": until.isoformat() if until else None}
        audit(runtime, session, actor, "webhook.secret", connection.name, after=told)
    return Replaced(hidden[name], until)


def computer_secret(runtime: Runtime, actor: str, connection: Connection, computer_id: str) -> str:
    """Give out the secret of one computer, which speaks for that computer alone."""
    secret = _host(runtime, connection).computer_secret(computer_id)
    with writing() as session:
        subject = f"{connection.name}: {computer_id}"
        audit(runtime, session, actor, "webhook.computer_secret", subject)
    return secret


def events(runtime: Runtime, connection: Connection) -> tuple[Choice, ...]:
    """Return what a script can report."""
    return _host(runtime, connection).script_events()


def script(runtime: Runtime, connection: Connection, event: str, computer_id: str) -> str:
    """Return the script that reports ``event``, ready to paste; it holds no secret.

    RuleError names the field at fault.
    """
    url = f"{runtime.settings.public_url}/webhooks/{connection.webhook_token}"
    return _host(runtime, connection).script_text(event, url, computer_id.strip())


def _ours(adapter: type[Adapter]) -> tuple[Field, ...]:
    return tuple(each for each in adapter.fields if each.generated)


def _field(runtime: Runtime, connection: Connection) -> str:
    if not signs(runtime, connection):
        raise RuleError("connection", "no script at this kind of host calls us")
    return _ours(runtime.adapter_class(connection.kind))[0].name


def _host(runtime: Runtime, connection: Connection) -> OffersScripts:
    _field(runtime, connection)
    return cast(OffersScripts, runtime.adapter(connection))


def _until(settings: Mapping[str, str], name: str, now: datetime) -> datetime | None:
    """Return until when the former secret counts, while it does."""
    if not settings.get(name + OLD) or not settings.get(name + UNTIL):
        return None
    until = datetime.fromisoformat(settings[name + UNTIL])
    return until if now < until else None
