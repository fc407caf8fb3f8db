"""Lists of a large fleet while many of its machines change."""
import threading
import time

import load
from servers import call

MACHINES = 10_000
CHANGES_PER_SECOND = 1000
SECONDS = 10
CLIENTS = 8
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
    """Clients that pause and resume machines, each its own, at a steady pace."""

    def __init__(self, daemon):
        self.daemon, self.stopping, self.failure, self.counts = daemon, threading.Event(), None, [0] * CLIENTS
        self.threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _work(self, number):
        connection = self.daemon.connection()
        begin = time.monotonic()
        try:
            while not self.stopping.is_set():
                count = self.counts[number]
                machine = (number + count * CLIENTS) % MACHINES
                # through the fleet once with pause, once with resume, and so on
                action = ("pause", "resume")[(count * CLIENTS // MACHINES) % 2]
                call(connection, "POST", f"/v1/vms/bench-{machine:05}/{action}")
                self.counts[number] = count + 1
                time.sleep(max(0, begin + (count + 1) * CLIENTS / CHANGES_PER_SECOND - time.monotonic()))
        except Exception as error:  # told by `stop`
            self.failure = error

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.failure:
            raise self.failure
        return sum(self.counts)


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
    changes = _Changes(daemon)
    try:
        time.sleep(1)
        begin, before = time.monotonic(), sum(changes.counts)
        result["changing_ms"] = _lists(daemon, SECONDS)
        result["changes_per_s"] = round((sum(changes.counts) - before) / (time.monotonic() - begin))
    finally:
        changes.stop()
    begin = time.monotonic()
    wait_until("all changes are done", 120, lambda: is_idle(connection))
    result["left_behind_s"] = round(time.monotonic() - begin, 1)
    return result
