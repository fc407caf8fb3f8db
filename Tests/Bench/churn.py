"""Lists of a large fleet while many of its machines change."""
import os
import re
import subprocess
import time

import load
from servers import call

MACHINES = 10_000
CHANGES_PER_SECOND = 1000
SECONDS = 10
CLIENTS = 64
PATHS = {"list": "/v1/vms", "page": "/v1/vms?limit=100", "paused": "/v1/vms?state=paused&fields=name,state"}


def _lists(daemon, seconds):
    """Times of each kind of list, one request after the other over one connection."""
    connection = daemon.connection()
    times = {name: [] for name in PATHS}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, path in PATHS.items():
            begin = time.monotonic()
            call(connection, "GET", path)
            times[name].append(time.monotonic() - begin)
    return {name: load.milliseconds(values) for name, values in times.items()}


class _Changes:
    """wrk with churn.lua: a client that is not the limit."""

    def __init__(self, daemon, seconds):
        script = os.path.join(os.path.dirname(__file__), "churn.lua")
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "-H", f"Authorization: Bearer {daemon.token}", "-s", script,
             f"http://127.0.0.1:{daemon.port}", "--", str(MACHINES), str(CHANGES_PER_SECOND)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self):
        """Changes that were taken a second."""
        text, _ = self.process.communicate(timeout=60)
        found = re.search(r"CHANGES (\d+) ERRORS (\d+) SECONDS ([\d.]+)", text)
        if not found or found.group(2) != "0":
            raise RuntimeError(f"wrk: {text}")
        return int(found.group(1)) / float(found.group(3))


def churn(daemon, wait_until, is_idle):
    """Milliseconds of lists of 10,000 machines, at rest and while a tenth of them changes each second, each by a durable job."""
    requests = [
        ("POST", "/v1/vms", {"name": f"bench-{number:05}", "memory": "16MiB", "disks": [], "nics": [], "start": True}, (202,))
        for number in range(MACHINES)
    ]
    load.spread(daemon, 16, requests)
    connection = daemon.connection()
    wait_until("all machines run", 180, lambda: is_idle(connection))
    time.sleep(1)
    result = {"machines": MACHINES, "quiet_ms": _lists(daemon, SECONDS / 2)}
    changes = _Changes(daemon, SECONDS + 1)
    time.sleep(1)
    result["changing_ms"] = _lists(daemon, SECONDS - 0.5)
    result["changes_per_s"] = round(changes.end())
    begin = time.monotonic()
    wait_until("all changes are done", 120, lambda: is_idle(connection))
    result["left_behind_s"] = round(time.monotonic() - begin, 1)
    return result
