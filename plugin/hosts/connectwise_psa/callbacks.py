"""Callbacks: registering them, and reading what they bring."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from plugin.domain.contracts import SendsWebhooks
from plugin.domain.errors import AnswerError, ForgedError, MissingError
from plugin.domain.model import Delivery, EventKind, HostEvent, Subscription
from plugin.edge.link import Link
from plugin.hosts.connectwise_psa.base import Psa
from plugin.hosts.connectwise_psa.filters import contains
from plugin.hosts.connectwise_psa.proof import KeyShelf, Proof, loaded
from plugin.hosts.connectwise_psa.refusals import EXISTS
from plugin.hosts.connectwise_psa.wire import SERVICE_TICKET
from plugin.hosts.connectwise_psa.wire_base import Row, changed_at
from plugin.hosts.connectwise_psa.wire_callbacks import KINDS, CallbackWire, EntityWire

CALLBACKS = "/system/callbacks"
WATCHED = ("ticket", "company", "agreement")
"""Types that we act on. There is none for additions: those are read in the billing run."""

_MESSAGE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class Callbacks(Psa, SendsWebhooks):
    """Registers callbacks, proves and reads deliveries."""

    def __init__(self, link: Link) -> None:
        """Start with the signing keys that this process already knows."""
        super().__init__(link)
        self._keys: KeyShelf = link.shared.setdefault("signing keys", KeyShelf(link.now))
        self._proof = Proof(self._api, self._keys)

    def wanted_subscriptions(self, url: str) -> tuple[Subscription, ...]:
        """Return one callback per type, each for everything of its type.

        ``url`` ends in ``recordId=``: PSA glues the record's id to whatever stands last.
        """
        return tuple(Subscription(url, kind) for kind in WATCHED)

    def subscriptions(self, url: str) -> Iterator[Subscription]:
        """Yield the callbacks that point at the origin of ``url``."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}/"
        for row in self._api.rows(CALLBACKS, contains("url", parts.netloc)):
            found = CallbackWire.value(row, self.title)
            if found.url.startswith(origin):
                yield found

    def subscribe(self, wanted: Subscription) -> None:
        """Register a callback for everything of its type."""
        entry = {
            "url": wanted.url,
            "type": wanted.kind,
            "level": "owner",
            "objectId": 1,
            "description": f"Bridgehead: {wanted.kind} changes",
            "inactiveFlag": False,
        }
        try:
            self._api.create(CALLBACKS, entry)
        except AnswerError as error:
            if error.code != EXISTS:
                raise

    def unsubscribe(self, present: Subscription) -> None:
        """Remove a callback. For one that is gone PSA says that the address does not exist."""
        try:
            self._api.send("DELETE", f"{CALLBACKS}/{self._number(present.id)}")
        except MissingError:
            return

    def repair(self, present: Subscription) -> None:
        """Switch a callback on again; nothing is sent afterwards for the time it was off."""
        path = f"{CALLBACKS}/{self._number(present.id)}"
        self._api.patch(path, {"inactiveFlag": False}, {})
        if not CallbackWire.value(self._api.one(path), self.title).active:
            raise AnswerError(self.title, f"did not switch callback {present.id} on again")

    def prove(self, delivery: Delivery) -> None:
        """Raise ForgedError unless PSA signed these very bytes."""
        self._proof.demand(delivery)

    def can_prove_offline(self, delivery: Delivery) -> bool:
        """Tell whether the signing key is at hand, or the delivery refused without one."""
        return self._proof.is_offline(delivery)

    def save_unchanged(self, ticket_id: str) -> None:
        """Write a ticket's summary over itself, in the belief that PSA tells every save."""
        path = f"/service/tickets/{self._number(ticket_id)}"
        row = self._api.one(path)
        self._api.patch(path, {"summary": row["summary"]}, row)

    def proof_keys(self) -> dict[str, str]:
        """Return the signing keys that are still good, each with the moment of its fetching."""
        return self._keys.told()

    def learn_proof_keys(self, keys: Mapping[str, str]) -> None:
        """Take in the signing keys another process fetched; they grow old as our own do."""
        self._keys.learn(keys)

    def read(self, delivery: Delivery) -> HostEvent:
        """Say which record changed. What the body says of it is old news: fetch the record."""
        try:
            told = self._proof.told(delivery)
        except ForgedError as error:
            raise AnswerError(self.title, error.message, code="shape") from None
        entity = self._entity(told["entity"])
        kind = KINDS.get(told["type"].casefold(), EventKind.UNKNOWN)
        record_type = entity.get("record_type", "")
        if kind is EventKind.TICKET and record_type.casefold() not in {"", SERVICE_TICKET}:
            kind = EventKind.UNKNOWN  # project tickets come under the same type
        return HostEvent(
            kind=kind,
            entity_id=told["record"],
            action=told["action"],
            message_id=told["message"] if _MESSAGE_ID.fullmatch(told["message"]) else "",
            occurred_at=changed_at(entity.get("info")),
            details=_details(type=told["type"], member=told["member"], record_type=record_type),
        )

    def _entity(self, text: str) -> Row:
        """Return what we use of the record inside; nothing where there is none to be read."""
        try:
            return EntityWire.parse(loaded(text), self.title, "a record") if text else {}
        except (ValueError, RecursionError, AnswerError):
            return {}


def _details(**given: str) -> tuple[tuple[str, str], ...]:
    """Keep what is said, short and printable."""
    return tuple(
        (name, "".join(filter(str.isprintable, value))[:100])
        for name, value in given.items()
        if value
    )
