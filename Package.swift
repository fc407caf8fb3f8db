// swift-tools-version: 6.2
import PackageDescription

/// One place for the language rules of every target, tests included.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // Fail points (places where a test kills or fails a job step) exist in debug builds only.
    .define("FAIL_POINTS", .when(configuration: .debug)),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: strict)
}

func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "gantry",
    products: [.executable(name: "gantryd", targets: ["gantryd"])],
    targets: [
        // C libraries: a module map and a shim each, and exactly one importer each.
        system("CLibvirt", pkgConfig: "libvirt-qemu", apt: "libvirt-dev"),
        system("CLibXML2", pkgConfig: "libxml-2.0", apt: "libxml2-dev"),
        system("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        system("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
        system("CSystemd", pkgConfig: "libsystemd", apt: "libsystemd-dev"),
        system("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        system("CArchive", pkgConfig: "libarchive", apt: "libarchive-dev"),
        .target(name: "CLinux"),

        library("Platform", ["CLinux", "COpenSSL"]),
        library("JSON"),
        library("Telemetry", ["Platform", "JSON", "CSystemd"]),
        library("Hypervisor"),
        library("Libvirt", ["Hypervisor", "Platform", "JSON", "Telemetry", "CLibvirt", "CLibXML2"]),
        library("SQLite", ["Platform", "CSQLite"]),
        library("JobQueue", ["SQLite", "JSON", "Platform", "Telemetry"]),
        library("CloudInit", ["CArchive"]),
        library("VirtManager", ["Hypervisor", "JobQueue", "SQLite", "CloudInit", "JSON", "Platform", "Telemetry"]),
        library("HTTPServer", ["Platform", "Telemetry"]),
        library("RESTAPI", ["VirtManager", "Hypervisor", "JobQueue", "HTTPServer", "JSON", "Platform", "Telemetry"]),
        .executableTarget(
            name: "gantryd",
            dependencies: [
                "RESTAPI", "HTTPServer", "VirtManager", "JobQueue", "Libvirt", "Hypervisor", "SQLite", "JSON", "Telemetry",
                "Platform", "CYAML",
            ],
            swiftSettings: strict),

        .target(
            name: "TestSupport",
            dependencies: ["Hypervisor", "JobQueue", "SQLite", "Telemetry", "JSON", "Platform"],
            path: "Tests/TestSupport", swiftSettings: strict),
        tests("ArchitectureTests", []),
        tests("PlatformTests", ["Platform"]),
        tests("JSONTests", ["JSON"]),
        tests("TelemetryTests", ["Telemetry", "JSON", "Platform"]),
        tests("SQLiteTests", ["SQLite", "Platform"]),
        tests("HTTPServerTests", ["HTTPServer", "Platform", "Telemetry"]),
        tests("JobQueueTests", ["JobQueue", "SQLite", "JSON", "Platform", "Telemetry"]),
        tests("CloudInitTests", ["CloudInit", "CArchive"]),
        tests("LibvirtTests", ["Libvirt", "Hypervisor", "Platform", "Telemetry"], exclude: ["Golden"]),
        tests(
            "VirtManagerTests", ["VirtManager", "Hypervisor", "JobQueue", "Libvirt", "SQLite", "JSON", "Platform", "Telemetry"],
            exclude: ["Golden"]),
        tests(
            "RESTAPITests", ["RESTAPI", "HTTPServer", "VirtManager", "Hypervisor", "JobQueue", "SQLite", "JSON", "Platform", "Telemetry"]),
        tests("GantrydTests", ["gantryd", "Telemetry"]),
        tests("SystemTests", ["JobQueue", "JSON", "Platform"]),
    ]
)
