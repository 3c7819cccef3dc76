"""M2: 2,000 workspaces and 2,000 companies in the database: suggestions, accepting, the pages."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import func, select

from bench.pages import open_with, queries_of
from bench.table import Row
from plugin.domain.model import Company, Workspace
from plugin.edge.world import make_world
from plugin.runtime import Runtime
from plugin.services import accepting, connections, mirror, suggesting
from plugin.store.base import db, writing
from plugin.store.integrations import Integration, WorkspaceLink
from plugin.store.mapping import SuggestionRow

COUNT, FEW = 2_000, 20
PAGES = ("mapping", "mapping?state=suggested&page=20", "mapping?q=clinic", "suggestions")


def run() -> list[Row]:
    """Fill two installations, measure the work in the large one and the pages in both."""
    with tempfile.TemporaryDirectory() as folder:
        few = open_with(Path(folder) / "few", lambda runtime: _fill(runtime, FEW))
        many = open_with(Path(folder) / "many", lambda runtime: _fill(runtime, COUNT))
        rows = _work(many, few)
        rows += [_page(f"/integrations/1/{path}", few, many) for path in PAGES]
        return [*rows, _accept(many)]


def _fill(runtime: Runtime, count: int) -> None:
    secret = {"password": "p", "user": "u"}
    vendor = connections.create(
        runtime, "bench", "kaspersky_ksc", "Vendor", {"server": "ksc.example", **secret}
    )
    host = connections.create(
        runtime,
        "bench",
        "connectwise_automate",
        "Host",
        {
            "server": "rmm.example",
            "client_id": "11111111-2222-3333-4444-555555555555",
            **secret,
        },
    )
    world, now = make_world(count, count, 3, datetime(2026, 1, 1, tzinfo=UTC)), runtime.now()
    workspaces = [Workspace(f"w{each.number}", each.name.upper()) for each in world.clients]
    companies = [Company(f"c{each.number}", each.name) for each in world.clients]
    with writing() as session:
        mirror.store_workspaces(session, vendor.id, workspaces, now, mirror.Counts())
        mirror.store_companies(session, host.id, companies, now, mirror.Counts())
        integration = Integration(name="Both", host_id=host.id, vendor_id=vendor.id, created_at=now)
        integration.links = [
            WorkspaceLink(vendor_id=vendor.id, workspace_id=each.id, platform="x", added_at=now)
            for each in workspaces
        ]
        session.add(integration)


def _work(many: FlaskClient, few: FlaskClient) -> list[Row]:
    before, _ = _timed(few, lambda runtime, one: suggesting.refresh(runtime, one))
    first, found = _timed(many, lambda runtime, one: suggesting.refresh(runtime, one))
    with many.application.app_context():
        wrong = db.session.scalar(
            select(func.count(SuggestionRow.id)).where(
                SuggestionRow.sure.is_(True),
                func.substr(SuggestionRow.workspace_id, 2)
                != func.substr(SuggestionRow.company_id, 2),
            )
        )
    return [
        Row(
            "M2",
            f"{found:,} suggestions for {COUNT:,} × {COUNT:,} stored, {wrong} wrong exact ones",
            f"{first:.2f} s",
            f"{before:.2f} s for {FEW} × {FEW}",
            f"{first / before:.1f}",
            "≤ 5 s, 0 wrong",
            first <= 5 and wrong == 0,
        )
    ]


def _accept(many: FlaskClient) -> Row:
    taken, done = _timed(many, lambda runtime, one: accepting.accept(runtime, "bench", one).mapped)
    what = f"{done:,} exact matches accepted in one go"
    return Row("M2", what, f"{taken:.2f} s", "", "", "≤ 10 s, all", taken <= 10 and done == COUNT)


def _timed(client: FlaskClient, do: Callable[[Runtime, Integration], int]) -> tuple[float, int]:
    app = client.application
    with app.app_context():
        runtime: Runtime = app.extensions["bridgehead"]
        integration = db.session.get_one(Integration, 1)
        started = time.perf_counter()
        result = do(runtime, integration)
        return time.perf_counter() - started, result


def _page(path: str, few: FlaskClient, many: FlaskClient) -> Row:
    times = {}
    for name, client in (("few", few), ("many", many)):
        each = []
        for _ in range(9):
            started = time.perf_counter()
            answer = client.get(path)
            each.append(time.perf_counter() - started)
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
        times[name] = sorted(each)[4]
    queries = queries_of(many, path)
    return Row(
        "M1",
        f"GET {path} with {COUNT:,} workspaces",
        f"{times['many'] * 1000:.0f} ms, {queries} queries",
        f"{times['few'] * 1000:.0f} ms with {FEW}",
        f"{times['many'] / times['few']:.2f}",
        "≤ 250 ms, ≤ 15 queries",
        times["many"] <= 0.25 and queries <= 15,
    )
