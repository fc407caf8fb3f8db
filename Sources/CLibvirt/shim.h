#pragma once
#include <stddef.h>
#include <stdint.h>

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

// What Swift cannot import: the cast macros for event callbacks. One typed function per event, so that the compiler
// checks each callback's signature. `token` comes back as the callback's opaque pointer; nothing is freed by it.

static inline int gantry_on_lifecycle(virConnectPtr connection, virConnectDomainEventCallback callback, uintptr_t token) {
    return virConnectDomainEventRegisterAny(
        connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_reboot(virConnectPtr connection, virConnectDomainEventGenericCallback callback, uintptr_t token) {
    return virConnectDomainEventRegisterAny(
        connection, NULL, VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_agent(virConnectPtr connection, virConnectDomainEventAgentLifecycleCallback callback, uintptr_t token) {
    return virConnectDomainEventRegisterAny(
        connection, NULL, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_metadata(
    virConnectPtr connection, virConnectDomainEventMetadataChangeCallback callback, uintptr_t token) {
    return virConnectDomainEventRegisterAny(
        connection, NULL, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_balloon(virConnectPtr connection, virConnectDomainEventBalloonChangeCallback callback, uintptr_t token) {
    return virConnectDomainEventRegisterAny(
        connection, NULL, VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_device_added(
    virConnectPtr connection, virConnectDomainEventDeviceAddedCallback callback, uintptr_t token) {
    return virConnectDomainEventRegisterAny(
        connection, NULL, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_device_removed(
    virConnectPtr connection, virConnectDomainEventDeviceRemovedCallback callback, uintptr_t token) {
    return virConnectDomainEventRegisterAny(
        connection, NULL, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_pool_lifecycle(
    virConnectPtr connection, virConnectStoragePoolEventLifecycleCallback callback, uintptr_t token) {
    return virConnectStoragePoolEventRegisterAny(
        connection, NULL, VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, VIR_STORAGE_POOL_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_pool_refresh(
    virConnectPtr connection, virConnectStoragePoolEventGenericCallback callback, uintptr_t token) {
    return virConnectStoragePoolEventRegisterAny(
        connection, NULL, VIR_STORAGE_POOL_EVENT_ID_REFRESH, VIR_STORAGE_POOL_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_network_lifecycle(
    virConnectPtr connection, virConnectNetworkEventLifecycleCallback callback, uintptr_t token) {
    return virConnectNetworkEventRegisterAny(
        connection, NULL, VIR_NETWORK_EVENT_ID_LIFECYCLE, VIR_NETWORK_EVENT_CALLBACK(callback), (void *)token, NULL);
}

static inline int gantry_on_close(virConnectPtr connection, virConnectCloseFunc callback, uintptr_t token) {
    return virConnectRegisterCloseCallback(connection, callback, (void *)token, NULL);
}

// Typed parameters: C strings and unions that Swift sees as tuples.

static inline const char *gantry_parameter_name(const virTypedParameter *parameter) {
    return parameter->field;
}

// NULL unless it is a string.
static inline const char *gantry_parameter_text(const virTypedParameter *parameter) {
    return parameter->type == VIR_TYPED_PARAM_STRING ? parameter->value.s : NULL;
}

// An integer of any type, clamped to 64 bits with sign; 0 is answered for what is no integer.
static inline int gantry_parameter_number(const virTypedParameter *parameter, int64_t *number) {
    switch (parameter->type) {
    case VIR_TYPED_PARAM_INT: *number = parameter->value.i; return 1;
    case VIR_TYPED_PARAM_UINT: *number = parameter->value.ui; return 1;
    case VIR_TYPED_PARAM_LLONG: *number = parameter->value.l; return 1;
    case VIR_TYPED_PARAM_ULLONG:
        *number = parameter->value.ul > INT64_MAX ? INT64_MAX : (int64_t)parameter->value.ul;
        return 1;
    default: return 0;
    }
}
