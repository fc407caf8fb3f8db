internal import Hypervisor
package import JSON
internal import Platform

/// A program to be run in a guest, as a request wishes it.
package struct ExecRequest: Sendable, Equatable {
    /// How bytes stand in the request and in its answer.
    package enum Encoding: String, Sendable, CaseIterable {
        /// As text; what is no UTF-8 comes as U+FFFD.
        case utf8 = "utf-8"
        case base64
    }

    var argv: [String]
    var input: [UInt8]
    var timeout: Duration
    var encoding: Encoding

    /// Of the arguments together; agents do not take long requests.
    static let longestArguments = 48 << 10
    static let longestInput = 128 << 10
    static let longestTimeout = Duration.seconds(600)

    /// Reads a body; throws all that is wrong with it at once.
    package static func read(_ body: JSONValue) throws(ServiceError) -> ExecRequest {
        let problems = ProblemList()
        let reader = ObjectReader(body, problems: problems)
        let argv = reader.strings("argv", required: true, max: 256, maxLength: longestArguments) ?? []
        if argv.isEmpty, reader.value("argv") == .array([]) { reader.problem("argv", "is empty: it begins with the program") }
        if let program = argv.first, program.isEmpty || program.hasPrefix("-") {
            problems.add(FieldProblem(pointer: "/argv/0", detail: "is not the name of a program", value: .string(program)))
        }
        if argv.reduce(0, { $0 + $1.utf8.count + 1 }) > longestArguments {
            reader.problem("argv", "is longer than \(longestArguments) bytes; what is long goes to 'stdin'")
        }
        let encoding = reader.choice("encoding", Encoding.allCases.map(\.rawValue)).flatMap(Encoding.init(rawValue:)) ?? .utf8
        let input = input(reader, encoding)
        let timeout = reader.duration("timeout", in: .seconds(1)...longestTimeout) ?? .seconds(30)
        reader.finish()
        guard problems.isEmpty else { throw ServiceError.invalid(problems.items) }
        return ExecRequest(argv: argv, input: input, timeout: timeout, encoding: encoding)
    }

    private static func input(_ reader: ObjectReader, _ encoding: Encoding) -> [UInt8] {
        guard let text = reader.string("stdin", maxLength: longestInput * 2, allowEmpty: true) else { return [] }
        var bytes = Array(text.utf8)
        if encoding == .base64 {
            guard let decoded = Base64.decode(text) else {
                reader.problem("stdin", "is not base64 (RFC 4648)")
                return []
            }
            bytes = decoded
        }
        if bytes.count > longestInput { reader.problem("stdin", "is longer than \(longestInput) bytes") }
        return bytes
    }
}

/// What came of it.
package struct ExecResult: Sendable, Equatable, JSONWritable {
    /// As a shell shows it: 128 and the signal's number for a program that a signal ended.
    package var exitCode: Int
    package var signal: Int?
    package var output: [UInt8]
    package var errorOutput: [UInt8]
    /// More was printed than is kept.
    package var isTruncated: Bool
    package var encoding: ExecRequest.Encoding
    package var duration: Duration

    init(_ process: GuestProcess, encoding: ExecRequest.Encoding, duration: Duration) {
        (exitCode, signal) = GuestShell.status(process)
        let limit = GuestShell.outputLimit
        isTruncated = process.output.count > limit || process.errorOutput.count > limit
        output = process.output.count > limit ? Array(process.output.prefix(limit)) : process.output
        errorOutput = process.errorOutput.count > limit ? Array(process.errorOutput.prefix(limit)) : process.errorOutput
        self.encoding = encoding
        self.duration = duration
    }

    static func text(_ bytes: [UInt8], _ encoding: ExecRequest.Encoding) -> String {
        encoding == .base64 ? Base64.encode(bytes) : String(decoding: bytes, as: UTF8.self)
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "exec")
            writer.field("exit_code", exitCode)
            writer.field("signal", signal)
            writer.field("stdout", Self.text(output, encoding))
            writer.field("stderr", Self.text(errorOutput, encoding))
            writer.field("truncated", isTruncated)
            writer.field("encoding", encoding.rawValue)
            writer.field("duration_ms", Int64(duration.milliseconds))
        }
    }
}
