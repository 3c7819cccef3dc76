"""Kill -9 of any of our processes at any moment of either path: nothing lost, nothing twice."""

import contextlib
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from bench.table import Row
from soak.installation import Installation, running

KILLS = 20
DETECTIONS_BETWEEN = 3
NAMES = {
    "plugin.supervisor": "supervisor",
    "plugin.serving": "web",
    "plugin.cli worker": "worker",
    "plugin.cli sandbox": "sandbox",
}


def run() -> list[Row]:
    """Kill at random while detections happen and tickets are saved, then count."""
    dice = random.Random()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as installation:
        told: list[dict[str, str]] = []
        killed = Counter[str]()
        for _ in range(KILLS):
            told += [_detect(installation) for _ in range(DETECTIONS_BETWEEN)]
            time.sleep(dice.uniform(0, 6))
            killed[_kill_one(installation, dice)] += 1
            installation.wait_for(installation.is_ready, 90, "not ready again")
        _wait_until_done(installation, told)
        return [_tickets(installation, told, killed), _deliveries(installation)]


def _detect(installation: Installation) -> dict[str, str]:
    """Let a detection happen; asked again when the sandbox was the one that died."""
    while True:
        with contextlib.suppress(OSError):
            return installation.steer("happen", what="detection")
        time.sleep(0.2)


def _kill_one(installation: Installation, dice: random.Random) -> str:
    processes = installation.processes()
    victim = dice.choice(processes)
    if victim == processes[0]:
        victim.kill()
        installation.start_again(processes)
        return "supervisor"
    with contextlib.suppress(psutil.NoSuchProcess):
        words = " ".join(victim.cmdline())
        victim.kill()
        return next((name for sign, name in NAMES.items() if sign in words), "other")
    return "none"


def _key_of(installation: Installation, told: dict[str, str]) -> list[str]:
    return [
        ticket["key"]
        for ticket in installation.api_all("tickets")
        if (ticket["device_id"], ticket["condition"]) == (told["device"], told["condition"])
    ]


def _wait_until_done(installation: Installation, told: list[dict[str, str]]) -> None:
    wanted = {(each["device"], each["condition"]) for each in told}

    def done() -> bool:
        tickets = installation.api_all("tickets")
        open_now = {(each["device_id"], each["condition"]) for each in tickets if each["ticket_id"]}
        waiting = installation.world("connectwise_psa")["deliveries"]["waiting"]
        return wanted <= open_now and not waiting

    installation.wait_for(done, 400, "not every detection has its ticket")


def _tickets(installation: Installation, told: list[dict[str, str]], killed: Counter[str]) -> Row:
    at_host = Counter(
        ticket["externalXRef"]
        for ticket in installation.world("connectwise_psa")["tickets"]
        if ticket.get("externalXRef")
    )
    ours = {
        (ticket["device_id"], ticket["condition"]): ticket["key"]
        for ticket in installation.api_all("tickets")
    }
    keys = [ours.get((each["device"], each["condition"]), "") for each in told]
    missing = sum(at_host[key] == 0 for key in keys)
    twice = sum(count > 1 for count in at_host.values())
    who = ", ".join(f"{count} × {name}" for name, count in sorted(killed.items()))
    return Row(
        "QR18",
        f"{sum(killed.values())} kills ({who}) during {len(told)} detections",
        f"{missing} without a ticket, {twice} with two",
        "0, 0",
        "–",
        "one ticket per condition",
        missing == 0 and twice == 0,
    )


def _deliveries(installation: Installation) -> Row:
    log = installation.world("connectwise_psa")["deliveries"]["log"]
    accepted = Counter(
        (str(each["record"]), each["action"]) for each in log if 200 <= (each["status"] or 0) < 300
    )
    stored = Counter(
        (each["entity_id"], each["action"])
        for each in installation.api_all("deliveries")
        if each["state"] in {"handled", "dropped"}
    )
    lost = sum((accepted - stored).values())
    return Row(
        "QR3",
        f"{sum(accepted.values())} calls answered 2xx while processes died",
        f"{lost} lost",
        "0",
        "–",
        "0 lost",
        lost == 0,
    )
