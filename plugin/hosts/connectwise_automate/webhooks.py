"""Webhooks: the calls that scripts on the server or on computers make to us.

Automate has no register of callbacks, so there is nothing to subscribe to; the format is our own
(``webhook.schema.json`` beside this file), proved by :mod:`signature`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NoReturn

from marshmallow import fields, validate

from plugin.domain.contracts import OffersScripts, SendsWebhooks
from plugin.domain.errors import AnswerError, ForgedError, RuleError
from plugin.domain.model import (
    Choice,
    Delivery,
    EventAction,
    EventKind,
    HostEvent,
    Subscription,
)
from plugin.edge.link import Link
from plugin.edge.wire import Instant, Text
from plugin.hosts.connectwise_automate.api import number_of
from plugin.hosts.connectwise_automate.fields import list_of
from plugin.hosts.connectwise_automate.script import EVENTS, SECRET_REFERENCE, script_text
from plugin.hosts.connectwise_automate.signature import (
    KEY_ID_HEADER,
    SERVER_KEY,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE,
    computer_key,
    computer_of,
    computer_secret,
    matches,
    seconds_of,
)
from plugin.hosts.connectwise_automate.wire import AutomateWire

MEANINGS = {
    "alert_raised": (EventKind.ALERT, EventAction.ADDED),
    "alert_cleared": (EventKind.ALERT, EventAction.DELETED),
    "computer_online": (EventKind.COMPUTER, EventAction.UPDATED),
    "computer_offline": (EventKind.COMPUTER, EventAction.UPDATED),
    "bridge_result": (EventKind.BRIDGE, EventAction.UPDATED),
}
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_NUMBER_OR_NOTHING = re.compile(r"([1-9][0-9]{0,17})?\Z", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,60}\Z", re.ASCII)
_LONGEST_DETAIL = 2000
_MOST_DETAILS = 50


class Details(fields.Field[tuple[tuple[str, str], ...]]):
    """A flat record of short plain values, as pairs of text."""

    default_error_messages = {"invalid": "Not a flat record of short values."}

    def _deserialize(
        self, value: object, attr: object, data: object, **kwargs: object
    ) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, Mapping) or len(value) > _MOST_DETAILS:
            raise self.make_error("invalid")
        return tuple((self._name(name), self._text(each)) for name, each in value.items())

    def _name(self, name: object) -> str:
        if not _WORD.match(str(name)):
            raise self.make_error("invalid")
        return str(name)

    def _text(self, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is not None and not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        text = "" if value is None else str(value)
        if len(text) > _LONGEST_DETAIL or any("\ud800" <= each <= "\udfff" for each in text):
            raise self.make_error("invalid")
        return text


class BodyWire(AutomateWire):
    """What a script reports."""

    event = Text(data_key="event", required=True, validate=validate.Regexp(_WORD))
    computer_id = Text(data_key="computer_id", required=True, validate=validate.Regexp(_NUMBER))
    client_id = Text(data_key="client_id", validate=validate.Regexp(_NUMBER_OR_NOTHING))
    message_id = Text(data_key="message_id", required=True, validate=validate.Regexp(_GUID))
    occurred_at = Instant(data_key="occurred_at", required=True)
    details = Details(data_key="details", load_default=(), allow_none=True)


class ScriptWebhooks(SendsWebhooks, OffersScripts):
    """Proves and reads the calls of our scripts; mixed into the adapter."""

    title: ClassVar[str]
    registers_webhooks = False
    _link: Link

    def wanted_subscriptions(self, url: str) -> tuple[Subscription, ...]:
        """Return nothing: a person puts a script into Automate instead."""
        return ()

    def subscriptions(self, url: str) -> Iterator[Subscription]:
        """Yield nothing: there is no register."""
        return iter(())

    def subscribe(self, wanted: Subscription) -> None:
        """Refuse: there is no register."""
        raise RuleError("", "Automate has no register of callbacks; put the script into it.")

    def unsubscribe(self, present: Subscription) -> None:
        """Do nothing: nothing was registered."""

    def repair(self, present: Subscription) -> None:
        """Do nothing: nothing was registered."""

    def can_prove_offline(self, delivery: Delivery) -> bool:
        """Tell that proving needs no network, ever: the secret is ours."""
        return True

    def prove(self, delivery: Delivery) -> None:
        """Raise ForgedError unless a secret of this connection signed these bytes just now."""
        timestamp = delivery.header(TIMESTAMP_HEADER)
        seconds = seconds_of(timestamp)
        if seconds is None:
            raise ForgedError(self.title, "the call has no time stamp in whole seconds")
        arrived = delivery.received_at or self._link.now()
        key_id = delivery.header(KEY_ID_HEADER) or SERVER_KEY
        secrets = self._secrets(key_id, arrived)
        signature = delivery.header(SIGNATURE_HEADER)
        if not any(matches(each, timestamp, delivery.body, signature) for each in secrets):
            raise ForgedError(self.title, "the call's signature does not match")
        self._prove_moment(seconds, arrived)
        self._prove_computer(key_id, delivery)

    def read(self, delivery: Delivery) -> HostEvent:
        """Say what a call means: a hint about one computer, the record itself is fetched again."""
        said = self._body(delivery)
        kind, action = MEANINGS.get(said["event"], (EventKind.UNKNOWN, EventAction.UNKNOWN))
        named = (("event", said["event"]), ("client_id", said["client_id"]))
        return HostEvent(
            kind=kind,
            entity_id=said["computer_id"],
            action=action,
            message_id=said["message_id"].lower(),
            occurred_at=said["occurred_at"],
            details=named + (said["details"] or ()),
        )

    def script_events(self) -> tuple[Choice, ...]:
        """Return the events there is a script for."""
        return tuple(Choice(event, label) for event, label in EVENTS.items())

    def script_text(self, event: str, url: str, computer_id: str) -> str:
        """Return the PowerShell text that reports ``event``; the secret is not in it."""
        key = computer_key(number_of(computer_id, "computer_id")) if computer_id else SERVER_KEY
        return script_text(event, url, SECRET_REFERENCE, key)

    def computer_secret(self, computer_id: str) -> str:
        """Return the secret of one computer, derived from the connection's."""
        secret = self._link.settings.get("webhook_secret", "")
        if not secret:
            raise RuleError("webhook_secret", "The connection has no webhook secret yet.")
        return computer_secret(secret, number_of(computer_id, "computer_id"))

    def _secrets(self, key_id: str, arrived: datetime) -> tuple[str, ...]:
        """Return the secrets a key id may mean: the present one, and the former for a day."""
        settings = self._link.settings
        given = [settings.get("webhook_secret", "")]
        if _not_over(settings.get("webhook_secret_old_until", ""), arrived):
            given.append(settings.get("webhook_secret_old", ""))
        roots = tuple(secret for secret in given if secret)
        if not roots:
            raise ForgedError(self.title, "the connection has no webhook secret")
        if key_id == SERVER_KEY:
            return roots
        computer = computer_of(key_id)
        if computer is None:
            raise ForgedError(self.title, "the call names a key that does not exist")
        if computer in list_of(settings, "webhook_blocked_computers"):
            raise ForgedError(self.title, f"the secret of computer {computer} is blocked")
        return tuple(computer_secret(root, computer) for root in roots)

    def _prove_moment(self, seconds: int, arrived: datetime) -> None:
        skew = seconds - round(arrived.timestamp())
        if abs(skew) > TOLERANCE:
            way = "ahead of" if skew > 0 else "behind"
            text = f"the call's time stamp is {abs(skew)} seconds {way} our clock"
            raise ForgedError(self.title, f"{text}, {TOLERANCE} are allowed")

    def _prove_computer(self, key_id: str, delivery: Delivery) -> None:
        """Let a computer's own secret speak for that computer only."""
        computer = computer_of(key_id)
        if computer is None:
            return
        try:
            named = self._body(delivery)["computer_id"]
        except AnswerError as error:
            raise ForgedError(self.title, error.message) from None
        if named != computer:
            raise ForgedError(self.title, "the call speaks for another computer than its key")

    def _body(self, delivery: Delivery) -> dict[str, Any]:
        try:
            said = json.loads(delivery.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            text = "sent a call that is not JSON"
            raise AnswerError(self.title, text, code="not_json") from None
        return BodyWire.parse(said, self.title, "a script's call")


def _not_over(until: str, arrived: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        return False
    return arrived < (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(word)
