internal import Hypervisor
internal import JSON
internal import Platform

/// The guest agent's protocol (QEMU's qga/qapi-schema.json) as far as it is used: requests written, answers read.
enum AgentMessage {
    /// What a program reads, at most. A longer one is not refused by libvirt but lost on its way: nobody answers requests
    /// above some 256 KiB (9.0 with QEMU 7.2), the input being written as base64.
    static let inputLimit = 128 << 10
    private static let requestLimit = 240 << 10

    /// `guest-exec` with the program's output captured. `invalidArgument` without a program, or for what cannot be said.
    static func exec(_ program: GuestProgram) throws(HypervisorError) -> String {
        guard let path = program.arguments.first, !path.isEmpty else { throw refusal("no program is named") }
        guard program.arguments.allSatisfy({ !$0.utf8.contains(0) }) else { throw refusal("an argument holds a zero byte") }
        guard program.input.count <= inputLimit else { throw refusal("the input is longer than \(inputLimit) bytes") }
        let request = request("guest-exec") { writer in
            writer.field("path", path)
            writer.field("arg") { writer in
                writer.array { writer in
                    for argument in program.arguments.dropFirst() { writer.value(argument) }
                }
            }
            if !program.input.isEmpty { writer.field("input-data", Base64.encode(program.input)) }
            writer.field("capture-output", true)
        }
        guard request.utf8.count <= requestLimit else { throw refusal("arguments and input are longer than \(requestLimit) bytes") }
        return request
    }

    static func execStatus(_ pid: Int64) -> String { request("guest-exec-status") { $0.field("pid", pid) } }

    static func pid(in answer: String) throws(HypervisorError) -> Int64 {
        guard let pid = try result(answer)["pid"]?.integerValue else { throw malformed("it names no process") }
        return pid
    }

    static func process(in answer: String) throws(HypervisorError) -> GuestProcess {
        let status = try result(answer)
        guard let hasExited = status["exited"]?.boolValue else { throw malformed("it does not say whether the program has ended") }
        var process = GuestProcess(hasExited: hasExited)
        process.exitCode = status["exitcode"]?.integerValue.map { Int($0) }
        process.signal = status["signal"]?.integerValue.map { Int($0) }
        process.output = try bytes(status["out-data"])
        process.errorOutput = try bytes(status["err-data"])
        return process
    }

    private static func bytes(_ value: JSONValue?) throws(HypervisorError) -> [UInt8] {
        guard let value else { return [] }
        guard let text = value.stringValue, let bytes = Base64.decode(text) else { throw malformed("the output is no base64") }
        return bytes
    }

    private static func result(_ answer: String) throws(HypervisorError) -> JSONValue {
        do {
            let value = try JSONReader.parse(answer, limits: .own)
            guard let result = value["return"] else { throw malformed("it returns nothing") }
            return result
        } catch let error as JSONSyntaxError {
            throw malformed(error.reason)
        } catch let error as HypervisorError {
            throw error
        } catch {
            throw malformed("\(error)")
        }
    }

    private static func request(_ command: String, _ arguments: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("execute", command)
            writer.field("arguments") { $0.object(arguments) }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func refusal(_ message: String) -> HypervisorError {
        HypervisorError(.invalidArgument, message, function: "virDomainQemuAgentCommand")
    }

    /// An agent is software in a guest, and may say anything.
    private static func malformed(_ reason: String) -> HypervisorError {
        HypervisorError(.operationFailed, "the guest agent's answer makes no sense: \(reason)", function: "virDomainQemuAgentCommand")
    }
}
