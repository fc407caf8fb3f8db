/// The calls of `HostConnection` and of its transfers, as names for faults, counters and the call log.
package enum FakeMethod: String, Sendable, CaseIterable {
    case connect, ping, close
    case machines, machine, state, machineXML, define, undefine, start, destroy, requestShutdown, requestReboot, reset, suspend, resume
    case change, markStarted, abortOperation
    case addresses, pingAgent
    case pools, volumes, volume, refreshPool, createVolume, deleteVolume, fileSize, readVolume
    case openUpload, uploadWrite, uploadFinish, uploadAbort
    case openDownload, downloadRead, downloadAbort
    case networks, leases
    case edit, editLive, rename, save, discardSaved, capabilities, lint
    case resizeDisk, resizeVolume, startBlockCopy, blockJob, pivotBlockCopy, abortBlockJob, startHelper
    case startProcess, process, setTime, screenshot, statistics
    case definePool, startPool, stopPool, undefinePool, setPoolAutostart
    case defineNetwork, startNetwork, stopNetwork, undefineNetwork, setNetworkAutostart, reserve, release
    case bootProbe

    /// Whether the call is meant to change something on the host.
    package var changes: Bool {
        switch self {
        case .define, .undefine, .start, .destroy, .requestShutdown, .requestReboot, .reset, .suspend, .resume, .change, .markStarted,
            .abortOperation, .refreshPool, .createVolume, .deleteVolume, .openUpload, .uploadWrite, .uploadFinish, .uploadAbort,
            .bootProbe, .edit, .editLive, .rename, .save, .discardSaved, .resizeDisk, .resizeVolume, .startBlockCopy, .pivotBlockCopy,
            .abortBlockJob, .startHelper, .startProcess, .setTime, .definePool, .startPool, .stopPool, .undefinePool,
            .setPoolAutostart, .defineNetwork, .startNetwork, .stopNetwork, .undefineNetwork, .setNetworkAutostart, .reserve, .release:
            true
        case .connect, .ping, .close, .machines, .machine, .state, .machineXML, .addresses, .pingAgent, .pools, .volumes, .volume,
            .fileSize,
            .readVolume,
            .openDownload, .downloadRead, .downloadAbort, .networks, .leases, .capabilities, .lint, .blockJob, .process, .screenshot,
            .statistics:
            false
        }
    }
}
