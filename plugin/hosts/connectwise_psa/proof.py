"""Proving that a callback came from this PSA (vendor developer guide, callbacks).

The body names the address of the signing key, and whoever sends a body chooses it. So it is
believed only when it lies on the connection's own server, exactly; anybody could sign with a key
of their own otherwise.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from plugin.domain.errors import AnswerError, ForgedError, MissingError, RefusedError
from plugin.domain.model import Delivery
from plugin.edge.addresses import Place, parse
from plugin.edge.http import Answer
from plugin.hosts.connectwise_psa.api import PsaApi
from plugin.hosts.connectwise_psa.signing import is_signature, matches
from plugin.hosts.connectwise_psa.wire_base import Row
from plugin.hosts.connectwise_psa.wire_callbacks import DeliveryWire, SigningKey

HEADER = "x-content-signature"
KEY_PATH = "/system/callbackkey/index.rails"
KEY_BYTES, KEY_SECONDS = 4096, 3.0
KEPT_FOR, KEPT_KEYS = timedelta(minutes=5), 50
VAIN_FOR = timedelta(seconds=30)
"""How long a key that was just fetched afresh is not fetched again for another bad signature."""

_LONGEST_ADDRESS = 1000
FOREIGN_KEY = "the key address is on another host than this connection"


class KeyShelf:
    """Signing keys by their whole address, for minutes: PSA moves them without notice.

    One shelf serves every thread: a key that one of them learns to be old is old for all. What
    one process fetched may be told to the others; there it is good no longer than here.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Start empty; ``now`` tells their age."""
        self._now = now
        self._keys: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._vain: dict[str, datetime] = {}
        self._cleared_at: datetime | None = None
        self._lock = threading.Lock()

    def find(self, url: str) -> str | None:
        """Return the key, unless it is unknown or too old."""
        known = self._keys.get(url)
        return known[0] if known and self._is_within(known[1], KEPT_FOR) else None

    def put(self, url: str, key: str) -> None:
        """Keep a key; the oldest ones make room."""
        with self._lock:
            self._keys[url] = (key, self._now())
            self._keys.move_to_end(url)
            while len(self._keys) > KEPT_KEYS:
                self._vain.pop(self._keys.popitem(last=False)[0], None)

    def clear(self) -> None:
        """Forget every key."""
        with self._lock:
            self._keys.clear()
            self._cleared_at = self._now()

    def keep_only(self, url: str, key: str) -> None:
        """Forget every other key: PSA signs with a new one, so an older one must be asked for."""
        with self._lock:
            self._keys.clear()
        self.put(url, key)

    def told(self) -> dict[str, str]:
        """Return the keys that are good, by address: the moment of fetching, a blank, the key."""
        with self._lock:
            known = list(self._keys.items())
        return {
            url: f"{fetched.isoformat()} {key}"
            for url, (key, fetched) in known
            if self._is_within(fetched, KEPT_FOR)
        }

    def learn(self, told: Mapping[str, str]) -> None:
        """Know what another process told, but nothing from before the last clearing here.

        A key that the teller has forgotten for a newer one must not vouch here any longer.
        """
        given = {url: _fetched(text) for url, text in told.items()}
        newest = max((fetched for _, fetched in given.values()), default=None)
        with self._lock:
            for url, (_, fetched) in list(self._keys.items()):
                if newest is not None and url not in given and fetched < newest:
                    del self._keys[url]
            for url, (key, fetched) in given.items():
                old = self._cleared_at is not None and fetched <= self._cleared_at
                if not old and (url not in self._keys or self._keys[url][1] < fetched):
                    self._keys[url] = (key, fetched)

    def mark_vain(self, url: str) -> None:
        """Remember that even a fresh key did not fit a delivery."""
        self._vain[url] = self._now()

    def is_vain(self, url: str) -> bool:
        """Tell whether fetching this key afresh has just been in vain."""
        return url in self._vain and self._is_within(self._vain[url], VAIN_FOR)

    def _is_within(self, moment: datetime, span: timedelta) -> bool:
        return timedelta(0) <= self._now() - moment <= span


def _fetched(text: str) -> tuple[str, datetime]:
    moment, _, key = text.partition(" ")
    return key, datetime.fromisoformat(moment)


class Proof:
    """Judges deliveries for one connection."""

    def __init__(self, api: PsaApi, keys: KeyShelf) -> None:
        """Judge by the site and login company of ``api``, with the keys that are known."""
        self._api = api
        self._keys = keys

    def demand(self, delivery: Delivery) -> None:
        """Raise ForgedError, with the reason, unless PSA signed these very bytes."""
        signature, url = self._claims(delivery)
        known = self._keys.find(url)
        if known is not None:
            if matches(known, delivery.body, signature):
                return
            if self._keys.is_vain(url):
                raise self._forged("the signature does not fit the body")
        key = self._fetch(url)
        if not matches(key, delivery.body, signature):
            self._keys.put(url, key)
            self._keys.mark_vain(url)
            raise self._forged("the signature does not fit the body")
        self._keys.keep_only(url, key)

    def is_offline(self, delivery: Delivery) -> bool:
        """Tell whether :meth:`demand` would decide without a call."""
        try:
            signature, url = self._claims(delivery)
        except ForgedError:
            return True
        known = self._keys.find(url)
        if known is None:
            # Perhaps PSA has a new key: then no older one may vouch for anything unasked.
            self._keys.clear()
            return False
        return matches(known, delivery.body, signature) or self._keys.is_vain(url)

    def told(self, delivery: Delivery) -> Row:
        """Return the body's fields; ForgedError when it is not what PSA sends."""
        try:
            return DeliveryWire.parse(loaded(delivery.body), self._api.who, "a callback")
        except (ValueError, RecursionError):
            raise self._forged("the body is not JSON") from None
        except AnswerError as error:
            raise self._forged(f"the body is not that of a callback: {error.message}") from None

    # -- inside ----------------------------------------------------------------------------------

    def _claims(self, delivery: Delivery) -> tuple[str, str]:
        """Return signature and key address, after everything that can be judged without a call."""
        signature = delivery.header(HEADER).strip()
        if not is_signature(signature):
            raise self._forged("there is no readable x-content-signature")
        told = self.told(delivery)
        if told["company"] and not self._is_ours(told["company"]):
            raise self._forged("it is for another login company than this connection's")
        if told["host"] and not self._api.site.owns_host(told["host"]):
            raise self._forged("it comes from another site than this connection's")
        return signature, self._key_address(told["metadata"].get("key_url"))

    def _key_address(self, given: Any) -> str:  # noqa: ANN401 - whatever somebody sent
        if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_ADDRESS:
            raise self._forged("there is no key address")
        parts = urlsplit(given) if "#" not in given else None
        if parts is None or not self._api.site.owns(self._place(given)):
            raise self._forged(FOREIGN_KEY)
        if not parts.path.endswith(KEY_PATH) or "%" in parts.path or ".." in parts.path:
            raise self._forged("the key address does not lead to a callback key")
        named = parse_qs(parts.query, max_num_fields=10).get("companyName", [])
        if len(named) != 1 or not self._is_ours(named[0]):
            raise self._forged("the key address is for another login company")
        return given

    def _place(self, url: str) -> Place:
        try:
            return parse(url, schemes=("https", "http"))
        except ValueError:
            raise self._forged("the key address cannot be read") from None

    def _is_ours(self, company: str) -> bool:
        return company.casefold() == self._api.login_company.casefold()

    def _fetch(self, url: str) -> str:
        """Fetch a key with our clientId, and with our keys too if the site wants them."""
        headers = {"clientId": self._api.client_id, "Accept": "application/json"}
        try:
            try:
                answer = self._ask(url, headers)
            except RefusedError as error:
                if error.status != 401:
                    raise
                answer = self._ask(url, {**headers, "Authorization": self._api.authorization})
            return str(self._key(answer))
        except MissingError:
            raise self._forged("the host does not know the signing key (any more)") from None
        except AnswerError as error:
            raise self._forged(f"the key address gives no key: {error.message}") from None

    def _ask(self, url: str, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        http = self._api.open(f"{parts.scheme}://{parts.netloc}")
        try:
            return http.get(url, headers=headers, limit=KEY_BYTES, timeout=KEY_SECONDS)
        finally:
            http.close()

    def _key(self, answer: Answer) -> object:
        # The content type of keys is not certain, so the text is read as what it is.
        told = SigningKey.parse(answer.json(), self._api.who, "a signing key")
        if not told["signing_key"]:
            raise AnswerError(self._api.who, "answered an empty key", code="shape")
        return told["signing_key"]

    def _forged(self, reason: str) -> ForgedError:
        return ForgedError(self._api.who, reason)


def loaded(body: bytes | str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a body says; ValueError or RecursionError when it is not JSON."""
    return json.loads(body, parse_constant=_refused)


def _refused(word: str) -> object:
    raise ValueError(word)
