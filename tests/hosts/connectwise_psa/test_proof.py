"""Proving deliveries: every trap of the callback's signature."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.errors import ForgedError, RefusedError, TransientError
from plugin.domain.model import Delivery
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import COMPANY, ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from plugin.hosts.connectwise_psa.proof import FOREIGN_KEY, KEPT_KEYS
from plugin.hosts.connectwise_psa.signing import sign
from tests.hosts.connectwise_psa.caller import Json
from tests.rig import ORIGIN, link_to, small_world

URL = "https://b.example/webhooks/token?recordId="
EVIL = "attacker-key"


@dataclass
class Scene:
    """A PSA that sends, a host adapter that judges, and a clock moved by hand."""

    psa: ConnectWisePsaEmulator
    at: datetime = field(default_factory=lambda: datetime(2026, 11, 2, 8, tzinfo=UTC))
    caught: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.psa.callbacks.sender = self._catch
        self.host = ConnectWisePsa(link_to(self.psa, now=lambda: self.at))
        for wanted in self.host.wanted_subscriptions(URL):
            self.host.subscribe(wanted)

    def _catch(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        self.caught.append(Delivery(body, tuple((k.lower(), v) for k, v in headers.items())))
        return 204

    def delivery(self) -> Delivery:
        """Return a genuine delivery."""
        self.psa.occur(Happening("ticket-saved", {"ticket": 1}))
        self.psa.background()
        return self.caught[-1]

    @property
    def key_calls(self) -> int:
        return sum("callbackkey" in each["path"] for each in self.psa.requests)

    def prove(self, delivery: Delivery) -> str:
        """Return why a delivery is refused, or nothing."""
        try:
            self.host.prove(delivery)
        except ForgedError as error:
            return error.message
        return ""


@pytest.fixture
def scene(psa: ConnectWisePsaEmulator) -> Scene:
    return Scene(psa)


def told(delivery: Delivery) -> Json:
    return json.loads(delivery.body)


def signed(body: Json, key: str = EVIL) -> Delivery:
    raw = json.dumps(body).encode()
    return Delivery(raw, (("x-content-signature", sign(key, raw)),))


def with_key_url(delivery: Delivery, key_url: object) -> Delivery:
    """Return a delivery that names another key address, rightly signed by an attacker."""
    return signed({**told(delivery), "Metadata": {"key_url": key_url}})


def test_a_genuine_delivery_is_proved(scene: Scene) -> None:
    delivery = scene.delivery()
    assert not scene.host.can_prove_offline(delivery)
    assert scene.prove(delivery) == ""
    assert scene.host.can_prove_offline(delivery)


def test_a_changed_byte_is_forged(scene: Scene) -> None:
    delivery = scene.delivery()
    changed = replace(delivery, body=delivery.body.replace(b'"ID": 1', b'"ID": 2'))
    assert changed.body != delivery.body
    assert "does not fit" in scene.prove(changed)


def test_the_same_json_written_otherwise_is_forged(scene: Scene) -> None:
    delivery = scene.delivery()
    rewritten = json.dumps(told(delivery), separators=(",", ":")).encode()
    assert "does not fit" in scene.prove(replace(delivery, body=rewritten))


@pytest.mark.parametrize("header", ["", "x", "A" * 44, "c12d" * 16, "=" * 44])
def test_without_a_readable_signature_nothing_is_fetched(scene: Scene, header: str) -> None:
    delivery = replace(scene.delivery(), headers=(("x-content-signature", header),))
    assert "no readable" in scene.prove(delivery)
    assert scene.host.can_prove_offline(delivery)
    assert "no readable" in scene.prove(replace(delivery, headers=()))
    assert scene.key_calls == 0


@pytest.mark.parametrize(
    "make",
    [
        "https://evil.example{path}",
        "http://127.0.0.1:2{path}",
        "https://127.0.0.1:1{path}",
        "http://127.0.0.1:1.evil.example{path}",
        "http://localhost:1{path}",
        "https://api-127.0.0.1:1{path}",
    ],
)
def test_a_key_on_another_host_is_never_fetched(scene: Scene, make: str) -> None:
    delivery = scene.delivery()
    path = told(delivery)["Metadata"]["key_url"].removeprefix(ORIGIN)
    forged = with_key_url(delivery, make.format(path=path))
    assert scene.prove(forged) in {FOREIGN_KEY, "the key address cannot be read"}
    assert scene.host.can_prove_offline(forged)
    assert scene.key_calls == 0


def test_the_reason_for_a_foreign_key_is_said_in_plain_words(scene: Scene) -> None:
    forged = with_key_url(scene.delivery(), "https://evil.example/system/callbackkey/index.rails")
    assert scene.prove(forged) == "the key address is on another host than this connection"


@pytest.mark.parametrize(
    ("key_url", "reason"),
    [
        ("{origin}/v2025_1/other?companyName={company}&id=1", "does not lead to a callback key"),
        ("{origin}{path}/../x?companyName={company}", "does not lead"),
        ("{origin}/..{path}?companyName={company}", "does not lead"),
        ("{origin}/%2e%2e{path}?companyName={company}", "does not lead"),
        ("{origin}{path}/?companyName={company}", "does not lead"),
        ("{origin}{path}?companyName=other&id=1", "another login company"),
        ("{origin}{path}?companyName={company}&companyName=other", "another login company"),
        ("{origin}{path}?id=1", "another login company"),
        ("{origin}{path}#?companyName={company}", "another host"),
        ("http://user:pw@127.0.0.1:1{path}?companyName={company}", "cannot be read"),
        ("ftp://127.0.0.1:1{path}", "cannot be read"),
        ("{origin}{path}?companyName={company}&x=" + "y" * 1000, "no key address"),
        ("", "no key address"),
        (None, "no key address"),
        (7, "no key address"),
        (["{origin}"], "no key address"),
    ],
)
def test_an_odd_key_address_is_never_fetched(scene: Scene, key_url: object, reason: str) -> None:
    if isinstance(key_url, str):
        path = "/system/callbackkey/index.rails"
        key_url = key_url.format(origin=ORIGIN, path=path, company=COMPANY)
    forged = with_key_url(scene.delivery(), key_url)
    assert reason in scene.prove(forged)
    assert scene.key_calls == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CompanyId": "other"}, "another login company"),
        ({"FromUrl": "evil.example"}, "another site"),
        ({"FromUrl": "127.0.0.1"}, "another site"),
        ({"ID": None}, "not that of a callback"),
        ({"Metadata": []}, "not that of a callback"),
        ({"Metadata": {}}, "no key address"),
    ],
)
def test_a_delivery_for_somebody_else_is_forged(
    scene: Scene, changes: Mapping[str, object], reason: str
) -> None:
    assert reason in scene.prove(signed({**told(scene.delivery()), **changes}))
    assert scene.key_calls == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"ID":Infinity}'])
def test_a_body_that_is_no_callback_is_forged(scene: Scene, body: bytes) -> None:
    delivery = Delivery(body, (("x-content-signature", sign(EVIL, body)),))
    assert "the body is not" in scene.prove(delivery)


def test_older_versions_that_say_less_are_proved_too(scene: Scene) -> None:
    delivery = scene.delivery()
    names = ("Action", "Type", "ID", "Entity", "Metadata")
    key = next(iter(scene.psa.table("keys").values()))["signing_key"]
    assert scene.prove(signed({name: told(delivery)[name] for name in names}, key)) == ""


def test_the_company_counts_in_any_letter_case(scene: Scene) -> None:
    body = told(scene.delivery())
    key_url = body["Metadata"]["key_url"].replace(COMPANY, COMPANY.upper())
    changed = {**body, "CompanyId": COMPANY.upper(), "Metadata": {"key_url": key_url}}
    key = next(iter(scene.psa.table("keys").values()))["signing_key"]
    assert scene.prove(signed(changed, key)) == ""


def test_a_cloud_site_and_its_api_form_are_the_same_place(psa: ConnectWisePsaEmulator) -> None:
    psa.occur(Happening("switch", {"site": "https://api-na.myconnectwise.net"}))
    settings = {**psa.connection_settings(), "site": "na.myconnectwise.net"}
    host = ConnectWisePsa(link_to(psa, settings))
    scene = Scene(psa)
    scene.host = host
    assert scene.prove(scene.delivery()) == ""


def test_a_key_is_fetched_once_for_minutes_only(scene: Scene) -> None:
    first, second = scene.delivery(), scene.delivery()
    assert scene.prove(first) == scene.prove(second) == ""
    assert scene.key_calls == 1
    scene.at += timedelta(minutes=6)
    assert not scene.host.can_prove_offline(second)
    assert scene.prove(second) == ""
    assert scene.key_calls == 2


def test_a_key_that_moved_to_another_address_is_found(scene: Scene) -> None:
    assert scene.prove(scene.delivery()) == ""
    scene.psa.occur(Happening("rotate-key"))
    assert scene.prove(scene.delivery()) == ""
    assert scene.key_calls == 2


def test_an_old_key_is_worth_nothing_once_a_new_one_was_seen(scene: Scene) -> None:
    old = scene.delivery()
    assert scene.prove(old) == ""
    scene.psa.occur(Happening("rotate-key", {"expire": True}))
    assert scene.prove(scene.delivery()) == ""
    assert scene.prove(old) == "the host does not know the signing key (any more)"


def test_what_one_thread_learns_of_a_new_key_holds_for_the_others(scene: Scene) -> None:
    link = link_to(scene.psa, now=lambda: scene.at)
    one, other = ConnectWisePsa(link), ConnectWisePsa(link)
    old = scene.delivery()
    other.prove(old)
    scene.psa.occur(Happening("rotate-key", {"expire": True}))
    one.prove(scene.delivery())
    with pytest.raises(ForgedError, match="does not know the signing key"):
        other.prove(old)


def test_a_key_that_changed_in_its_place_is_fetched_afresh(scene: Scene) -> None:
    assert scene.prove(scene.delivery()) == ""
    scene.psa.occur(Happening("rotate-key", {"in_place": True}))
    delivery = scene.delivery()
    assert not scene.host.can_prove_offline(delivery)
    assert scene.prove(delivery) == ""
    assert scene.key_calls == 2


def test_a_flood_of_bad_signatures_fetches_a_key_twice_at_most(scene: Scene) -> None:
    delivery = scene.delivery()
    assert scene.prove(delivery) == ""
    for number in range(20):
        bad = replace(delivery, body=delivery.body + b" " * (number + 1))
        assert "does not fit" in scene.prove(bad)
        assert scene.host.can_prove_offline(bad)
    assert scene.key_calls == 2
    scene.at += timedelta(minutes=1)
    assert "does not fit" in scene.prove(replace(delivery, body=delivery.body + b" "))
    assert scene.key_calls == 3
    assert scene.prove(delivery) == ""


@pytest.mark.breaches
def test_many_key_addresses_do_not_fill_the_memory(scene: Scene) -> None:
    genuine = scene.delivery()
    base = told(genuine)["Metadata"]["key_url"]
    for number in range(KEPT_KEYS + 10):
        scene.prove(with_key_url(genuine, f"{base}&n={number}"))
    keys = scene.host._proof._keys
    assert len(keys._keys) == KEPT_KEYS
    assert len(keys._vain) <= KEPT_KEYS


def test_an_expired_key_is_forged_with_the_reason(scene: Scene) -> None:
    delivery = scene.delivery()
    scene.psa.occur(Happening("rotate-key", {"expire": True}))
    assert "does not know the signing key" in scene.prove(delivery)


def test_a_site_that_wants_credentials_for_keys_gets_them(scene: Scene) -> None:
    delivery = scene.delivery()
    scene.psa.occur(Happening("switch", {"key-credentials": True, "key-as-page": True}))
    assert scene.prove(delivery) == ""
    assert scene.key_calls == 2


def test_refused_credentials_are_for_an_administrator(scene: Scene) -> None:
    delivery = scene.delivery()
    scene.psa.occur(Happening("switch", {"key-credentials": True, "member-off": True}))
    with pytest.raises(RefusedError):
        scene.host.prove(delivery)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("redirect", "gives no key"), ("truncated", "gives no key")],
)
def test_what_is_no_key_proves_nothing(scene: Scene, fault: str, reason: str) -> None:
    delivery = scene.delivery()
    scene.psa.add_fault(fault, path="callbackkey", times=9)
    assert reason in scene.prove(delivery)


def test_an_answer_that_is_too_large_for_a_key_is_not_read(scene: Scene) -> None:
    delivery = scene.delivery()
    name = scene.psa.table("key")["current"]["id"]
    scene.psa.table("keys")[name] = {"signing_key": "x" * 5000}
    assert "larger than" in scene.prove(delivery)
    scene.psa.table("keys")[name] = {"signing_key": ""}
    assert "gives no key" in scene.prove(delivery)


@pytest.mark.parametrize("fault", ["503", "refuse", "429", "html"])
def test_when_the_key_cannot_be_had_now_the_delivery_waits(scene: Scene, fault: str) -> None:
    delivery = scene.delivery()
    scene.psa.add_fault(fault, path="callbackkey", times=9)
    with pytest.raises(TransientError):
        scene.host.prove(delivery)
    scene.psa.faults.clear()
    assert Scene(scene.psa).prove(delivery) == ""


def test_another_instance_with_the_same_company_name_is_not_believed() -> None:
    ours, theirs = (ConnectWisePsaEmulator(origin=ORIGIN) for _ in range(2))
    for psa in (ours, theirs):
        psa.reset(small_world())
    delivery = Scene(theirs).delivery()
    assert Scene(ours).prove(delivery) != ""
