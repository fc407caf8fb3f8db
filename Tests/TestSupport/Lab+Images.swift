package import Testing

/// Images that take longer to make than the tiny guest; the scripts keep them for the next run.
extension Lab {
    /// Why this machine cannot make them, or nil. With `CI` set there is no excuse, as for the lab itself.
    package static let imagesUnavailableReason: String? = {
        if let reason = unavailableReason { return reason }
        let tools = ["debootstrap", "grub-mkimage", "grub-mkrescue", "xorriso", "mkfs.vfat", "mcopy", "sfdisk"]
        let missing = tools.filter { LabCommand.find($0) == nil }
        return missing.isEmpty ? nil : "not installed: \(missing.joined(separator: " ")) (make packages)"
    }()

    /// Debian with systemd, cloud-init and the guest agent, that boots from its own disk: qcow2, 1.2 GiB virtual.
    package nonisolated func cloudImage() async throws -> String {
        try await lastLine(of: "build-cloud-image", limit: .seconds(900))
    }

    /// An ISO that installs the tiny guest onto the first disk by itself, and powers off.
    package nonisolated func installerISO() async throws -> String {
        try await lastLine(of: "build-installer-iso", limit: .seconds(300))
    }

    private nonisolated func lastLine(of name: String, limit: Duration) async throws -> String {
        let lines = try await script(name, [], limit: limit).split(separator: "\n")
        guard let path = lines.last else { throw LabCommand.Failure(description: "\(name) names no image") }
        return String(path)
    }
}

extension Trait where Self == ConditionTrait {
    /// For tests whose guests boot from those images.
    package static var needsLabImages: Self {
        .enabled(if: Lab.imagesUnavailableReason == nil, Comment(rawValue: Lab.imagesUnavailableReason ?? ""))
    }
}
