"""The few bare libvirt calls that are floors, straight from libvirt.so."""
import ctypes
import time

_lib = ctypes.CDLL("libvirt.so.0")
for _name in ("virConnectOpen", "virDomainLookupByName"):
    getattr(_lib, _name).restype = ctypes.c_void_p
_lib.virDomainLookupByName.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
for _name in ("virDomainSuspend", "virDomainResume", "virDomainFree", "virConnectClose"):
    getattr(_lib, _name).argtypes = [ctypes.c_void_p]
for _name in ("virDomainAttachDeviceFlags", "virDomainDetachDeviceFlags"):
    getattr(_lib, _name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint]
_lib.virDomainGetXMLDesc.argtypes = [ctypes.c_void_p, ctypes.c_uint]
_lib.virDomainGetXMLDesc.restype = ctypes.c_void_p
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]
LIVE_AND_CONFIG = 3
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

    def attach(self, device):
        """The device is there when the call returns."""
        if _lib.virDomainAttachDeviceFlags(self.handle, device.encode(), LIVE_AND_CONFIG) != 0:
            raise RuntimeError("virDomainAttachDeviceFlags failed")

    def detach(self, device, trace):
        """The call only asks the guest; the device is gone when the machine no longer shows `trace`."""
        if _lib.virDomainDetachDeviceFlags(self.handle, device.encode(), LIVE_AND_CONFIG) != 0:
            raise RuntimeError("virDomainDetachDeviceFlags failed")
        end = time.monotonic() + 30
        while trace in self.xml():
            if time.monotonic() > end:
                raise RuntimeError("the guest does not let the device go")
            time.sleep(0.001)

    def xml(self):
        text = _lib.virDomainGetXMLDesc(self.handle, 0)
        if not text:
            raise RuntimeError("virDomainGetXMLDesc failed")
        try:
            return ctypes.string_at(text).decode()
        finally:
            _libc.free(text)

    def close(self):
        _lib.virDomainFree(self.handle)
        _lib.virConnectClose(self.connection)
