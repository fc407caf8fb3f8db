import Foundation
import TestSupport
import Testing

/// Rules that the compiler does not know.
@Suite struct SourceRuleTests {
    /// The places that tell the compiler to trust them, each with its reason.
    static let trusted: [String: String] = [
        "Sources/Platform/Monitor.swift": "the state is only touched with its pthread mutex held",
        "Sources/Platform/EventLoopConfined.swift": "every access checks that it is on the loop's thread",
        "Sources/Libvirt/Calls/ForeignPointer.swift": "libvirt's objects are counted and locked by libvirt itself",
    ]

    @Test func concurrencyCheckingIsLeftOnlyWithAReason() {
        for file in SourceTree.sources where Self.trusted[file.path] == nil {
            for (number, line) in file.code where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
                Issue.record("\(file.path):\(number) is not in the list of trusted places")
            }
        }
    }

    @Test func noFileIsLongerThan600Lines() {
        for file in SourceTree.sources + SourceTree.tests {
            #expect(file.lines.count <= 601, "\(file.path): \(file.lines.count) lines")
        }
    }

    @Test(arguments: ["try!", "as!", "fatalError(", "preconditionFailure(", "@MainActor", "unsafeBitCast("])
    func nothingInSourcesTrapsOrNeedsTheMainThread(word: String) {
        for file in SourceTree.sources {
            for (number, line) in file.code where line.contains(word) {
                Issue.record("\(file.path):\(number) has \(word)")
            }
        }
    }

    @Test func namesOfTheCLibrariesStayInTheirAdapters() throws {
        let libvirt = try Regex(#"\bvir[A-Z]\w*\("#)
        for file in SourceTree.sources {
            for (number, line) in file.code {
                if file.target != "Libvirt", line.contains(libvirt) { Issue.record("\(file.path):\(number): libvirt outside Libvirt") }
                if file.target != "SQLite", line.contains("sqlite3") { Issue.record("\(file.path):\(number): sqlite3 outside SQLite") }
            }
        }
    }

    @Test func crossTargetSymbolsArePackage() throws {
        let open = try Regex(#"^\s*(public|open) "#)
        for file in SourceTree.sources {
            for (number, line) in file.code where line.contains(open) {
                Issue.record("\(file.path):\(number): package, not public")
            }
        }
    }

    @Test func nothingIsLeftForLater() throws {
        let marks = try Regex(#"\b(TODO|FIXME|XXX|HACK)\b"#)
        for file in SourceTree.sources {
            for (index, line) in file.lines.enumerated() where line.contains(marks) {
                Issue.record("\(file.path):\(index + 1): \(line)")
            }
        }
    }

    /// Swift Testing alone; two frameworks would mean two summaries.
    @Test func testsAreSwiftTesting() {
        for file in SourceTree.tests where file.imports.contains("XCTest") { Issue.record("\(file.path) imports XCTest") }
    }

    /// Foundation's `Process` reads past the end of /proc/self/fd's listing when many files are open: LabCommand runs programs.
    @Test func programsAreRunByLabCommand() throws {
        let process = try Regex(#"\bProcess\(\)"#)
        for file in SourceTree.tests {
            for (number, line) in file.code where line.contains(process) {
                Issue.record("\(file.path):\(number): a program that is not run by LabCommand")
            }
        }
    }
}

/// The systemd unit stays as closed as it was measured to be.
@Suite struct ServiceUnitTests {
    private static let unit = SourceTree.root.appending(path: "systemd/gantryd.service").path

    @Test(.enabled(if: LabCommand.find("systemd-analyze") != nil, "systemd-analyze is not installed"))
    func exposureIsAtMostOnePointFive() async throws {
        let output = try await LabCommand(["systemd-analyze", "security", "--offline=true", "--threshold=15", Self.unit]).run()
        #expect(output.isSuccess, "\(output.stdout.suffix(400))\(output.stderr)")
        #expect(output.stdout.contains("Overall exposure level for gantryd.service"))
    }
}
