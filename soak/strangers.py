"""QS8, QS12, QS4: a stranger at the real web server: every route, spelled oddly, by every verb.

Nothing is answered that a signed-in person alone may see, nothing is changed, nothing breaks. Then
the framing tricks (two lengths, a length and chunks) and bodies that are no JSON, at every door
that takes JSON.
"""

import http.client
import re
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select
from werkzeug.routing import Rule

from bench.table import Row
from plugin.cli_shared import inside
from plugin.services.journal import SYSTEM
from plugin.settings import load
from plugin.store.base import db
from plugin.store.integrations import Connection
from plugin.store.journal import AuditEntry
from plugin.store.mirror import CompanyRow, DeviceRow, WorkspaceRow
from soak.installation import Installation, running

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
MIB = 1_048_576
ODD = {
    "empty": b"",
    "NaN": b'{"a": NaN}',
    "a name twice": b'{"a": 1, "a": 2}',
    "200,000 lists": b"[" * 200_000 + b"]" * 200_000,
    "200,000 objects": b'{"":' * 200_000 + b"1" + b"}" * 200_000,
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "not UTF-8": b'{"a": "\xff"}',
    "1 MiB + 1": b'{"a": "' + b"x" * (MIB - 8) + b'"}',
}


def run() -> list[Row]:
    """Start the sandbox's installation, walk, and try the bodies."""
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as installation:
        around = {k: v for k, v in installation.environment.items() if k.startswith("BRIDGEHEAD_")}
        with inside(load(around)) as (app, _):
            rules = list(app.url_map.iter_rules())
            public = {rule.endpoint for rule in rules if _is_public(app.view_functions, rule)}
            installation.wait_for(_is_filled, 120, "the sandbox was not fetched")
            return [_walk(installation, rules, public), *_bodies(installation)]


def _is_public(views: dict[str, object], rule: Rule) -> bool:
    view = views[rule.endpoint]
    owner = getattr(view, "view_class", None)
    found = [getattr(owner, verb.lower(), None) for verb in rule.methods or ()] if owner else [view]
    return any(getattr(each, "access_rule", ("anyone",))[0] != "role" for each in found if each)


def _is_filled() -> bool:
    db.session.rollback()
    return bool(db.session.scalar(select(func.count(DeviceRow.id))))


# -- the walk --------------------------------------------------------------------------------------


def _walk(installation: Installation, rules: list[Rule], public: set[str]) -> Row:
    names = _names()
    before, told, faults = _changes(), Counter[int](), list[str]()
    for rule in rules:
        for path in _spellings(re.sub(r"<[^>]+>", "1", rule.rule)):
            for method in METHODS:
                status, body = _ask(installation, method, path)
                told[status] += 1
                problem = _problem(rule, public, method, status, body, names)
                if problem:
                    faults.append(f"{method} {path}: {status} {problem}")
    for each in faults[:40]:
        print(each)
    changed = _changes() - before
    ours = (
        f"{sum(told.values()):,} requests to {len(rules)} routes: {len(faults)} let in or broken, "
        f"{changed} changes"
    )
    print("answers:", dict(sorted(told.items())))
    holds = not faults and not changed
    return Row("QS8, QS12", "a stranger, paths spelled oddly", ours, "", "", "0", holds)


def _names() -> list[bytes]:
    """Return what only a signed-in person may read."""
    columns = (DeviceRow.name, CompanyRow.name, WorkspaceRow.name, Connection.name)
    found = {name for column in columns for name in db.session.scalars(select(column))}
    return [name.encode() for name in found if len(name) > 5]


def _changes() -> int:
    """Return how many audited changes somebody other than the program itself has made."""
    db.session.rollback()
    query = select(func.count(AuditEntry.id)).where(AuditEntry.actor != SYSTEM)
    return db.session.scalar(query) or 0


def _spellings(path: str) -> Iterator[str]:
    """Yield a path as it is and as others have slipped past guards with."""
    head, _, rest = path.lstrip("/").partition("/")
    tail = f"/{rest}" if rest else ""
    first = f"%{ord(head[0]):02x}{head[1:]}" if head else ""
    yield from (path, f"/{path}", f"{path}/", f"{path}//", f"/.{path}", f"/x/..{path}")
    yield from (f"/%2e{path}", f"/x/%2e%2e{path}", f"/{first}{tail}", f"{path}%2f", f"{path}%00")
    yield from (f"{path};a=b", f"/sign-in/..;{path}", f"/static/..{path}", f"/static/%2e%2e{path}")
    yield from (path.upper(), f"{path}.json", f"{path}%20", f"\\{path[1:]}", f"{path}?x=/sign-in")
    yield f"/sign-in%3f/..{path}"


