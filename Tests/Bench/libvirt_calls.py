"""The few bare libvirt calls that are floors, straight from libvirt.so."""
import ctypes

_lib = ctypes.CDLL("libvirt.so.0")
for _name in ("virConnectOpen", "virDomainLookupByName"):
    getattr(_lib, _name).restype = ctypes.c_void_p
_lib.virDomainLookupByName.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
for _name in ("virDomainSuspend", "virDomainResume", "virDomainFree", "virConnectClose"):
    getattr(_lib, _name).argtypes = [ctypes.c_void_p]
# errors come back as results; libvirt need not print them too
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_silent = _HANDLER(lambda data, error: None)
_lib.virSetErrorFunc.argtypes = [ctypes.c_void_p, _HANDLER]
_lib.virSetErrorFunc(None, _silent)


class Domain:
    """A domain by name over a connection of its own."""

    def __init__(self, uri, name):
        self.connection = _lib.virConnectOpen(uri.encode())
        if not self.connection:
            raise RuntimeError(f"cannot connect to {uri}")
        self.handle = _lib.virDomainLookupByName(self.connection, name.encode())
        if not self.handle:
            raise RuntimeError(f"no domain {name} at {uri}")

    def suspend(self):
        if _lib.virDomainSuspend(self.handle) != 0:
            raise RuntimeError("virDomainSuspend failed")

    def resume(self):
        if _lib.virDomainResume(self.handle) != 0:
            raise RuntimeError("virDomainResume failed")

    def close(self):
        _lib.virDomainFree(self.handle)
        _lib.virConnectClose(self.connection)
