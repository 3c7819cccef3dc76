"""QS5: secrets of every kind go through the program, then are searched in all it leaves behind.

A whole installation with its sandbox runs. Where a secret must be shown once (a new token, recovery
codes), that one answer is not searched. The vault's key file and the emulators' own data are left
out: that is where the secrets are meant to be.
"""

import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pyotp
import requests

from bench.table import Row
from plugin.cli_shared import inside
from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.sandbox.emulators import EMULATORS
from plugin.services import access, connections, sync
from plugin.services.access import Role
from plugin.services.journal import audit
from plugin.settings import load
from plugin.store.base import db, writing
from plugin.store.integrations import Connection, ConnectionState
from plugin.store.people import User
from soak._haystack import Haystack
from soak.installation import Installation, running

LEFT_OUT = ("vault.key", "sandbox")
MOST_PAGES, REFUSED = 700, len(EMULATORS)
CONTROL, PLANTED = "planted openly", 3
"""A search that finds nothing proves nothing: one is put on a page, into the database, a backup."""
EMAIL = "canary@msp.example"
TEXT = re.compile(r'name="csrf_token" value="([^"]+)"')


class Cage:
    """The canaries: what each is, and its value."""

    def __init__(self) -> None:
        """Begin without any."""
        self.birds: list[tuple[str, str]] = []

    def new(self, name: str, *, plain: bool = False) -> str:
        """Make a secret with letters that every escaping changes; ``plain`` without them."""
        text = f"Canary{secrets.token_hex(9)}"
        return self.keep(name, text if plain else f"{text}/ü&<+ {secrets.token_hex(3)}")

    def keep(self, name: str, value: str) -> str:
        """Keep a secret that the program made."""
        self.birds.append((name, value))
        return value


def run() -> list[Row]:
    """Fly them through, then look everywhere."""
    cage = Cage()
    settings = {
        "BRIDGEHEAD_SMTP_URL": f"smtp://mailer:{cage.new('SMTP password', plain=True)}@127.0.0.1:9",
        "BRIDGEHEAD_OIDC_ISSUER": "https://provider.example",
        "BRIDGEHEAD_OIDC_CLIENT_ID": "bridgehead",
        "BRIDGEHEAD_OIDC_CLIENT_SECRET": cage.new("OpenID client secret", plain=True),
    }
    with tempfile.TemporaryDirectory() as name, running(Path(name), **settings) as installation:
        _connections(installation, cage)
        browser = _person(installation, cage)
        _tokens(installation, cage)
        _calls(installation, cage)
        _plant(installation, cage)
        haystack = _searched(installation, cage, browser)
    return [_row(cage, haystack)]


def _row(cage: Cage, haystack: Haystack) -> Row:
    planted = [each for each in haystack.found if each.startswith(CONTROL)]
    found = [each for each in haystack.found if each not in planted]
    for each in found:
        print(each)
    ours = (
        f"{len(found)} found of {len(cage.birds) - 1} secrets in {haystack.places} places, "
        f"{haystack.size / 2**20:.0f} MiB; one planted openly in the audit log found in "
        f"{len(planted)}"
    )
    holds = not found and len(planted) >= PLANTED
    return Row("QS5", "canary secrets of every kind", ours, "", "", "0 found", holds)


# -- letting them fly ------------------------------------------------------------------------------


def _connections(installation: Installation, cage: Cage) -> None:
    """Connect every kind with secrets of ours, which its emulator refuses, and have it checked."""
    port = int(installation.environment["BRIDGEHEAD_SANDBOX_PORT"])
    with inside(load(_around(installation))) as (_, runtime):
        for row in db.session.scalars(_living()):
            _keep_secrets(runtime, row, cage)
        made = [_connected(runtime, kind, port, cage) for kind in EMULATORS]
        for number in made:
            sync.ask_all(runtime, db.session.get_one(Connection, number), by="soak", full=True)
    for number in made:
        installation.api(f"connections/{number}/check", {})


def _living():  # noqa: ANN202 - a query
    return db.select(Connection).where(Connection.deleted_at.is_(None))


def _keep_secrets(runtime: Runtime, row: Connection, cage: Cage) -> None:
    """Take the secrets of a connection that works for canaries too."""
    for name in _secret_fields(runtime, row.kind):
        if value := runtime.opened(row).get(name):
            cage.keep(f"{row.kind} {name}, right", value)


def _secret_fields(runtime: Runtime, kind: str) -> Iterator[str]:
    yield from (each.name for each in runtime.adapter_class(kind).fields if each.secret)


