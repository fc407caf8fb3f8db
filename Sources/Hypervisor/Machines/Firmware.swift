/// What a machine's processor runs first.
package enum Firmware: Sendable, Equatable {
    case bios
    /// `nvramPath`: the file that keeps the firmware's variables, made by the hypervisor at the first start.
    case uefi(secureBoot: Bool, nvramPath: String?)

    /// The word of the API: `bios` or `uefi`.
    package var name: String { self == .bios ? "bios" : "uefi" }
    package var isSecureBoot: Bool { if case .uefi(true, _) = self { true } else { false } }
    package var nvramPath: String? { if case .uefi(_, let path) = self { path } else { nil } }
}
