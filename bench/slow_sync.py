"""PF4: taking signed webhooks durably on a disk whose syncs take 2 ms longer."""

import tempfile
from pathlib import Path

from bench._receiver import fire_at, served
from bench._shim import compiled
from bench.table import Row
from plugin.runtime import utc_now
from tests.databases import fresh_sqlite
from tests.scene import scene

SHIM = Path(__file__).with_name("sync_2_ms_slower.c")
OURS, ONE_BY_ONE = 4000, 800
BAR = 5.0


def run() -> list[Row]:
    """Measure the receiver and the same rows with one commit a request, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = compiled(SHIM, folder)
        if library is None:
            return [Row("PF4", "syncs 2 ms slower", "not seen: no C compiler", "", "", "", False)]
        url = fresh_sqlite(folder)
        with scene(url, now=utc_now) as play:
            token = play.add_connection().webhook_token or ""
        with served("ours", 1, url, LD_PRELOAD=str(library)) as port:
            ours = fire_at(port, "ours", token, OURS)
        with served("one_by_one", 1, url, LD_PRELOAD=str(library)) as port:
            alone = fire_at(port, "one_by_one", token, ONE_BY_ONE)
    ratio = ours.rate / alone.rate
    return [
        Row(
            "PF4",
            "durable signed webhooks, syncs 2 ms slower",
            f"{ours.rate:,.0f}/s, p99 {ours.p99 * 1000:.0f} ms",
            f"one commit a request {alone.rate:,.0f}/s, p99 {alone.p99 * 1000:,.0f} ms",
            f"{ratio:.2f}",
            f">= {BAR}",
            ratio >= BAR and not ours.failed,
        )
    ]
