"""Measures one gantryd and appends the figures to the history; started by `run`."""
import argparse
import datetime
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time

import load
from churn import churn
from libvirt_calls import Domain
from plugging import plugging
from servers import Daemon, Nginx, call, cpu_seconds, memory_mib, SERVER_CORE
from transfers import transfers

MACHINES = 1000
IDLE_CONNECTIONS = 5000
ROUND_SECONDS = 3
SAMPLED_MACHINES = 500
SAMPLED_SECONDS = 40


def say(text):
    print(text, flush=True)


def wait_until(what, seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def unfinished(connection):
    return json.loads(call(connection, "GET", "/v1/jobs?state=queued,waiting,running&limit=1")[1])["items"]


def start_times(options):
    """Exec to first 200, ten times, each with a new state directory."""
    times = []
    for _ in range(10):
        daemon = Daemon(options.daemon, options.scratch)
        try:
            times.append(daemon.start())
        finally:
            daemon.stop()
    return {"p50_ms": round(statistics.median(times) * 1000, 1), "max_ms": round(max(times) * 1000, 1)}


def library_floor(options):
    """Resident MiB of the least C program with the same libraries; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if not compiler:
        return None
    program = os.path.join(options.scratch, "library-floor")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "library-floor.c")
    libraries = ["-I/usr/include/libxml2", "-lvirt", "-lxml2", "-lcrypto", "-lsqlite3", "-lsystemd", "-lyaml"]
    built = subprocess.run([compiler, "-O1", "-o", program, source] + libraries, capture_output=True)
    if built.returncode != 0:
        return None
    text = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return round(int(text.split()[1]) / 1024, 1)


def enqueues(daemon, options):
    """POST /v1/vms until it is durably a job (202), while earlier ones run; makes the machines for what follows."""
    floor = load.fdatasync_rate(options.scratch)
    bodies = [{"name": f"bench-{n:04}", "memory": "16MiB", "disks": [], "nics": []} for n in range(MACHINES)]
    requests = [("POST", "/v1/vms", body, (202,)) for body in bodies]
    result = {"fdatasync_per_s_before": floor}
    begin = time.monotonic()
    for clients, part in ((1, requests[:200]), (64, requests[200:])):
        seconds, times = load.spread(daemon, clients, part)
        result[f"clients_{clients}"] = {"per_s": round(len(part) / seconds), **{f"{k}_ms": v for k, v in load.milliseconds(times).items()}}
        say(f"  {clients:2} clients: {len(part) / seconds:6.0f} a second")
    connection = daemon.connection()
    wait_until("all creates done", 90, lambda: not unfinished(connection))
    result["creates_done_per_s"] = round(MACHINES / (time.monotonic() - begin))
    failed = json.loads(call(connection, "GET", "/v1/jobs?state=failed,cancelled,needs_attention&limit=1")[1])["items"]
    if failed:
        raise RuntimeError(f"a create failed: {failed[0]['error']}")
    result["fdatasync_per_s_after"] = load.fdatasync_rate(options.scratch)
    floor = (floor + result["fdatasync_per_s_after"]) / 2
    for clients in (1, 64):
        result[f"clients_{clients}"]["ratio"] = round(result[f"clients_{clients}"]["per_s"] / floor, 2)
    return result


def reads(daemon, options):
    """GET against nginx with the same bytes: rounds by turns, the floor first and last, best of each against best."""
    connection = daemon.connection()
    os.system(f"taskset -a -c -p {SERVER_CORE} {daemon.pid} > /dev/null")
    pages = {path: call(connection, "GET", path)[1] for path in ("/v1/vms", "/v1/vms/bench-0500")}
    count = len(json.loads(pages["/v1/vms"])["items"])
    if count < MACHINES:
        raise RuntimeError(f"the list has {count} machines")
    nginx = Nginx(options.scratch, pages)
    result = {}
    try:
        for path, name in (("/v1/vms/bench-0500", "get_vm"), ("/v1/vms", "list_vms")):
            floors, ours = [], []
            for turn in range(5):
                port, pid, rounds = (nginx.port, nginx.worker, floors) if turn % 2 == 0 else (daemon.port, daemon.pid, ours)
                rounds.append(load.wrk(f"http://127.0.0.1:{port}{path}", pid, ROUND_SECONDS, daemon.token))
            best, floor = max(ours, key=lambda r: r["rps"]), max(floors, key=lambda r: r["rps"])
            result[name] = {
                "bytes": len(pages[path]), "ratio": round(best["rps"] / floor["rps"], 2), "rps": round(best["rps"]),
                "nginx_rps": round(floor["rps"]), "nginx_rps_first": round(floors[0]["rps"]), "nginx_rps_last": round(floors[-1]["rps"]),
                "p99_ms": min(r["p99_ms"] for r in ours), "nginx_p99_ms": min(r["p99_ms"] for r in floors),
                "cpu_us": min(r["cpu_us"] for r in ours), "nginx_cpu_us": min(r["cpu_us"] for r in floors),
            }
            # What a busy machine cannot disturb as much: requests for the same processor time.
            result[name]["cpu_ratio"] = round(result[name]["nginx_cpu_us"] / max(0.1, result[name]["cpu_us"]), 2)
            say(f"  {name}: {result[name]['rps']} a second, nginx {result[name]['nginx_rps']}: ratio {result[name]['ratio']}")
    finally:
        nginx.stop()
        os.system(f"taskset -a -c -p 0-{os.cpu_count() - 1} {daemon.pid} > /dev/null")
    return result


def job_overhead(daemon, name, domain, rounds):
    """pause and resume as waited jobs, by turns with the bare calls on the same kind of domain."""
    connection = daemon.connection()
    call(connection, "POST", f"/v1/vms/{name}/start?wait=60s")
    jobs, bare, request, syncs = [], [], [], []
    scratch = os.open(os.path.join(daemon.folder, "sync"), os.O_WRONLY | os.O_CREAT)

    def sync():
        os.write(scratch, b"x" * 4096)
        os.fdatasync(scratch)

    def timed(times, deed, *arguments):
        begin = time.monotonic()
        deed(*arguments)
        times.append(time.monotonic() - begin)

    for turn in range(rounds + 5):
        for action, direct in (("pause", domain.suspend), ("resume", domain.resume)):
            timed(jobs, call, connection, "POST", f"/v1/vms/{name}/{action}?wait=30s", None, (200,))
            timed(bare, direct)
            timed(request, call, connection, "GET", f"/v1/vms/{name}?fields=state")
            timed(syncs, sync)
        if turn == 4:
            # the first rounds warm both up
            for times in (jobs, bare, request, syncs):
                times.clear()
    os.close(scratch)
    job, floor = load.milliseconds(jobs), load.milliseconds(bare)
    return {
        "job_ms": job, "libvirt_ms": floor, "get_ms": load.milliseconds(request), "fdatasync_ms": load.milliseconds(syncs),
        "more_ms": {key: round(job[key] - floor[key], 3) for key in job},
    }


def visible(daemon, name, domain, rounds):
    """Another client's pause and resume until GET shows them, from the return of the call and from its beginning."""
    connection = daemon.connection()
    after, whole = [], []
    for _ in range(rounds):
        for deed, state in ((domain.suspend, b'"state":"paused"'), (domain.resume, b'"state":"running"')):
            begin = time.monotonic()
            deed()
            returned = time.monotonic()
            while state not in call(connection, "GET", f"/v1/vms/{name}")[1]:
                if time.monotonic() - returned > 5:
                    raise RuntimeError(f"{state} is not visible after 5 s")
            seen = time.monotonic()
            after.append(seen - returned)
            whole.append(seen - begin)
            # events of the last change must not be taken for this one's
            time.sleep(0.005)
    return {"after_call_ms": load.milliseconds(after), "from_begin_ms": load.milliseconds(whole)}


def idle_connections(daemon):
    """Resident memory that open keep-alive connections cost, each after one request."""
    time.sleep(1)
    before = memory_mib(daemon.pid)
    sockets = []
    try:
        for _ in range(IDLE_CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", daemon.port), timeout=10)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sockets.append(connection)
            if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("a connection was not served")
        time.sleep(1)
        after = memory_mib(daemon.pid)
        # all of them still work
        for connection in sockets[:: IDLE_CONNECTIONS // 50]:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("an idle connection does not answer")
    finally:
        for connection in sockets:
            connection.close()
    return {"count": IDLE_CONNECTIONS, "rss_mib_before": before, "rss_mib": after, "kib_each": round((after - before) * 1024 / IDLE_CONNECTIONS, 2)}


def sampled_machines(options):
    """Processor time of a daemon that only samples 500 running machines of the test driver, and of one that does not sample."""
    figures = {"machines": SAMPLED_MACHINES, "seconds": SAMPLED_SECONDS}
    for name, interval in (("never", 3_600_000), ("each_10_s", 10_000)):
        daemon = Daemon(options.daemon, options.scratch, limits=f", stats_interval_milliseconds: {interval}")
        try:
            daemon.start()
            daemon.wait_ready()
            connection = daemon.connection()
            for number in range(SAMPLED_MACHINES):
                body = {"name": f"bench-{number:04}", "memory": "16MiB", "disks": [], "nics": [], "start": True}
                call(connection, "POST", "/v1/vms", body, (202,))
            wait_until("the machines run", 120, lambda: not unfinished(connection))
            # one sample at least, and what the creation left behind
            time.sleep(11)
            before = cpu_seconds(daemon.pid)
            time.sleep(SAMPLED_SECONDS)
            figures[name] = {"cpu_percent": round((cpu_seconds(daemon.pid) - before) / SAMPLED_SECONDS * 100, 3)}
            shown = json.loads(call(connection, "GET", f"/v1/vms/bench-{SAMPLED_MACHINES - 1:04}/stats")[1])
            if name == "each_10_s" and not shown["interval_ms"]:
                raise RuntimeError(f"was not sampled: {shown}")
        finally:
            daemon.stop()
    figures["cpu_percent"] = figures["each_10_s"]["cpu_percent"]
    return figures


def changing_fleet(options):
    daemon = Daemon(options.daemon, options.scratch)
    try:
        daemon.start()
        daemon.wait_ready()
        return churn(daemon, wait_until, lambda connection: not unfinished(connection))
    finally:
        daemon.stop()


def in_the_sandbox(options, figures):
    daemon = Daemon(options.daemon, options.scratch)
    try:
        daemon.start()
        daemon.wait_ready()
        time.sleep(2)
        figures["idle_rss_mib"] = {"vms_0": memory_mib(daemon.pid), "vms_0_anonymous": memory_mib(daemon.pid, "RssAnon"),
                                   "libraries_alone": library_floor(options)}
        say("durable enqueues ...")
        figures["enqueue"] = enqueues(daemon, options)
        time.sleep(2)
        figures["idle_rss_mib"].update(vms_1000=memory_mib(daemon.pid), vms_1000_anonymous=memory_mib(daemon.pid, "RssAnon"))
        say("reads against nginx ...")
        figures["reads"] = reads(daemon, options)
        figures["idle_rss_mib"]["after_reads"] = memory_mib(daemon.pid)
        say("a job around a call of the test driver ...")
        domain = Domain("test:///default", "test")
        figures["job_test_driver"] = job_overhead(daemon, "bench-0001", domain, 300)
        domain.close()
        say(f"{IDLE_CONNECTIONS} idle connections ...")
        figures["idle_connections"] = idle_connections(daemon)
    finally:
        daemon.stop()
    say(f"{SAMPLED_MACHINES} running machines, sampled each 10 s ...")
    figures["sampled"] = sampled_machines(options)
    say("lists of 10,000 machines while they change ...")
    figures["churn"] = changing_fleet(options)


def on_a_real_host(options, figures):
    daemon = Daemon(options.daemon, options.scratch, options.uri)
    name = f"bench-{os.getpid()}"
    try:
        daemon.start()
        connection = daemon.connection()
        # a libvirtd that was just started first looks at its QEMU, for seconds
        wait_until("the host is online", 60, lambda: b'"online"' in call(connection, "GET", "/v1/hosts/local?fields=state", None, (200, 503))[1])
        body = {"name": name, "memory": "32MiB", "disks": [], "nics": [], "start": True}
        try:
            call(connection, "POST", "/v1/vms?wait=2m", body, (201,))
            domain = Domain(options.uri, name)
            say("someone else's change until it shows ...")
            figures["change_visible"] = visible(daemon, name, domain, 150)
            say("a job around a call of QEMU's driver ...")
            figures["job_qemu"] = job_overhead(daemon, name, domain_pair(daemon, connection, options, name), 100)
            domain.close()
            say("uploads and downloads ...")
            figures["transfers"] = transfers(daemon, options)
            say("disks of a booted guest ...")
            figures["plugging"] = plugging(daemon, options, options.guest)
        finally:
            for made in (name, name + "-bare"):
                call(daemon.connection(), "DELETE", f"/v1/vms/{made}?missing=ok&wait=60s", None, (204,))
    finally:
        daemon.stop()


def domain_pair(daemon, connection, options, name):
    """A second machine like the first, for the bare calls."""
    body = {"name": name + "-bare", "memory": "32MiB", "disks": [], "nics": [], "start": True}
    call(connection, "POST", "/v1/vms?wait=2m", body, (201,))
    return Domain(options.uri, name + "-bare")


def machine_facts(scratch):
    facts = {"cpus": os.cpu_count(), "kernel": platform.release(), "load_before": round(os.getloadavg()[0], 2)}
    with open("/proc/cpuinfo") as file:
        facts["cpu"] = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    with open("/proc/meminfo") as file:
        facts["memory_mib"] = int(file.readline().split()[1]) // 1024
    device = os.stat(scratch).st_dev
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields = line.split()
            if fields[2] == f"{os.major(device)}:{os.minor(device)}":
                facts["file_system"] = fields[fields.index("-") + 1]
    return facts


def verdicts(figures):
    reads_, memory = figures["reads"], figures["idle_rss_mib"]
    rows = [
        ("GET /v1/vms (1,000), rps against nginx", reads_["list_vms"]["ratio"], ">=", 1.0, ""),
        ("GET /v1/vms/{vm}, rps against nginx", reads_["get_vm"]["ratio"], ">=", 1.0, ""),
        ("GET /v1/vms (1,000), processor time", reads_["list_vms"]["cpu_ratio"], ">=", 1.0, ""),
        ("GET /v1/vms/{vm}, processor time", reads_["get_vm"]["cpu_ratio"], ">=", 1.0, ""),
        ("job more than its call, test driver, p99", figures["job_test_driver"]["more_ms"]["p99"], "<=", 5, "ms"),
        ("job more than its call, QEMU, p99", figures["job_qemu"]["more_ms"]["p99"], "<=", 5, "ms"),
        ("change by another client visible, p99", figures["change_visible"]["after_call_ms"]["p99"], "<=", 50, "ms"),
        ("start to first 200, median", figures["start"]["p50_ms"], "<=", 50, "ms"),
        ("idle memory, no machines", memory["vms_0"], "<=", 20, "MiB"),
        ("idle memory, 1,000 machines", memory["vms_1000"], "<=", 40, "MiB"),
        ("enqueues, 1 client, against fdatasync", figures["enqueue"]["clients_1"]["ratio"], "", None, ""),
        ("enqueues, 64 clients, against fdatasync", figures["enqueue"]["clients_64"]["ratio"], "", None, ""),
        ("upload, against virsh vol-upload", figures["transfers"]["upload_ratio"], "", None, ""),
        ("upload", figures["transfers"]["upload_mib_s"], "", None, "MiB/s"),
        ("a durable file on the disk", figures["transfers"]["disk_write_mib_s"], "", None, "MiB/s"),
        ("download, against virsh vol-download", figures["transfers"]["download_ratio"], "", None, ""),
        ("download", figures["transfers"]["download_mib_s"], "", None, "MiB/s"),
        (f"CPU of the daemon with {SAMPLED_MACHINES} running VMs sampled each 10 s", figures["sampled"]["cpu_percent"], "<=", 1, "%"),
        ("disk attached, more than the bare call, median", figures["plugging"]["attach_more_ms"], "", None, "ms"),
        ("the bare call", figures["plugging"]["bare_attach_ms"]["p50"], "", None, "ms"),
        ("disk let go by the guest, more than bare, median", figures["plugging"]["detach_more_ms"], "", None, "ms"),
        ("the bare call until it is gone", figures["plugging"]["bare_detach_ms"]["p50"], "", None, "ms"),
        ("GET /v1/vms of 10,000 at rest, p99", figures["churn"]["quiet_ms"]["list"]["p99"], "", None, "ms"),
        (f"the same at {figures['churn']['changes_per_s']} changes a second, p99", figures["churn"]["changing_ms"]["list"]["p99"], "", None, "ms"),
        ("a page of 100 of them, p99", figures["churn"]["changing_ms"]["page"]["p99"], "", None, "ms"),
        (f"{IDLE_CONNECTIONS} idle connections, each", figures["idle_connections"]["kib_each"], "", None, "KiB"),
    ]
    if memory["libraries_alone"]:
        rows.append(("the same libraries in an empty C program", memory["libraries_alone"], "", None, "MiB"))
    for what, value, sign, aim, unit in rows:
        met = "" if aim is None else "met" if (value >= aim if sign == ">=" else value <= aim) else "MISSED"
        say(f"  {what:50} {value:>9} {unit:4} {'aim ' + sign + ' ' + str(aim) if aim is not None else '':12} {met}")


def disturbances(figures):
    """Why the figures of this run may say more about the machine than about the daemon."""
    found = []
    if figures["machine"]["load_before"] > 0.7:
        found.append(f"the load was {figures['machine']['load_before']} before it began")
    for name, read in figures["reads"].items():
        first, last = read["nginx_rps_first"], read["nginx_rps_last"]
        if abs(first - last) > 0.15 * max(first, last):
            found.append(f"the floor of {name} moved from {first} to {last} a second")
    first, last = figures["enqueue"]["fdatasync_per_s_before"], figures["enqueue"]["fdatasync_per_s_after"]
    if abs(first - last) > 0.3 * max(first, last):
        found.append(f"fdatasync moved from {first} to {last} a second")
    return found


def main():
    parser = argparse.ArgumentParser()
    for name in ("daemon", "scratch", "uri", "commit", "history", "guest"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    begin = time.monotonic()
    figures = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": options.commit,
        "machine": machine_facts(options.scratch),
    }
    say("start to first 200 ...")
    figures["start"] = start_times(options)
    in_the_sandbox(options, figures)
    on_a_real_host(options, figures)
    figures["seconds"] = round(time.monotonic() - begin)
    figures["machine"]["load_after"] = round(os.getloadavg()[0], 2)
    figures["disturbed"] = disturbances(figures)
    with open(options.history, "a") as file:
        file.write(json.dumps(figures) + "\n")
    say(json.dumps({key: value for key, value in figures.items() if key != "machine"}, indent=1))
    verdicts(figures)
    for reason in figures["disturbed"]:
        say(f"  DISTURBED: {reason}")
    say(f"bench: {figures['seconds']} s; added to {options.history}")


sys.exit(main())