def _ask(
    installation: Installation, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*installation.web, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (http.client.HTTPException, ConnectionError):
        return 0, b""  # the server hung up on what is no HTTP
    finally:
        connection.close()


def _problem(
    rule: Rule, public: set[str], method: str, status: int, body: bytes, names: list[bytes]
) -> str:
    if status >= 500 and status != 501:
        return "it broke"
    if any(name in body for name in names):
        return "it shows a name"
    is_in = 200 <= status < 300 and method != "OPTIONS"
    if is_in and rule.endpoint not in public:
        return "it lets in"
    return ""


# -- bodies ----------------------------------------------------------------------------------------


def _bodies(installation: Installation) -> list[Row]:
    doors = _doors(installation)
    told = [
        (name, path, _ask(installation, "POST", path, body, **headers)[0])
        for path, headers in doors
        for name, body in ODD.items()
    ]
    told += [(name, path, _raw(installation, path, framing)) for path, _ in doors
             for name, framing in _framings()]  # fmt: skip
    bad = [each for each in told if not 400 <= each[2] < 500 and each[2] != 0]
    for each in bad:
        print(each)
    ours = f"{len(told)} bodies at {len(doors)} doors: {len(bad)} not refused"
    return [Row("QS4", "odd JSON and framing", ours, "", "", "each a 4xx or hung up", not bad)]


def _doors(installation: Installation) -> list[tuple[str, dict[str, str]]]:
    """Return doors that take JSON, with the credentials that open them."""
    bridge = installation.api("bridges", {"name": "stranger-pc"})["id"]
    token = installation.api(f"bridges/{bridge}/token", {})["token"]
    enrolled = _enrol(installation, token)
    hook = db.session.scalars(select(Connection.webhook_token)).first()
    json = {"Content_Type": "application/json"}
    secret = {"Authorization": f"Bearer {enrolled}", **json}
    api = {"Authorization": f"Bearer {installation.administrators_token()}", **json}
    return [
        (f"/webhooks/{hook}", json),
        ("/bridge/v1/enrol", json),
        *((f"/bridge/v1/{each}", secret) for each in ("lease", "tasks/1/pages/1", "tasks/1/done")),
        *((f"/api/v1/{each}", api) for each in ("tokens", "connections", "bridges")),
        ("/embed/1/member", {"Origin": installation.address, **json}),
    ]


def _enrol(installation: Installation, token: str) -> str:
    body = f'{{"token": "{token}", "version": "1"}}'.encode()
    _, answer = _ask(installation, "POST", "/bridge/v1/enrol", body)
    return answer.decode().partition('"secret":"')[2].partition('"')[0]


def _framings() -> Iterator[tuple[str, bytes]]:
    chunked = b"Transfer-Encoding: chunked\r\n"
    yield "CL+TE", b"Content-Length: 5\r\n" + chunked + b"\r\n0\r\n\r\nX"
    yield "TE+CL", chunked + b"Content-Length: 5\r\n\r\n0\r\n\r\nX"
    yield "two lengths", b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"
    yield "a negative length", b"Content-Length: -1\r\n\r\n{}"
    yield "chunks of a negative size", chunked + b"\r\n-1\r\n{}\r\n0\r\n\r\n"
    yield "chunks that are not the last", b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"


def _raw(installation: Installation, path: str, rest: bytes) -> int:
    """Send a request as it is and return the status of its answer; 0 when it was hung up on."""
    with socket.create_connection(installation.web, 10) as wire:
        head = f"POST {path} HTTP/1.1\r\nHost: {installation.web[0]}:{installation.web[1]}\r\n"
        wire.sendall(head.encode() + b"Connection: close\r\n" + rest)
        wire.shutdown(socket.SHUT_WR)
        try:
            answer = wire.makefile("rb").readline()
        except (ConnectionError, TimeoutError):
            return 0
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0
