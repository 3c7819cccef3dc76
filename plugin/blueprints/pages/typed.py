"""The form of a connection as it was sent, and its fields as they are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from plugin.blueprints.forms import Faults, Widget, schema_for, values_of, widgets
from plugin.blueprints.guard import runtime
from plugin.domain.contracts import Adapter
from plugin.services import connections
from plugin.settings.sandbox import Offer
from plugin.store.integrations import Connection


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent: the adapter's values and what stands beside them."""

    adapter: type[Adapter]
    name: str
    values: dict[str, str]
    version: int = 0
    allow_private: bool = False
    anyway: bool = False
    saved: Connection | None = None
    offer: Offer | None = None

    @property
    def origin(self) -> str | None:
        """Where the sandbox answers, when the connection leads there."""
        kept = self.saved.origin_override if self.saved else None
        return self.offer.origin if self.offer else kept

    @property
    def only_check(self) -> bool:
        """Whether the form is to be tried and not saved."""
        return request.form.get("do") == "check"

    @property
    def asks(self) -> bool:
        """Whether nothing is to be saved, whatever comes out."""
        return request.form.get("do") in {"check", "certificate"}


def empty(adapter: type[Adapter], *, sandbox: bool = False) -> Sent:
    """Return the form of a new connection, filled with what the sandbox expects when asked for."""
    first = {each.name: each.default for each in adapter.fields if each.default is not None}
    offer = offer_of(adapter.kind) if sandbox else None
    return Sent(adapter, adapter.title, {**first, **_sample(offer)}, offer=offer)


def of_saved(adapter: type[Adapter], row: Connection) -> Sent:
    """Return the form of a connection that exists."""
    return Sent(adapter, row.name, row.settings, row.version, row.allow_private, saved=row)


def offer_of(kind: str) -> Offer | None:
    """Return what the sandbox of this installation offers for a kind; None without one."""
    return runtime().settings.sandbox_offers.get(kind)


def _sample(offer: Offer | None) -> Mapping[str, str]:
    return offer.values if offer else {}


def read(adapter: type[Adapter], saved: Connection | None = None) -> tuple[Sent, Faults]:
    """Return a form as it was sent, and the faults by field."""
    given, faults = schema_for(adapter).read(request.form)
    return _sent(adapter, given, saved), faults


def _sent(adapter: type[Adapter], given: dict[str, Any], saved: Connection | None) -> Sent:
    version = str(given.get("version") or "0")
    offer = offer_of(adapter.kind) if given.get("sandbox") and saved is None else None
    typed = bool(given.get("allow_private"))
    return Sent(
        adapter=adapter,
        name=str(given.get("name", "")),
        values=values_of(adapter, given) | _unseen(adapter, given, offer) | _pinned(adapter, given),
        version=int(version) if version.isdecimal() else 0,
        allow_private=saved.allow_private if saved else typed,
        anyway=bool(given.get("anyway")),
        saved=saved,
        offer=offer,
    )


def _unseen(
    adapter: type[Adapter], given: Mapping[str, Any], offer: Offer | None
) -> dict[str, str]:
    """Return the sandbox's own secrets, which no form is sent, where none was typed in."""
    secret = {field.name for field in adapter.fields if field.secret}
    sample = _sample(offer).items()
    return {name: value for name, value in sample if name in secret and not given.get(name)}


def _pinned(adapter: type[Adapter], given: dict[str, Any]) -> dict[str, str]:
    """Return the fetched certificate in its field, once a person has ticked it."""
    field, pem = connections.certificate_field(adapter), str(given.get("fetched") or "")
    return {field: pem} if field and pem and given.get("pin") else {}


def drawn_fields(sent: Sent, faults: Faults) -> list[Widget]:
    """Return the adapter's fields as they are drawn; no secret is among them."""
    secrets = [field.name for field in sent.adapter.fields if field.secret]
    if sent.offer:
        kept = [each for each in secrets if sent.offer.values.get(each)]
        says = "Leave this empty to use the sandbox's own."
        return widgets(sent.adapter, sent.values, faults, saved=kept, saved_says=says)
    return widgets(sent.adapter, sent.values, faults, saved=secrets if sent.saved else ())


def slots(drawn: list[Widget]) -> dict[str, list[Widget]]:
    """Return the fields of further credentials by the name of their slot."""
    found: dict[str, list[Widget]] = {}
    for each in drawn:
        if each.slot and not each.advanced:
            found.setdefault(each.slot, []).append(each)
    return found