def _connected(runtime: Runtime, kind: str, port: int, cage: Cage) -> int:
    origin = f"http://127.0.0.1:{port + list(EMULATORS).index(kind)}"
    given = EMULATORS[kind](origin=origin).connection_settings()
    fields = list(_secret_fields(runtime, kind))
    try:
        given |= {name: cage.new(f"{kind} {name}, wrong") for name in fields}
        return _created(runtime, kind, given, origin)
    except RuleError:  # some take no blanks or foreign letters
        given |= {name: cage.new(f"{kind} {name}, plain", plain=True) for name in fields}
        if "passcode" in fields:
            given["passcode"] = cage.keep(f"{kind} passcode", pyotp.random_base32())
        return _created(runtime, kind, given, origin)


def _created(runtime: Runtime, kind: str, given: dict[str, str], origin: str) -> int:
    made = connections.create(
        runtime, "soak", kind, f"Canary {kind.replace('_', ' ')}", given, origin_override=origin
    )
    return made.id


def _person(installation: Installation, cage: Cage) -> requests.Session:
    """Sign in wrongly and rightly, choose a password, set up a second factor, sign in with it."""
    password, chosen = cage.new("one-time password"), cage.new("password")
    with inside(load(_around(installation))) as (_, runtime):
        user, _ = access.create_user(runtime, "soak", EMAIL, Role.ADMINISTRATOR)
        with writing():
            db.session.get_one(User, user.id).password_hash = access.hashed(password)
    browser = requests.Session()
    _send(installation, browser, "sign-in", email=EMAIL, password=cage.new("wrong password"))
    _send(installation, browser, "sign-in", email=EMAIL, password=password)
    _send(installation, browser, "password", old=password, new=chosen, again=chosen)
    shown = browser.get(f"{installation.address}/second-factor").text
    secret = cage.keep("second factor", _between(shown, r"\b([A-Z2-7]{32})\b"))
    voucher = _between(shown, r'name="voucher" value="([^"]+)"')
    code = pyotp.TOTP(secret).now()
    shown = _send(installation, browser, "second-factor", voucher=voucher, code=code).text
    codes = re.findall(r"\b[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\b", shown)
    for each in codes:
        cage.keep("recovery code", each)
    _keep_cookies(browser, cage)
    _send(installation, browser, "sign-out")
    shown = _send(installation, browser, "sign-in", email=EMAIL, password=chosen).text
    voucher = _between(shown, r'name="voucher" value="([^"]+)"')
    _send(installation, browser, "sign-in/code", shown, voucher=voucher, code=codes[0])
    _keep_cookies(browser, cage)
    return browser


def _keep_cookies(browser: requests.Session, cage: Cage) -> None:
    for cookie in browser.cookies:
        if cookie.value:
            cage.keep(f"cookie {cookie.name}", cookie.value)


def _send(
    installation: Installation, browser: requests.Session, path: str, shown: str = "", **form: str
) -> requests.Response:
    """Send a form as its page does."""
    address = f"{installation.address}/{path}"
    page = "" if path == "sign-out" else path
    shown = shown or browser.get(f"{installation.address}/{page}").text
    token = _between(shown, TEXT.pattern)
    headers = {"Origin": installation.address}
    return browser.post(address, data={"csrf_token": token, **form}, headers=headers)


def _between(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"a page no longer holds {pattern}:\n{text[-3000:]}")
    return found[1]


def _tokens(installation: Installation, cage: Cage) -> None:
    """Make every kind of token, and use it rightly and wrongly."""
    token = installation.api("tokens", {"name": "canary", "role": "viewer"})["token"]
    cage.keep("API token", token)
    bridge = installation.api("bridges", {"name": "canary-pc"})["id"]
    enrol = cage.keep("bridge's token", installation.api(f"bridges/{bridge}/token", {})["token"])
    address = f"{installation.address}/bridge/v1"
    told = requests.post(f"{address}/enrol", json={"token": enrol, "version": "1"}, timeout=30)
    secret = cage.keep("bridge's secret", told.json()["secret"])
    unknown = cage.new("unknown bearer", plain=True)
    for each in (token, secret, unknown):
        bearer = {"Authorization": f"Bearer {each}"}
        for path in ("bridge/v1/beat", "bridge/v1/lease", "api/v1/tokens"):
            body = {"version": "1", "holding": [], "limit": 1}
            requests.post(f"{installation.address}/{path}", json=body, headers=bearer, timeout=30)
        requests.get(f"{installation.address}/api/v1/devices", headers=bearer, timeout=30)


