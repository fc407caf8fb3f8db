import Hypervisor
import Platform
import Testing

@testable import Libvirt

@Suite struct ErrorMappingTests {
    /// Domain and code as in virterror.h, the message as measured, and what a caller shall see.
    static let table: [(domain: Int, code: Int, message: String, expected: HypervisorError.Code)] = [
        (10, 42, "Domain not found: no domain with matching uuid '…'", .machineNotFound),
        (19, 43, "Network not found: no network with matching name 'lonely'", .networkNotFound),
        (18, 49, "Storage pool not found: no storage pool with matching name 'x'", .poolNotFound),
        (18, 50, "Storage volume not found: no storage vol with matching name 'x'", .volumeNotFound),
        (10, 55, "Requested operation is not valid: domain is not running", .invalidState),
        (10, 55, "network 'lonely' is not active", .invalidState),
        (10, 55, "another migration job is already running for domain 'w1'", .busy),
        (20, 9, "operation failed: domain 'n1' already exists with uuid 1", .alreadyExists),
        (20, 9, "operation failed: domain 'other' is already defined with uuid 1", .alreadyExists),
        (18, 90, "storage volume name 'k1.qcow2' already in use", .alreadyExists),
        (10, 9, "migration of disk vda failed: No space left on device", .noSpace),
        (18, 38, "cannot allocate 16777216 bytes in file '/x': No space left on device", .noSpace),
        (18, 1, "internal error: Child process (qemu-img) unexpected exit status 1: No space left on device", .noSpace),
        (10, 86, "Guest agent is not responding: QEMU guest agent is not connected", .agentUnavailable),
        (10, 1, "internal error: unable to execute QEMU agent command 'nope': The command nope has not been found", .unsupported),
        (10, 1, "unable to execute QEMU agent command 'guest-set-time': this feature or command is not currently supported", .unsupported),
        (10, 1, "Command guest-exec has been disabled: the agent is in frozen state", .invalidState),
        (10, 1, "unable to execute QEMU agent command 'guest-exec': Failed to execute child process “x”", .invalidArgument),
        (10, 1, "unable to execute QEMU agent command 'guest-exec-status': Invalid parameter 'pid'", .invalidArgument),
        (0, 38, "No complete agent response found in 10485760 bytes: Numerical result out of range", .agentUnavailable),
        (10, 55, "Requested operation is not valid: no screens to take screenshot from", .unsupported),
        (19, 55, "there is an existing dhcp host entry in network 'n' that matches \"<host mac='m' ip='i'/>\"", .alreadyExists),
        (18, 9, "operation failed: Storage source conflict with pool: 'default'", .alreadyExists),
        (10, 8, "invalid argument: disk vda does not have an active block job", .invalidState),
        (10, 97, "Guest agent replied with wrong id", .agentUnavailable),
        (12, 3, "this function is not supported by the connection driver: virDomainX", .unsupported),
        (10, 84, "Operation not supported: migration statistics are available only on the source host", .unsupported),
        (10, 67, "unsupported configuration: Emulator does not support virt type 'kvm'", .unsupported),
        (18, 8, "unsupported flags (0x2) in function storageBackendCreateQemuImg", .unsupported),
        (20, 8, "invalid argument: Unsupported compression method 'zstd'", .invalidArgument),
        (20, 27, "XML error: missing name", .invalidArgument),
        (10, 68, "Timed out during operation: cannot acquire state change lock", .busy),
        (18, 1, "internal error: pool 'default' has asynchronous jobs running.", .busy),
        (
            10, 68, "Timed out during operation: vcpu unplug request timed out. Unplug result must be manually inspected in the domain",
            .operationFailed
        ),
        (10, 9, "operation failed: unplug of device was rejected by the guest", .operationFailed),
        (10, 55, "Unable to change memory of active domain without the balloon device and guest OS balloon driver", .operationFailed),
        (
            10, 1, "internal error: unable to execute QEMU command 'device_del': Device virtio-disk1 is already in the process of unplug",
            .busy
        ),
        (10, 99, "device not found: no device found with alias 'virtio-disk9'", .invalidArgument),
        (10, 1, "internal error: No more available PCI slots", .operationFailed),
        (10, 8, "invalid argument: requested vcpus is greater than max allowable vcpus for the live domain: 5 > 4", .invalidArgument),
        (10, 8, "invalid argument: cannot set memory higher than max memory", .invalidArgument),
        (10, 55, "Requested operation is not valid: cannot rename active domain", .invalidState),
        (10, 83, "block copy still active", .busy),
        (10, 87, "resource busy", .busy),
        (10, 1, "internal error: unable to execute QEMU command 'cont': Failed to get \"write\" lock", .busy),
        (10, 78, "operation aborted: job 'migration out' canceled by client", .cancelled),
        (7, 38, "End of file while reading data: Input/output error", .connectionLost),
        (7, 38, "unable to connect to server at '10.77.0.9:16509': No route to host", .connectionLost),
        (7, 1, "internal error: client socket is closed", .connectionLost),
        (7, 1, "internal error: connection closed due to keepalive timeout", .connectionLost),
        (7, 39, "Unable to encode message payload", .operationFailed),
        (0, 5, "no connection driver available for xyz:///", .unsupported),
        (7, 45, "authentication failed", .permissionDenied),
        (10, 88, "access denied", .permissionDenied),
        (18, 38, "cannot open file '/x': Permission denied", .permissionDenied),
        (10, 1, "internal error: qemu unexpectedly closed the monitor", .operationFailed),
        (10, 4711, "a code of a libvirt to come", .operationFailed),
    ]

    @Test(arguments: table.indices) func maps(_ index: Int) {
        let row = Self.table[index]
        let error = HypervisorError(LibvirtError(domain: row.domain, code: row.code, message: row.message, function: "virTest"))
        #expect(error.code == row.expected, "\(row.message)")
        #expect(error.native == HypervisorError.Native(domain: row.domain, code: row.code, message: row.message))
        #expect(error.function == "virTest")
    }

    @Test func poolsOwnErrorsHaveCodes() {
        #expect(HypervisorError(BlockingPoolError.full("x"), function: "f").code == .busy)
        #expect(HypervisorError(BlockingPoolError.closed, function: "f").code == .connectionLost)
        #expect(HypervisorError(BlockingPoolError.deadline("x", .seconds(1)), function: "f").code == .timeout)
        #expect(HypervisorError(CancellationError(), function: "f").code == .cancelled)
    }
}
