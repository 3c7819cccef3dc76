"""O2: the README's set-up for several machines, followed word for word on two made-up machines.

A machine is a network namespace and a mount namespace: its own address, ``/etc``, ``/opt`` and
``/var/lib``. The commands are read out of the README. Stand-ins are put before the PATH for what
only a booted system has: ``sudo`` (we are root), ``systemd-run`` and ``systemctl``, which do what
the unit files say. The first machine is the database machine as well. Needs root, PostgreSQL's
server programs, and the package index for ``pip``, which is asked before the machine is cut off.
"""

import base64
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import requests

from bench.table import Row

ROOT = Path(__file__).resolve().parents[1]
NET, HERE = "10.77.0", "10.77.0.1"
ADDRESSES = (f"{NET}.11", f"{NET}.12")
PATIENCE = 120.0
PUBLIC = "bridgehead.example.com"
PASSWORD = secrets.token_hex(12)
STAND_INS = {
    "sudo": """user=root; if [ "$1" = -u ]; then user=$2; shift 2; fi
        if [ $user = root ]; then exec "$@"; fi; exec runuser -u $user -- "$@\"""",
    "systemd-run": """while [ "${1#-}" != "$1" ]; do case $1 in -p) shift 2;; *) shift;; esac; done
        set -a; . /etc/bridgehead.env; set +a; cd /opt/bridgehead
        exec ip netns exec $MACHINE runuser -u bridgehead -- "$@\"""",
    "systemctl": """case $1 in daemon-reload) exit 0;; enable) shift 2;; esac
        set -a; . /etc/bridgehead.env; set +a; cd /opt/bridgehead
        for unit in "$@"; do
            start=$(sed -n 's/^ExecStart=//p' /etc/systemd/system/$unit.service)
            ip netns exec $MACHINE setsid runuser -u bridgehead -- $start >>$RUN/$unit.log 2>&1 &
            echo $! >$RUN/$unit.pid
        done""",
}


def run() -> list[Row]:
    """Set both machines up as the README says, and use them."""
    with tempfile.TemporaryDirectory(prefix="two-machines-") as name, ExitStack() as after:
        folder = Path(name)
        folder.chmod(0o755)
        after.enter_context(_network())
        first, second = (
            after.enter_context(_machine(folder / f"m{number}", f"bh{number}", address))
            for number, address in enumerate(ADDRESSES, 1)
        )
        blocks = _blocks()
        first.start_database(blocks[0])
        for machine in (first, second):
            machine.install(blocks[1], blocks[2])
        made = first.do(blocks[3])
        second.do("\n".join(blocks[3].splitlines()[-1:]))
        return [_ready(first, second), _one_sign_in(first, second, made), _stopped(first, second)]


def _blocks() -> list[str]:
    """Return the shell blocks of the README's section, in order."""
    part = (ROOT / "README.md").read_text("utf-8").partition("## Several machines")[2]
    return re.findall(r"```sh\n(.*?)```", part.partition("\n## ")[0], re.DOTALL)


@contextmanager
def _network() -> Iterator[None]:
    _sh("ip link add bh-bridge type bridge")
    try:
        _sh(f"ip addr add {HERE}/24 dev bh-bridge; ip link set bh-bridge up")
        yield
    finally:
        _sh("ip link del bh-bridge")


