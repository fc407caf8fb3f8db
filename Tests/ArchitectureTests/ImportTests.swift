import Testing

/// The arrows between targets. SwiftPM itself lets a target import what it does not declare.
@Suite struct ImportTests {
    /// Every target of Sources and all it may import of the project. A new arrow is a decision, made here.
    static let arrows: [String: Set<String>] = [
        "CLibvirt": [], "CLibXML2": [], "CSQLite": [], "COpenSSL": [], "CSystemd": [], "CYAML": [], "CArchive": [],
        "CLinux": [],
        "Platform": ["CLinux", "COpenSSL"],
        "JSON": [],
        "Telemetry": ["Platform", "JSON", "CSystemd"],
        "Hypervisor": [],
        "Libvirt": ["Hypervisor", "Platform", "JSON", "Telemetry", "CLibvirt", "CLibXML2"],
        "SQLite": ["Platform", "CSQLite"],
        "JobQueue": ["SQLite", "JSON", "Platform", "Telemetry"],
        "CloudInit": ["CArchive"],
        "VirtManager": ["Hypervisor", "JobQueue", "SQLite", "CloudInit", "JSON", "Platform", "Telemetry"],
        "HTTPServer": ["Platform", "Telemetry"],
        // Of Hypervisor and JobQueue the values only (states, ids, jobs): handlers call the services, never a host or the queue.
        "RESTAPI": ["VirtManager", "Hypervisor", "JobQueue", "HTTPServer", "JSON", "Platform", "Telemetry"],
        "gantryd": [
            "RESTAPI", "HTTPServer", "VirtManager", "JobQueue", "Libvirt", "Hypervisor", "SQLite", "JSON", "Telemetry", "Platform",
            "CYAML",
        ],
    ]

    /// What comes with the toolchain and may be imported anywhere. Foundation is not among it: FoundationEssentials has all
    /// that is needed without locale data, NSString bridging and an XML parser that resolves external entities.
    static let toolchain: Set = ["Glibc", "Synchronization", "FoundationEssentials"]

    @Test func everyTargetHasItsRow() throws {
        #expect(try SourceTree.targets() == Self.arrows.keys.sorted())
    }

    @Test func importsFollowTheArrows() {
        #expect(SourceTree.sources.count > 20)
        for file in SourceTree.sources {
            let allowed = (Self.arrows[file.target] ?? []).union(Self.toolchain)
            for module in file.imports where !allowed.contains(module) {
                Issue.record("\(file.path) imports \(module); \(file.target) may import \(allowed.sorted())")
            }
        }
    }

    @Test func everyCLibraryHasOneImporter() {
        for library in Self.arrows.keys where library.hasPrefix("C") {
            let importers = Set(SourceTree.sources.filter { $0.imports.contains(library) }.map(\.target))
            #expect(importers.count <= 1, "\(library) is imported by \(importers.sorted())")
        }
    }

    @Test func yamlStaysInTheConfiguration() {
        for file in SourceTree.sources where file.imports.contains("CYAML") {
            #expect(file.path.hasPrefix("Sources/gantryd/Configuration/"), "\(file.path)")
        }
    }

    @Test func theReaderOfImportsKnowsTheirForms() {
        let lines = [
            "import A", "internal import B", "@testable import C", "package import struct D.E", "private import F.G", "// import H",
            "let x = \"import I\"",
        ]
        #expect(SourceTree.File(path: "Sources/X/y.swift", lines: lines).imports == ["A", "B", "C", "D", "F"])
    }
}
