import Foundation
import Hypervisor
import TestSupport
import Testing

@testable import VirtManager

/// The words that run a program in a guest, run here: by this machine's shells.
@Suite struct GuestShellTests {
    struct Result: Sendable {
        var status: Int32
        var output: [UInt8]
        var error: [UInt8]
        var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// What of `sh`, `bash` and busybox is here; a shell is put in the place of /bin/sh by a folder of its own.
    static let shells: [[String]] = [["/bin/sh"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"], ["/usr/bin/busybox", "sh"]].filter {
        FileManager.default.isExecutableFile(atPath: $0[0])
    }

    private static func run(_ shell: [String], _ argv: [String], input: String = "") async throws -> Result {
        var arguments = GuestShell.program(argv, input: []).arguments
        // The inner shell is the same as the outer one.
        let name = shell.joined(separator: " ")
        arguments[2] = arguments[2].replacingOccurrences(of: GuestShell.path, with: name)
        let output = try await LabCommand(shell + arguments.dropFirst(), input: Array(input.utf8)).run(toTheEnd: true)
        return Result(status: output.status, output: Array(output.stdout.utf8), error: Array(output.stderr.utf8))
    }

    @Test(arguments: shells) func outputsAndStatusComeThrough(shell: [String]) async throws {
        let both = try await Self.run(shell, ["sh", "-c", "echo out; echo err >&2; exit 42"])
        #expect(both.status == 42 && both.text == "out\n" && both.error == Array("err\n".utf8))
        let quiet = try await Self.run(shell, ["true"])
        #expect(quiet.status == 0 && quiet.output.isEmpty && quiet.error.isEmpty)
        let killed = try await Self.run(shell, ["sh", "-c", "kill -9 $$"])
        #expect(killed.status == 137 && killed.error.isEmpty, "\(String(decoding: killed.error, as: UTF8.self))")
        let missing = try await Self.run(shell, ["no-such-program-here"])
        #expect(missing.status == 127 && !missing.error.isEmpty)
        let folder = try await Self.run(shell, ["/"])
        #expect(folder.status == 126)
    }

    @Test(arguments: shells) func inputGoesIn(shell: [String]) async throws {
        let text = String(repeating: "line of input\n", count: 5000)
        let copied = try await Self.run(shell, ["cat"], input: text)
        #expect(copied.status == 0 && copied.text == text)
        // Whoever does not read is not waited for.
        #expect(try await Self.run(shell, ["true"], input: text).status == 0)
    }

    /// Arguments are never words of the shell.
    @Test(arguments: shells) func argumentsStayWhatTheyAre(shell: [String]) async throws {
        let nasty = ["a b", "$(touch /tmp/x)", "`id`", "'", "\"", ";exit 3", "*", "", "\\", "-n", "é\nü", "$0", "--"]
        let told = try await Self.run(shell, ["printf", "[%s]"] + nasty)
        #expect(told.status == 0 && told.text == nasty.map { "[\($0)]" }.joined())
        // Neither words of the shell nor names within the words are programs.
        for word in ["exit", "cap", "cd", ":"] { #expect(try await Self.run(shell, [word]).status == 127, "\(word)") }
    }

    @Test(arguments: shells) func floodsAreCutAndDrained(shell: [String]) async throws {
        let flood = "head -c 3145728 /dev/zero; head -c 3145728 /dev/zero >&2; exit 7"
        let told = try await Self.run(shell, ["sh", "-c", flood])
        #expect(told.status == 7)
        #expect(told.output.count == GuestShell.outputLimit + 1 && told.error.count == GuestShell.outputLimit + 1)
        let result = ExecResult(
            GuestProcess(hasExited: true, exitCode: 7, output: told.output, errorOutput: told.error), encoding: .utf8, duration: .seconds(1)
        )
        #expect(result.isTruncated && result.output.count == GuestShell.outputLimit)
    }

    /// No descriptor of the plumbing is left open in the program, or a daemon it starts would hold everything up.
    /// What was printed until the whole session was told to end is there.
    @Test(arguments: shells) func theEndedHaveSaidWhatTheySaid(shell: [String]) async throws {
        let told = try await Self.run(shell, ["sh", "-c", "echo begun; echo so >&2; kill -TERM 0; sleep 20"])
        #expect(told.status == 143 && told.text == "begun\n" && told.error == Array("so\n".utf8), "\(told)")
    }

    @Test(arguments: shells) func nothingElseIsOpen(shell: [String]) async throws {
        let told = try await Self.run(shell, ["sh", "-c", "ls /proc/self/fd | sort -n | tr '\\n' ' '"])
        let open = told.text.split(separator: " ").compactMap { Int($0) }
        #expect(open.contains(1) && !open.contains { (6...9).contains($0) }, "\(told.text)")
    }

    @Test func statusOfAProcess() {
        func status(_ code: Int?, _ signal: Int?) -> [Int?] {
            let status = GuestShell.status(GuestProcess(hasExited: true, exitCode: code, signal: signal))
            return [status.exitCode, status.signal]
        }
        #expect(status(0, nil) == [0, nil] && status(3, nil) == [3, nil] && status(137, nil) == [137, 9])
        #expect(status(nil, 15) == [143, 15] && status(255, nil) == [255, nil] && status(128, nil) == [128, nil])
    }
}
