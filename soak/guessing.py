"""QS9: 400 guesses at once for one account, and the time of a refusal, account known or unknown."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench.table import Row
from plugin.services import access
from plugin.services.access import Role
from plugin.services.guessing import SignInError
from tests.databases import borrowed_postgresql, fresh_sqlite
from tests.house import House, open_house

GUESSES, AT_ONCE, ACCOUNTS, EACH = 400, 32, 60, 4
MOST_APART = 0.05


def run() -> list[Row]:
    """Guess on both kinds of database."""
    with tempfile.TemporaryDirectory() as name:
        rows = _on(fresh_sqlite(Path(name)), Path(name), "SQLite")
    with tempfile.TemporaryDirectory() as name, borrowed_postgresql(durable=True) as url:
        return rows + _on(url, Path(name), "PostgreSQL")


def _on(url: str, folder: Path, kind: str) -> list[Row]:
    with open_house(url, folder) as house:
        return [_at_once(house, kind), _same_time(house, kind)]


def _at_once(house: House, kind: str) -> Row:
    access.create_user(house.runtime, "soak", "guessed@msp.example", Role.ADMINISTRATOR)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(lambda _: _refusal(house, "guessed@msp.example"), range(GUESSES)))
    judged = sum("is wrong" in each for each in told)
    waiting = sum("Wait" in each for each in told)
    holds = judged == 5 and judged + waiting == GUESSES
    ours = f"{judged} of {GUESSES} judged, {waiting} told to wait"
    return Row("QS9", f"{AT_ONCE} guess at once ({kind})", ours, "", "", "≤ 5 in 15 min", holds)


def _refusal(house: House, email: str) -> str:
    with house.app.app_context():
        try:
            access.sign_in(house.runtime, email, "a guess")
        except SignInError as error:
            return error.message
    return ""


def _same_time(house: House, kind: str) -> Row:
    seconds: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(ACCOUNTS):
        access.create_user(house.runtime, "soak", f"known-{number}@msp.example", Role.VIEWER)
    for number in range(ACCOUNTS * EACH):
        for who, taken in seconds.items():
            start = time.perf_counter()
            _refusal(house, f"{who}-{number % ACCOUNTS}@msp.example")
            taken.append(time.perf_counter() - start)
    known, unknown = median(seconds["known"]), median(seconds["unknown"])
    ratio = known / unknown
    return Row(
        "QS9",
        f"a wrong password, {ACCOUNTS * EACH} times each ({kind})",
        f"account known {1000 * known:.2f} ms",
        f"unknown {1000 * unknown:.2f} ms",
        f"{ratio:.3f}",
        "1 ± 0.05",
        abs(ratio - 1) <= MOST_APART,
    )
