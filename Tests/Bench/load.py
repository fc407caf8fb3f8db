"""Load and floors: wrk, fdatasync, many clients at once; and percentiles."""
import os
import re
import subprocess
import threading
import time

from servers import LOAD_CORE, call, cpu_seconds


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def milliseconds(values):
    """p50 and p99 of a list of seconds, in milliseconds."""
    return {"p50": round(percentile(values, 0.5) * 1000, 3), "p99": round(percentile(values, 0.99) * 1000, 3)}


def wrk(url, pid, seconds, token, connections=32):
    """One round: requests a second, p99 in ms, the server's CPU µs for a request."""
    before = cpu_seconds(pid)
    text = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
         "-H", f"Authorization: Bearer {token}", url],
        capture_output=True, text=True, check=True).stdout
    cpu = cpu_seconds(pid) - before
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{url}: {text}")
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    amount, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", text).groups()
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
        "p99_ms": round(float(amount) * {"us": 0.001, "ms": 1, "s": 1000}[unit], 3),
        "cpu_us": round(cpu / max(1, requests) * 1e6, 1),
    }


def fdatasync_rate(folder, seconds=1.0):
    """Appends of 4 KiB, each made durable, a second."""
    path = os.path.join(folder, "fdatasync")
    block = b"x" * 4096
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        os.write(descriptor, block)
        os.fdatasync(descriptor)
        count += 1
    elapsed = time.monotonic() - begin
    os.close(descriptor)
    os.unlink(path)
    return round(count / elapsed)


def spread(daemon, clients, requests):
    """Sends (method, path, body) tuples over `clients` connections at once; answers (seconds in all, seconds of each)."""
    queue = list(enumerate(requests))
    taken = iter(queue)
    lock = threading.Lock()
    times, failures = [], []

    def work():
        connection = daemon.connection()
        while True:
            with lock:
                item = next(taken, None)
            if item is None or failures:
                return
            begin = time.monotonic()
            try:
                call(connection, *item[1])
            except Exception as error:  # told by the caller's thread
                failures.append(error)
                return
            times.append(time.monotonic() - begin)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.monotonic() - begin, times
