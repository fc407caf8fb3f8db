"""Uploads and downloads through the daemon against virsh's and against the disk."""
import os
import subprocess
import time

from servers import call

MEBIBYTES = 128
ROUNDS = 3
POOL = "default"
BLOCK = 1 << 20


def _timed(times, deed, *arguments):
    begin = time.monotonic()
    deed(*arguments)
    times.append(time.monotonic() - begin)


def _upload(daemon, name, source):
    with open(source, "rb") as file:
        connection = daemon.connection()
        size = str(os.path.getsize(source))
        connection.request("PUT", f"/v1/pools/{POOL}/volumes/{name}/content?format=raw&replace=true&wait=2m", body=file,
                           headers={"Content-Length": size, "Content-Type": "application/octet-stream"})
        response = connection.getresponse()
        answer = response.read()
        if response.status not in (200, 201):
            raise RuntimeError(f"upload: {response.status} {answer[:500].decode(errors='replace')}")


def _download(daemon, name, source):
    connection = daemon.connection()
    connection.request("GET", f"/v1/pools/{POOL}/volumes/{name}/content")
    response = connection.getresponse()
    left = os.path.getsize(source)
    while data := response.read(BLOCK):
        left -= len(data)
    if response.status != 200 or left != 0:
        raise RuntimeError(f"download: {response.status}, {left} bytes short")


def _virsh(uri, *arguments):
    subprocess.run(["virsh", "-c", uri, *arguments], check=True, stdout=subprocess.DEVNULL)


def _write(source, target):
    """The same bytes into a file, made durable."""
    with open(source, "rb") as reading, open(target, "wb") as writing:
        while data := reading.read(BLOCK):
            writing.write(data)
        writing.flush()
        os.fsync(writing.fileno())


def _read(target):
    with open(target, "rb") as reading:
        while reading.read(BLOCK):
            pass


def transfers(daemon, options):
    """MiB a second, best of some rounds by turns: the daemon, virsh on the same pool, and a file on the scratch disk.

    The daemon makes the volume, inspects and hashes what it is sent; virsh writes into one that is there. All that is
    read was just written, so that it comes from memory.
    """
    source, target = (os.path.join(options.scratch, name) for name in ("transfer", "transfer-copy"))
    ours, theirs = f"bench-{os.getpid()}-a.raw", f"bench-{os.getpid()}-b.raw"
    with open(source, "wb") as file:
        for _ in range(MEBIBYTES):
            file.write(os.urandom(BLOCK))
    times = {kind: [] for kind in ("upload", "virsh_upload", "disk_write", "download", "virsh_download", "cached_read")}
    connection = daemon.connection()
    try:
        _virsh(options.uri, "vol-create-as", POOL, theirs, f"{MEBIBYTES}MiB", "--format", "raw", "--allocation", "0")
        for _ in range(ROUNDS):
            _timed(times["upload"], _upload, daemon, ours, source)
            _timed(times["virsh_upload"], _virsh, options.uri, "vol-upload", theirs, source, "--pool", POOL)
            _timed(times["disk_write"], _write, source, target)
            _timed(times["download"], _download, daemon, ours, source)
            _timed(times["virsh_download"], _virsh, options.uri, "vol-download", theirs, target, "--pool", POOL)
            _timed(times["cached_read"], _read, target)
    finally:
        subprocess.run(["virsh", "-c", options.uri, "vol-delete", theirs, "--pool", POOL], capture_output=True)
        call(connection, "DELETE", f"/v1/pools/{POOL}/volumes/{ours}?missing=ok&wait=60s", None, (200, 204))
        for path in (source, target):
            if os.path.exists(path):
                os.unlink(path)
    result = {"mib": MEBIBYTES, **{f"{kind}_mib_s": round(MEBIBYTES / min(values)) for kind, values in times.items()}}
    for kind in ("upload", "download"):
        result[f"{kind}_ratio"] = round(result[f"{kind}_mib_s"] / result[f"virsh_{kind}_mib_s"], 2)
    return result
