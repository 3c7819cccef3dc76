"""Signals that the system hands to any thread of a process, not always to the one that listens."""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from soak.installation import free_ports

pytestmark = pytest.mark.slow


def test_the_sandbox_ends_when_another_thread_gets_the_signal(tmp_path: Path) -> None:
    plain = {key: value for key, value in os.environ.items() if "BRIDGEHEAD_" not in key}
    port = str(free_ports(12))
    environment = {**plain, "BRIDGEHEAD_DATA": str(tmp_path), "BRIDGEHEAD_SANDBOX_PORT": port}
    command = [sys.executable, "-m", "plugin.cli", "sandbox"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"sandbox: http" in process.stdout.readline()
            others = [each.id for each in psutil.Process(process.pid).threads()]
            others.remove(process.pid)
            assert ctypes.CDLL(None).tgkill(process.pid, others[0], signal.SIGTERM) == 0
            assert process.wait(10) == 0
        finally:
            process.kill()
