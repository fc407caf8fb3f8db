import Hypervisor
import Platform
import Testing

@testable import Libvirt

/// The guest agent's protocol.
@Suite struct AgentMessageTests {
    /// RFC 4648, section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func base64(_ plain: String, _ coded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == coded)
        #expect(Base64.decode(coded) == Array(plain.utf8))
    }

    @Test func base64ThereAndBack() throws {
        for count in 0..<300 {
            let bytes = try randomBytes(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test(arguments: ["A", "AB", "ABC", "A===", "====", "=AAA", "AA=A", "Zg==Zg==Z", "Zm 9", "Zm9\n", "é123", "Zm9v!"])
    func noBase64(_ text: String) { #expect(Base64.decode(text) == nil) }

    @Test func programs() throws {
        let plain = try AgentMessage.exec(GuestProgram(arguments: ["/bin/echo", "a \"b\"", "é\n"]))
        #expect(
            plain == #"{"execute":"guest-exec","arguments":{"path":"/bin/echo","arg":["a \"b\"","é\n"],"capture-output":true}}"#)
        let fed = try AgentMessage.exec(GuestProgram(arguments: ["cat"], input: Array("foo".utf8)))
        #expect(fed == #"{"execute":"guest-exec","arguments":{"path":"cat","arg":[],"input-data":"Zm9v","capture-output":true}}"#)
        let refused: [GuestProgram] = [
            GuestProgram(arguments: []), GuestProgram(arguments: [""]), GuestProgram(arguments: ["a", "b\u{0}c"]),
            GuestProgram(arguments: ["cat"], input: [UInt8](repeating: 0, count: AgentMessage.inputLimit + 1)),
            GuestProgram(arguments: ["echo", String(repeating: "x", count: 240 << 10)]),
        ]
        for program in refused {
            #expect { try AgentMessage.exec(program) } throws: { ($0 as? HypervisorError)?.code == .invalidArgument }
        }
    }

    @Test func answers() throws {
        #expect(try AgentMessage.pid(in: #"{"return":{"pid":4711}}"#) == 4711)
        #expect(try AgentMessage.process(in: #"{"return":{"exited":false}}"#) == GuestProcess(hasExited: false))
        let ended = try AgentMessage.process(in: #"{"return":{"exitcode":3,"out-data":"Zm9v","err-data":"Zg==","exited":true}}"#)
        #expect(ended == GuestProcess(hasExited: true, exitCode: 3, output: Array("foo".utf8), errorOutput: Array("f".utf8)))
        let killed = try AgentMessage.process(in: #"{"return":{"signal":9,"exited":true}}"#)
        #expect(killed == GuestProcess(hasExited: true, signal: 9))
    }

    /// An agent is software in a guest.
    @Test(arguments: [
        "", "{}", "[]", "{", #"{"return":{}}"#, #"{"return":[1]}"#, #"{"return":{"pid":"1","exited":"yes"}}"#,
        #"{"return":{"exited":true,"out-data":"?"}}"#, #"{"return":{"exited":true,"out-data":7}}"#, #"{"error":{"class":"x"}}"#,
        String(repeating: "[", count: 10_000),
    ])
    func nonsense(_ answer: String) {
        #expect { try AgentMessage.process(in: answer) } throws: { ($0 as? HypervisorError)?.code == .operationFailed }
        #expect { try AgentMessage.pid(in: answer) } throws: { ($0 as? HypervisorError)?.code == .operationFailed }
    }
}
