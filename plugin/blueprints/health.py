"""What operators and their monitoring ask: alive, ready, how much, how slow."""

import time
from collections.abc import Iterator

from flask import Flask, Response, current_app, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from sqlalchemy.exc import SQLAlchemyError

from plugin.blueprints import presence
from plugin.blueprints.guard import anyone, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.domain.errors import BusyError
from plugin.ending import is_ending
from plugin.services import lists, reports
from plugin.services.lags import lags
from plugin.store import database
from plugin.store.base import db

blueprint = new_blueprint("health", __name__)

ENDING = "this process is ending; what it began is finished, send new requests to another"
WHY = "monitoring asks without an account, and the answers hold no client's data"
_seconds = Histogram(
    "bridgehead_http_seconds",
    "Time to answer, by route",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def install(app: Flask) -> None:
    """Measure every answer, by route and never by path: paths are without number."""
    app.before_request(_start)
    app.after_request(_measure)


def _start() -> None:
    g.started = time.perf_counter()


def _measure(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in {"GET", "HEAD", "POST"} else "other"
    status = f"{response.status_code // 100}xx"
    if started := g.get("started"):
        _seconds.labels(method, route, status).observe(time.perf_counter() - started)
    return response


@blueprint.get("/healthz")
@anyone(why=WHY)
def alive() -> Response:
    """Say that this process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
@anyone(why=WHY)
def ready() -> tuple[Response, int]:
    """Say whether to send requests here: not ending, the database there, its tables ours."""
    if is_ending():
        return jsonify(ready=False, problems=[ENDING]), 503
    try:
        presence.require()
        schema = database.check()
    except BusyError:
        return jsonify(ready=False, problems=["the database is away (it does not answer)"]), 503
    except SQLAlchemyError as error:
        db.session.rollback()
        return jsonify(
            ready=False, problems=[f"the database is away ({type(error).__name__})"]
        ), 503
    if schema.is_fit:
        return jsonify(ready=True, problems=[]), 200
    behind = [] if schema.problems else ["the tables are old: run `bridgehead db upgrade`"]
    return jsonify(ready=False, problems=[*schema.problems, *behind]), 503


@blueprint.get("/metrics")
@anyone(why=WHY)
def metrics() -> Response:
    """Give the figures in Prometheus's text format."""
    figures = CollectorRegistry()
    figures.register(_Queue())
    figures.register(_Installation())
    text = generate_latest(REGISTRY) + generate_latest(figures)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


class _Queue:
    """The queue's figures, read when they are asked for."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        jobs = GaugeMetricFamily(
            "bridgehead_jobs", "Jobs by kind and state", labels=["kind", "state"]
        )
        age = GaugeMetricFamily(
            "bridgehead_queue_age_seconds", "How long the oldest due job has waited"
        )
        try:
            counts, oldest = lists.queue_figures(runtime().now())
        except SQLAlchemyError:
            current_app.logger.warning("metrics: the database did not answer")
            return
        for (kind, state), number in sorted(counts.items()):
            jobs.add_metric([kind, state], number)
        age.add_metric([], oldest)
        yield jobs
        yield age


class _Installation:
    """What the worker processes, on whatever machine, have told."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        seen = GaugeMetricFamily(
            "bridgehead_worker_seen_seconds", "Since a worker was heard of", labels=["process"]
        )
        circuit = GaugeMetricFamily(
            "bridgehead_circuit_open",
            "A remote's breaker: 0 closed, 0.5 half open, 1 open",
            labels=["connection"],
        )
        budget = GaugeMetricFamily(
            "bridgehead_budget_left",
            "Calls that may go to a remote at once, by the budget that all processes share",
            labels=["connection"],
        )
        lag = GaugeMetricFamily(
            "bridgehead_sync_lag_seconds",
            "Since the last good run, of the scope that is furthest behind",
            labels=["connection", "what"],
        )
        behind = GaugeMetricFamily(
            "bridgehead_integration_lag_seconds",
            "Since an integration's companies and all its workspaces were last fetched well",
            labels=["integration"],
        )
        now = runtime().now()
        try:
            workers, circuits = reports.workers(now), reports.circuits(now)
            budgets = reports.budgets(now)
            by_connection, by_integration = lags(runtime())
        except SQLAlchemyError:
            current_app.logger.warning("metrics: the database did not answer")
            return
        for name, at in sorted(workers.items()):
            seen.add_metric([name], max((now - at).total_seconds(), 0.0))
        for number, state in sorted(circuits.items()):
            circuit.add_metric([str(number)], {"closed": 0.0, "half_open": 0.5}.get(state, 1.0))
        for number, left in sorted(budgets.items()):
            budget.add_metric([str(number)], left)
        for (number, what), seconds in sorted(by_connection.items()):
            lag.add_metric([str(number), what], max(seconds, 0.0))
        for number, seconds in sorted(by_integration.items()):
            behind.add_metric([str(number)], seconds)
        yield from (seen, circuit, budget, lag, behind)
