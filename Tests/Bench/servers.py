"""The processes under measurement: gantryd and, as the floor, nginx."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = "0", "1"


class UnixConnection(http.client.HTTPConnection):
    """Keep-alive HTTP over a unix socket."""

    def __init__(self, path, timeout=120):
        # like virsh; the 8 KiB of http.client would be what an upload is measured by
        super().__init__("localhost", timeout=timeout, blocksize=256 << 10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def call(connection, method, path, body=None, expect=(200, 201, 202, 204), headers=None):
    """One request; answers (status, bytes) and raises on a status that was not expected."""
    connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers or {})
    response = connection.getresponse()
    data = response.read()
    if response.status not in expect:
        raise RuntimeError(f"{method} {path}: {response.status} {data[:500].decode(errors='replace')}")
    return response.status, data


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of a process with all its threads (proc_pid_stat(5))."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mib(pid, key="VmRSS"):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return round(int(line.split()[1]) / 1024, 1)
    return 0.0


class Daemon:
    """A gantryd with a state directory of its own; `uri` None means --sandbox, the in-memory test driver."""

    def __init__(self, binary, scratch, uri=None, limits=""):
        self.folder = os.path.join(scratch, f"gantryd-{time.monotonic_ns()}")
        os.mkdir(self.folder, 0o700)
        self.port = free_port()
        self.socket = os.path.join(self.folder, "gantry.sock")
        lines = [
            "listen:", f'  unix: {{path: "{self.socket}"}}', f'  tcp: ["127.0.0.1:{self.port}"]',
            f'state_directory: "{self.folder}/state"', f"limits: {{requests_per_connection: 1000000{limits}}}", "log: {level: warning}",
        ]
        if uri:
            lines += ["hosts:", f'  - {{name: local, uri: "{uri}"}}']
        configuration = os.path.join(self.folder, "gantry.yaml")
        with open(configuration, "w") as file:
            file.write("\n".join(lines) + "\n")
        self.command = [binary, "--config", configuration] + ([] if uri else ["--sandbox"])
        self.is_sandbox = uri is None
        self.process = None

    def start(self):
        """Answers the seconds from exec to the first 200 of /healthz."""
        log = open(os.path.join(self.folder, "log"), "ab")
        begin = time.monotonic()
        self.process = subprocess.Popen(
            self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=self.folder),
            start_new_session=True)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                    probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if probe.recv(64).startswith(b"HTTP/1.1 200"):
                        seconds = time.monotonic() - begin
                        break
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() - begin > 20:
                with open(os.path.join(self.folder, "log")) as text:
                    raise RuntimeError("gantryd did not start: " + text.read()[-2000:])
            time.sleep(0.0005)
        if self.is_sandbox:
            state = next(entry.path for entry in os.scandir(self.folder) if entry.name.startswith("gantry-sandbox-"))
            self.socket = os.path.join(state, "gantry.sock")
        else:
            state = os.path.join(self.folder, "state")
        with open(os.path.join(state, "admin.token")) as file:
            self.token = file.read().strip()
        return seconds

    def wait_ready(self):
        connection = self.connection()
        end = time.monotonic() + 30
        while call(connection, "GET", "/readyz", expect=(200, 503))[0] != 200:
            if time.monotonic() > end:
                raise RuntimeError("gantryd is not ready after 30 s")
            time.sleep(0.01)

    @property
    def pid(self):
        return self.process.pid

    def connection(self):
        return UnixConnection(self.socket)

    def log(self):
        with open(os.path.join(self.folder, "log")) as file:
            return file.read()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nginx:
    """One worker that serves given bytes from files at given paths, over loopback TCP with keep-alive."""

    def __init__(self, scratch, pages):
        self.port = free_port()
        self.folder = os.path.join(scratch, "nginx")
        os.makedirs(self.folder)
        locations = []
        for number, (path, content) in enumerate(pages.items()):
            file_name = os.path.join(self.folder, f"page{number}")
            with open(file_name, "wb") as file:
                file.write(content)
            locations.append(f"location = {path} {{ alias {file_name}; }}")
        configuration = f"""
            daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;
            user {'root' if os.getuid() == 0 else 'nobody'};
            events {{ worker_connections 8192; }}
            http {{
                access_log off; default_type application/json; sendfile on; tcp_nopush on; tcp_nodelay on;
                keepalive_timeout 60s; keepalive_requests 100000000; open_file_cache max=100; etag on;
                client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
                uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
                server {{ listen 127.0.0.1:{self.port}; {' '.join(locations)} }}
            }}"""
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(configuration)
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, "nginx", "-p", self.folder, "-e", f"{self.folder}/error.log", "-c", path],
            stderr=subprocess.DEVNULL, start_new_session=True)
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        end = time.monotonic() + 10
        while True:
            with open(children) as file:
                worker = file.read().split()
            if worker:
                break
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("nginx did not start")
            time.sleep(0.02)
        self.worker = int(worker[0])

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