def _calls(installation: Installation, cage: Cage) -> None:
    """Have hosts call, with secrets in headers, and a host's screen hand over a made-up member."""
    bodies = {"Authorization": f"Bearer {cage.new('header of a call', plain=True)}"}
    bodies["Cookie"] = f"session={cage.new('cookie of a call', plain=True)}"
    with inside(load(_around(installation))):
        tokens = [row.webhook_token for row in db.session.scalars(_living()) if row.webhook_token]
        for row in db.session.scalars(_living()):
            if row.kind == "connectwise_automate":
                made = installation.api(f"connections/{row.id}/calls/secret", {})
                cage.keep("new webhook secret", made["secret"])
        hosts = [row.id for row in db.session.scalars(_living()) if row.kind == "connectwise_psa"]
    for token in tokens:
        body = {"ID": 1, "Action": "updated", "Type": "ticket"}
        requests.post(
            f"{installation.address}/webhooks/{token}", json=body, headers=bodies, timeout=30
        )
    for number in hosts:
        _hand_over(installation, number, cage)


def _hand_over(installation: Installation, number: int, cage: Cage) -> None:
    shown = requests.get(f"{installation.address}/embed/{number}", timeout=30).text
    body = {
        "launch": _between(shown, r'data-launch="([^"]+)"'),
        "company": "bridgehead_msp",
        "member": "jdoe",
        "hash": cage.new("member's hash", plain=True),
        "context": "x",
        "screen": "company",
        "record": "1",
    }
    headers = {"Origin": installation.address}
    address = f"{installation.address}/embed/{number}/member"
    requests.post(address, json=body, headers=headers, timeout=30)


def _plant(installation: Installation, cage: Cage) -> None:
    """Wait until the workers were refused everywhere; put a secret where it must be found."""
    refused = db.select(Connection.id).where(
        Connection.name.startswith("Canary"), Connection.state == ConnectionState.ATTENTION
    )
    with inside(load(_around(installation))) as (_, runtime):

        def are_refused() -> bool:
            db.session.rollback()
            return len(db.session.scalars(refused).all()) >= REFUSED

        installation.wait_for(are_refused, 60, "the connections with wrong secrets work")
        with writing() as session:
            audit(runtime, session, "soak", "soak.plant", cage.new(CONTROL, plain=True))


# -- looking ---------------------------------------------------------------------------------------


def _searched(installation: Installation, cage: Cage, browser: requests.Session) -> Haystack:
    haystack = Haystack(cage.birds)
    for path, content in _pages(installation, browser):
        haystack.look(path, content)
    for process in installation.processes():
        haystack.look("process list", " ".join(process.cmdline()).encode())
    for command in (
        ["doctor"],
        ["audit", "verify"],
        ["backup", str(installation.folder / "b.tar.gz")],
    ):
        line = [sys.executable, "-m", "plugin.cli", *command]
        around = installation.environment
        done = subprocess.run(line, env=around, capture_output=True, check=False)
        haystack.look(" ".join(command[:2]), done.stdout + done.stderr)
    haystack.look_in_files(installation.folder, LEFT_OUT)
    return haystack


def _pages(installation: Installation, browser: requests.Session) -> Iterator[tuple[str, bytes]]:
    """Yield every page that links lead to, exports, the API's lists and records, error pages."""
    seen, waiting = (
        {"/"},
        ["/", "/metrics", "/nothing-here", "/api/v1/nothing", "/healthz", "/readyz"],
    )
    waiting += _api_paths(installation)
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        answer = browser.get(urljoin(installation.address, path), timeout=60)
        yield f"GET {path} {answer.status_code}", str(answer.headers).encode() + answer.content
        for link in re.findall(r'(?:href|action|src)="(/[^"#]*)', answer.text):
            target = link.replace("&amp;", "&")
            short = urlsplit(target).path
            if short not in seen and "/static/" not in short and "sign-out" not in short:
                seen.add(short)
                waiting.append(target)


def _api_paths(installation: Installation) -> list[str]:
    document = installation.api("openapi.json")
    return [
        re.sub(r"{[^}]+}", str(number), path)
        for path, methods in document["paths"].items()
        if "get" in methods
        for number in ((1, 2, 9, 10, 11) if "{" in path else (1,))
    ]


def _around(installation: Installation) -> dict[str, str]:
    return {k: v for k, v in installation.environment.items() if k.startswith("BRIDGEHEAD_")}
