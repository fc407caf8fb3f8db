"""Disks attached to and detached from a booted guest: through the daemon, and by the bare calls on one like it."""
import json
import os
import time

import load
from libvirt_calls import Domain
from servers import call

POOL = "default"
ROUNDS = 25
WARMING = 3


def _timed(times, deed, *arguments):
    begin = time.monotonic()
    result = deed(*arguments)
    times.append(time.monotonic() - begin)
    return result


def _upload(connection, name, path):
    with open(path, "rb") as file:
        connection.request("PUT", f"/v1/pools/{POOL}/volumes/{name}/content?replace=true", body=file,
                           headers={"Content-Length": str(os.path.getsize(path))})
        response = connection.getresponse()
        answer = response.read()
    if response.status not in (200, 201):
        raise RuntimeError(f"upload of {name}: {response.status} {answer[:500].decode(errors='replace')}")


def _guest(connection, name, prefix):
    body = {
        "name": name, "memory": "128MiB", "nics": [], "disks": [],
        "boot": {"kernel": {"pool": POOL, "volume": prefix + "-vmlinuz"}, "initrd": {"pool": POOL, "volume": prefix + "-initrd.img"},
                 "cmdline": f"console=ttyS0 quiet panic=1 lab.name={name}"},
        "start": True, "wait_for": ["agent"],
    }
    call(connection, "POST", "/v1/vms?wait=2m", body, (201,))


def _path(connection, volume):
    return json.loads(call(connection, "GET", f"/v1/pools/{POOL}/volumes/{volume}")[1])["path"]


def plugging(daemon, options, guest_folder):
    """Milliseconds until a disk is there, and until the guest has let it go, by turns with the bare calls."""
    prefix = f"bench-{os.getpid()}"
    connection = daemon.connection()
    machines = [f"{prefix}-ours", f"{prefix}-floor"]
    volumes = [f"{prefix}-a.qcow2", f"{prefix}-b.qcow2"]
    kernels = [f"{prefix}-vmlinuz", f"{prefix}-initrd.img"]
    times = {kind: [] for kind in ("attach", "bare_attach", "detach", "bare_detach")}
    try:
        for kernel, file in zip(kernels, ("vmlinuz", "initrd.img")):
            _upload(connection, kernel, os.path.join(guest_folder, file))
        for machine in machines:
            _guest(connection, machine, prefix)
        for volume in volumes:
            call(connection, "POST", f"/v1/pools/{POOL}/volumes?wait=30s", {"name": volume, "size": "64MiB"}, (201,))
        path = _path(connection, volumes[1])
        device = (f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/>"
                  f"<target dev='vdz' bus='virtio'/></disk>")
        domain = Domain(options.uri, machines[1])
        disks = f"/v1/vms/{machines[0]}/disks"
        for turn in range(ROUNDS + WARMING):
            _, answer = _timed(times["attach"], call, connection, "POST", f"{disks}?wait=60s", {"volume": volumes[0]}, (200, 201))
            target = next(disk["target"] for disk in json.loads(answer)["disks"] if disk["volume"] == volumes[0])
            _timed(times["bare_attach"], domain.attach, device)
            _timed(times["detach"], call, connection, "DELETE", f"{disks}/{target}?wait=60s", None, (200, 204))
            _timed(times["bare_detach"], domain.detach, device, "dev='vdz'")
            if turn == WARMING - 1:
                for values in times.values():
                    values.clear()
        domain.close()
    finally:
        for machine in machines:
            call(connection, "DELETE", f"/v1/vms/{machine}?missing=ok&wait=60s", None, (204,))
        for volume in volumes + kernels:
            call(connection, "DELETE", f"/v1/pools/{POOL}/volumes/{volume}?missing=ok&wait=60s", None, (204,))
    result = {f"{kind}_ms": load.milliseconds(values) for kind, values in times.items()}
    for kind in ("attach", "detach"):
        result[f"{kind}_more_ms"] = round(result[f"{kind}_ms"]["p50"] - result[f"bare_{kind}_ms"]["p50"], 3)
    return result
