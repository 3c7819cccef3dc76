"""Callbacks as PSA sends them: appended id and action, signed body, few retries, switch-off.

(Vendor developer guide, callbacks; captured deliveries.)
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from plugin.edge.outgoing import post
from plugin.edge.shelf import Table
from plugin.hosts.connectwise_psa.emulator_records import Record, Records

Sender = Callable[[str, bytes, Mapping[str, str], float], int | None]

TYPES = {
    "service/tickets": "ticket",
    "company/companies": "company",
    "company/companies/sites": "site",
    "company/contacts": "contact",
    "company/configurations": "configuration",
    "finance/agreements": "agreement",
    "system/members": "member",
    "procurement/catalog": "productcatalog",
}
"""Which callback type a saved record fires. There is none for additions."""

PATIENCE = 5.0
RETRIED = frozenset({404, 409, 419, 429})
PAUSES = (timedelta(seconds=2), timedelta(seconds=4))
SWITCHED_OFF_AFTER = timedelta(days=3)
KEPT = 500
_AT_ONCE = 8
FORGERIES: dict[str, Record] = {
    "signature": {},
    "byte": {},
    "old-key": {},
    "site": {"FromUrl": "psa.stranger.example"},
    "company": {"CompanyId": "stranger"},
    "key": {"Metadata": {"key_url": "https://psa.stranger.example/system/callbackkey/index.rails"}},
}
"""What a stranger would change, by the word that asks for it."""


def _encoded(message: Record) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


class Callbacks:
    """The outgoing side of one emulated PSA.

    ``instance`` gives ``host``, ``key_base`` and ``company`` of the moment, for the message.
    """

    def __init__(
        self,
        records: Records,
        table: Callable[[str], Table],
        now: Callable[[], datetime],
        instance: Callable[[], Mapping[str, str]],
    ) -> None:
        """Queue in what ``table`` gives."""
        self._records, self._table, self._now, self._instance = records, table, now, instance
        self.sender: Sender = post

    # -- what is saved is told ---------------------------------------------------------------

    def fire(self, collection: str, record: Record, action: str, by: str) -> None:
        """Queue a delivery for every callback that watches this record."""
        kind = TYPES.get(collection)
        if kind is None or record.get("~silent"):
            return
        for entry in self._records.every("system/callbacks"):
            if entry["type"] == kind and _watches(entry, kind, record):
                self._queue(entry, collection, record, action, by)

    def _queue(self, entry: Record, collection: str, record: Record, action: str, by: str) -> None:
        if entry.get("inactiveFlag") or (
            entry.get("isSelfSuppressedFlag") and self._member(by) == entry.get("memberId")
        ):
            return
        shown = self._records.show(collection, record)
        row = {
            "callback": entry["id"],
            "type": entry["type"],
            "record": record["id"],
            "action": action,
            "member": by,
            "entity": None if action == "deleted" else json.dumps(shown, ensure_ascii=False),
            "due": (self._now() + timedelta(seconds=self._switch("callbacks-late"))).isoformat(),
            "tries": 0,
        }
        for _ in range(2 if self._switch("callbacks-twice") else 1):
            self._put(dict(row))

    def _put(self, row: Record) -> None:
        """Queue a message, or lose every so manieth of them when told so."""
        queue = self._table("outgoing")
        number = queue.next_id()
        queue[str(number)] = row
        every = self._switch("callbacks-lose-every")
        if every and number % every == 0:
            self._finish(str(number), row, "lost", None)

    def forge(self, entry: Record, how: str) -> None:
        """Queue a call that PSA never made; ``how`` is a word of :data:`FORGERIES`."""
        row = {"callback": entry["id"], "type": entry["type"], "record": 1, "action": "updated"}
        row |= {"member": "stranger", "entity": None, "due": self._now().isoformat(), "tries": 0}
        self._put({**row, "forged": how})

    # -- keys --------------------------------------------------------------------------------

    def rotate(self, *, expire: bool = False, in_place: bool = False) -> str:
        """Make a new signing key, under a new id unless ``in_place``; return its id.

        The old one stays readable unless ``expire``.
        """
        keys, current = self._table("keys"), self._table("key")
        old = current.get("current", {}).get("id", "")
        before = keys.get(old, {})
        if expire and old:
            del keys[old]
        name = old if in_place and old else str(uuid4())
        if old:
            current["retired"] = {"id": old, "signing_key": before["signing_key"]}
        keys[name] = {"signing_key": secrets.token_hex(16)}
        current["current"] = {"id": name}
        return name

    def key(self, company: str, name: str) -> str | None:
        """Return a signing key, or None for a wrong company or an unknown or expired id."""
        if company.lower() != self._instance()["company"].lower():
            return None
        found = self._table("keys").get(name.lower())
        return str(found["signing_key"]) if found else None

    # -- sending -----------------------------------------------------------------------------

    def due(self) -> list[tuple[str, str, bytes, str]]:
        """Return what must be sent now: queue id, address, body, signature."""
        now = self._now()
        queue = self._table("outgoing")
        ready = [n for n, row in queue.items() if datetime.fromisoformat(row["due"]) <= now]
        return [message for number in ready for message in self._compose(number, queue[number])]

    def send(self, messages: list[tuple[str, str, bytes, str]]) -> dict[str, int | None]:
        """Send messages, several at once; return the status (None: no answer) by queue id."""

        def one(message: tuple[str, str, bytes, str]) -> tuple[str, int | None]:
            number, url, body, signature = message
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                "x-content-signature": signature,
            }
            return number, self.sender(url, body, headers, PATIENCE)

        if len(messages) == 1:
            return dict([one(messages[0])])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(pool.map(one, messages))

    def settle(self, results: Mapping[str, int | None]) -> None:
        """Note what became of messages: sent, to be tried again, or lost."""
        queue = self._table("outgoing")
        for number, status in results.items():
            if number in queue:
                self._settle_one(number, queue[number], status)

    def _compose(self, number: str, row: Record) -> list[tuple[str, str, bytes, str]]:
        entry = self._records.get("system/callbacks", row["callback"])
        if entry is None or entry.get("inactiveFlag"):
            self._finish(number, row, "dropped", None)
            return []
        name = self._table("key")["current"]["id"]
        url = f"{entry['url']}{row['record']}&action={row['action']}"
        if "forged" in row:
            return [(number, url, *self._forged(row, name))]
        body = _encoded(self._message(row, name))
        return [(number, url, body, sign(self._table("keys")[name]["signing_key"], body))]

    def _forged(self, row: Record, name: str) -> tuple[bytes, str]:
        """Return body and signature of a call that only pretends to come from here."""
        how = row["forged"]
        if how == "old-key":
            old = self._table("key")["retired"]
            body = _encoded(self._message(row, old["id"]))
            return body, sign(old["signing_key"], body)
        body = _encoded({**self._message(row, name), **FORGERIES[how]})
        if how == "byte":
            honest = sign(self._table("keys")[name]["signing_key"], body)
            return body.replace(b"stranger", b"strangor", 1), honest
        return body, sign("a stranger's", body)

    def _message(self, row: Record, key: str) -> Record:
        instance = self._instance()
        query = urlencode({"companyName": instance["company"], "id": key})
        return {
            "Action": row["action"],
            "CallbackObjectRecId": row["callback"],
            "CompanyId": instance["company"],
            "Entity": row["entity"],
            "FromUrl": instance["host"],
            "ID": row["record"],
            "MemberId": row["member"],
            "MessageId": str(uuid4()),
            "Metadata": {
                "key_url": f"{instance['key_base']}/system/callbackkey/index.rails?{query}"
            },
            "PartnerId": "5f1b2c3d4e5f60718293a4b5",
            "ProductInstanceId": "60718293a4b55f1b2c3d4e5f",
            "Type": row["type"],
        }

    def _settle_one(self, number: str, row: Record, status: int | None) -> None:
        row["tries"] += 1
        if status is not None and 200 <= status < 300:
            self._finish(number, row, "sent", status)
        elif status in RETRIED and row["tries"] <= len(PAUSES):
            row["due"] = (self._now() + PAUSES[row["tries"] - 1]).isoformat()
            self._table("outgoing")[number] = row
        else:
            self._finish(number, row, "lost", status)

    def _finish(self, number: str, row: Record, state: str, status: int | None) -> None:
        """Move a message to the log, and judge its callback by it."""
        del self._table("outgoing")[number]
        log = self._table("outgoing-log")
        place = log.next_id()
        kept = {key: row[key] for key in ("callback", "type", "record", "action", "tries")}
        log[str(place)] = {**kept, "state": state, "status": status, "at": self._now().isoformat()}
        log.pop(str(place - KEPT), None)
        entry = self._records.get("system/callbacks", row["callback"])
        if entry is not None and state != "dropped":
            self._judge(entry, failed=state == "lost")

    def _judge(self, entry: Record, *, failed: bool) -> None:
        """Switch a callback off that has failed for three days on end."""
        since = entry.get("~failing")
        if not failed:
            entry.pop("~failing", None)
        elif since is None:
            entry["~failing"] = self._now().isoformat()
        elif self._now() - datetime.fromisoformat(since) >= SWITCHED_OFF_AFTER:
            entry["inactiveFlag"] = True
            entry.pop("~failing", None)
        if since is not None or failed:
            self._records.save("system/callbacks", entry, "system")

    def _switch(self, name: str) -> int:
        return int(self._table("switches").get(name, {}).get("value", 0))

    def _member(self, identifier: str) -> int | None:
        numbers = self._records.among("system/members", "identifier", identifier)
        return numbers[0] if numbers else None


def sign(key: str, body: bytes) -> str:
    """Return the signature header of a delivery."""
    derived = hashlib.sha256(key.encode()).digest()
    return base64.b64encode(hmac.new(derived, body, hashlib.sha256).digest()).decode()


def _watches(entry: Mapping[str, Any], kind: str, record: Mapping[str, Any]) -> bool:
    level, wanted = str(entry["level"]).lower(), entry["objectId"]
    if level == "owner":
        return True
    if level == kind:
        return bool(record["id"] == wanted)
    reference = record.get(level)
    return isinstance(reference, Mapping) and reference.get("id") == wanted