@dataclass
class Machine:
    """One made-up machine."""

    folder: Path
    name: str
    address: str
    inside: subprocess.Popen[bytes]

    def do(self, script: str, told: str = "") -> str:
        """Run a script as root of the machine, and return what it prints."""
        entering = ["nsenter", "-m", "-t", str(self.inside.pid)]
        path = f"{self.folder}/bin:/usr/local/sbin:/usr/sbin:{os.environ['PATH']}"
        around = {**os.environ, "PATH": path, "MACHINE": self.name, "RUN": f"{self.folder}/run"}
        command = [*entering, "bash", "-euc", f"cd /opt/bridgehead\n{script}"]
        done = subprocess.run(
            command, env=around, input=told, capture_output=True, text=True, check=False,
            start_new_session=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start_database(self, commands: str) -> None:
        """Start PostgreSQL here, and make user and database as the README says."""
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
        data = f"{self.folder}/postgresql"
        self.do(
            f"""install -d -o postgres {data}; install -d -o postgres /var/run/postgresql
            runuser -u postgres -- {programs}/initdb -D {data} -A trust >/dev/null
            echo 'host all all {NET}.0/24 scram-sha-256' >>{data}/pg_hba.conf
            ip netns exec {self.name} runuser -u postgres -- {programs}/pg_ctl -D {data} -w \
                -o "-c listen_addresses='*'" -l {data}/log start >/dev/null"""
        )
        self.do(commands, f"{PASSWORD}\n{PASSWORD}\n")

    def install(self, commands: str, settings: str) -> None:
        """Install the program and write its settings, as the README says."""
        self.do(commands)
        given = {
            "PASSWORD": PASSWORD,
            "DATABASE-MACHINE": ADDRESSES[0],
            "THE-SAME-EVERYWHERE": KEY,
            "10.0.0.5/32": f"{HERE}/32",
            "10.0.0.11": self.address,
        }
        for word, value in given.items():
            settings = settings.replace(word, value)
        self.do("cat >/etc/bridgehead.env", settings)


KEY = base64.b64encode(secrets.token_bytes(32)).decode()


@contextmanager
def _machine(folder: Path, name: str, address: str) -> Iterator[Machine]:
    (folder / "bin").mkdir(parents=True)
    for program, text in STAND_INS.items():
        stand_in = folder / "bin" / program
        stand_in.write_text(f"#!/bin/bash\n{text}\n")
        stand_in.chmod(0o755)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "checkout")], check=True)
    for each in ("up", "work", "lib", "run"):
        (folder / each).mkdir()
    _sh(f"""ip netns add {name}; ip link add {name}-out type veth peer name {name}-in
        ip link set {name}-out master bh-bridge up; ip link set {name}-in netns {name}
        ip netns exec {name} sh -c 'ip link set lo up; ip link set {name}-in up;
        ip addr add {address}/24 dev {name}-in'""")
    layers = f"lowerdir=/etc,upperdir={folder}/up,workdir={folder}/work"
    own = f"""mount -t overlay overlay -o {layers} /etc
        mkdir -p /opt/bridgehead /var/lib/bridgehead /etc/systemd/system
        mount --bind {folder}/checkout /opt/bridgehead;
        mount --bind {folder}/lib /var/lib/bridgehead
        id bridgehead >/dev/null 2>&1 || useradd --system bridgehead
        chown -R bridgehead {folder}/checkout /var/lib/bridgehead
        touch {folder}/run/there; exec sleep inf"""
    inside = subprocess.Popen(["unshare", "-m", "bash", "-euc", own])
    try:
        _wait(lambda: (folder / "run" / "there").exists(), "the machine is not there")
        yield Machine(folder, name, address, inside)
    finally:
        _end_all(name)
        inside.kill()
        inside.wait()
        _sh(f"ip netns del {name}")
        shutil.rmtree(folder, ignore_errors=True)


def _end_all(name: str) -> None:
    found = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=True
    )
    for each in found.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(each), signal.SIGKILL)


# -- what is looked at ---------------------------------------------------------------------------


def _ready(first: Machine, second: Machine) -> Row:
    for machine in (first, second):
        _wait(partial(_is_ready, machine), "it is not ready")
    return _row("both machines answer 200 at /readyz", "yes", good=True)


def _is_ready(machine: Machine) -> bool:
    return _get(machine, "/readyz")[0] == 200


def _one_sign_in(first: Machine, second: Machine, told: str) -> Row:
    """Sign in at the first machine, and be known at the second."""
    found = re.search(r"one-time password: (\S+)", told)
    assert found, told
    _, page, cookie = _get(first, "/sign-in")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    form = {"email": "you@example.com", "password": found[1], "csrf_token": token[1]}
    status, _, cookie = _get(first, "/sign-in", cookie, form)
    assert status in (302, 303), status
    status, page, _ = _get(second, "/password", cookie)
    good = status == 200 and "you@example.com" in page
    return _row("signed in at the first machine, known at the second", f"{status}", good=good)


def _stopped(first: Machine, second: Machine) -> Row:
    """Ask the first machine's web processes to end: it says so, and the second goes on."""
    pid = int((first.folder / "run" / "bridgehead-web.pid").read_text())
    (main,) = psutil.Process(pid).children()  # what runuser has started
    main.send_signal(signal.SIGTERM)
    _wait(lambda: _get(first, "/readyz")[0] == 503, "it does not tell its end")
    answered = _get(first, "/healthz")[0]
    _wait(lambda: _get(first, "/healthz")[0] == 0, "it does not end")
    other = _get(second, "/readyz")[0]
    done = f"503 while {answered} elsewhere, then closed; the other {other}"
    return _row("one machine's web asked to end", done, good=(answered, other) == (200, 200))


def _row(what: str, ours: str, *, good: bool) -> Row:
    return Row("O2", what, ours, "", "", "as the README says", good)


def _get(
    machine: Machine, path: str, cookie: str = "", form: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Ask as the proxy does: status (0: nobody answers), text, and the cookies that are set."""
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": PUBLIC, "Cookie": cookie}
    if form:
        headers["Origin"] = f"https://{PUBLIC}"
    try:
        answer = requests.request(
            "POST" if form else "GET",
            f"http://{machine.address}:8480{path}",
            headers=headers,
            data=form,
            timeout=10,
            allow_redirects=False,
        )
    except requests.RequestException:
        return 0, "", ""
    cookies = "; ".join(f"{each.name}={each.value}" for each in answer.cookies)
    return answer.status_code, answer.text, cookies or cookie


def _wait(done: Callable[[], bool], why: str) -> None:
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, why
        time.sleep(0.2)


def _sh(script: str) -> None:
    subprocess.run(["bash", "-euc", script], check=True)
