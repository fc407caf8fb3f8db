import Foundation
import Telemetry
import Testing

@testable import gantryd

/// The file's text to values, and what is said about a wrong one.
@Suite struct ConfigurationTests {
    static let limits = [
        ConfigurationLimit(name: "request_line_bytes", value: 8192, range: 16...(1 << 30)),
        ConfigurationLimit(name: "idle_milliseconds", value: 60_000, range: 10...86_400_000),
        ConfigurationLimit(name: "connections", value: 16_384, range: 1...1_000_000),
    ]

    private func parse(_ text: String) throws(ConfigurationError) -> Configuration {
        try Configuration.parse(Array(text.utf8), file: "test.yaml", limits: Self.limits)
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try parse(text)
            return []
        } catch {
            return error.description.split(separator: "\n").map(String.init)
        }
    }

    @Test(arguments: ["", "# nothing\n", "{}", "---\n", "listen:\nhosts:\nlimits:\nlog:\n", "listen: {unix: {}}"])
    func whatIsNotSaidHasItsDefault(text: String) throws {
        #expect(try parse(text) == Configuration())
    }

    @Test func everyKeyIsRead() throws {
        let configuration = try parse(
            """
            listen:
              unix: {path: /tmp/g.sock, mode: "0600", group: root}
              tcp: ["127.0.0.1:1", "[::1]:2", "0.0.0.0:3"]
              allowed_hosts: [gantry.example, "[fe80::1]:80"]
              allow_plaintext: true
            state_directory: /srv/gantry/
            hosts:
              - name: h1
                uri: qemu+tls://h1/system
                migration: {uri: "qemu+tcp://10.0.0.1/system", address: 10.0.0.1, tls: require}
                heartbeat: {interval: 500ms, timeout: 2s}
              - {name: h2, uri: "test:///default"}
            defaults: {host: h2, pool: fast, network: lan}
            storage_roots: [/srv/images]
            limits: {request_line_bytes: 16KiB, idle_milliseconds: 5s, connections: 7}
            log: {level: debug, format: json}
            """)
        #expect(configuration.listen.unix == .init(path: "/tmp/g.sock", mode: 0o600, group: "root"))
        #expect(configuration.listen.tcp.map(\.description) == ["127.0.0.1:1", "[::1]:2", "0.0.0.0:3"])
        #expect(configuration.listen.allowedHosts == ["gantry.example", "[fe80::1]:80"])
        #expect(configuration.listen.allowPlaintext)
        #expect(configuration.stateDirectory == "/srv/gantry")
        #expect(configuration.hosts.map(\.name) == ["h1", "h2"])
        #expect(configuration.hosts[0].migration == .init(uri: "qemu+tcp://10.0.0.1/system", address: "10.0.0.1", tls: .require))
        #expect(configuration.hosts[0].heartbeat == .init(interval: .milliseconds(500), timeout: .seconds(2)))
        #expect(configuration.defaults == .init(host: "h2", pool: "fast", network: "lan"))
        #expect(configuration.storageRoots == ["/srv/images"])
        #expect(configuration.limits == ["request_line_bytes": 16384, "idle_milliseconds": 5000, "connections": 7])
        #expect(configuration.log == .init(level: .debug, format: .json))
        // What is printed reads back as the same.
        #expect(try parse(configuration.yaml(limits: Self.limits)) == configuration)
    }

    @Test func printedDefaultsReadBack() throws {
        #expect(try parse(Configuration().yaml(limits: Self.limits)) == Configuration())
        var closed = Configuration()
        closed.listen.unix = nil
        #expect(try parse(closed.yaml(limits: Self.limits)) == closed)
    }

    @Test func theShippedFileHoldsTheDefaults() throws {
        let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "config/gantry.yaml"), encoding: .utf8)
        // The group is there on machines with libvirt only.
        #expect(try parse(text.replacing("group: libvirt ", with: "group: null ")) == Configuration())
    }

    @Test(arguments: [
        ("stat_directory: /x", "test.yaml:1:1: stat_directory: unknown key; allowed: listen, state_directory, hosts,"),
        ("listen:\n  tls: {}", "test.yaml:2:3: listen.tls: TLS is not supported yet"),
        ("listen: {tcp: [\"0.0.0.0:1\"]}", "test.yaml:1:16: listen.tcp[0]: 0.0.0.0:1 is reachable from outside"),
        ("listen: {tcp: [\"[::]:1\"]}", "listen.tcp[0]: [::]:1 is reachable"),
        ("listen: {tcp: [localhost:1]}", "listen.tcp[0]: \"localhost:1\" is not taken; allowed: a numeric address"),
        ("listen: {tcp: [\"127.0.0.1:65536\"]}", "is not taken"),
        ("listen: {tcp: [\"127.0.0.1:+5\"]}", "is not taken"),
        ("listen: {tcp: [\"::1:80\"]}", "is not taken"),
        ("listen: {tcp: [\"127.0.0.1:1\", \"127.0.0.1:1\"]}", "listen.tcp[1]: 127.0.0.1:1 is there already"),
        ("listen: {tcp: 127.0.0.1:1}", "listen.tcp: \"127.0.0.1:1\" is no list"),
        ("listen: {unix: null, tcp: []}", "listen: nothing to listen on"),
        ("listen: {unix: {mode: 0660}}", "listen.unix.mode: \"0660\" is not taken; allowed: a file mode in quotes"),
        ("listen: {unix: {mode: \"1777\"}}", "is not taken"),
        ("listen: {unix: {mode: \"0668\"}}", "is not taken"),
        ("listen: {unix: {path: run/x}}", "listen.unix.path: \"run/x\" is not taken; allowed: an absolute path"),
        ("listen: {unix: {path: \"/\(String(repeating: "x", count: 107))\"}}", "at most 107 bytes"),
        ("listen: {unix: {group: no-such-group}}", "allowed: a group of this system"),
        ("listen: {allow_plaintext: yes}", "\"yes\" is no truth value; allowed: true, false"),
        ("listen: {allow_plaintext: \"true\"}", "is no truth value"),
        ("listen: {allowed_hosts: [\"http://x\"]}", "listen.allowed_hosts[0]:"),
        ("listen: 5", "listen: \"5\" is no mapping"),
        ("- a", "test.yaml:1:1: a list is no mapping"),
        ("state_directory: null", "state_directory: nothing is not taken"),
        ("state_directory: /a/../b", "is not taken"),
        ("state_directory: \"/a\\nb\"", "is not taken"),
        ("state_directory: []", "state_directory: a list is not taken"),
        ("hosts: []", "hosts: a list is not taken; allowed: a list of at least one host"),
        ("hosts: [{name: a}]", "hosts[0].uri: the key is missing"),
        ("hosts: [{uri: qemu:///system}]", "hosts[0].name: the key is missing"),
        ("hosts: [{name: Web_1, uri: qemu:///system}]", "hosts[0].name: \"Web_1\" is not taken; allowed: lower-case"),
        ("hosts: [{name: a, uri: system}]", "hosts[0].uri: \"system\" is not taken; allowed: a libvirt URI"),
        (
            "hosts:\n  - {name: a, uri: \"qemu:///system\"}\n  - {name: a, uri: \"qemu:///session\"}",
            "test.yaml:3:5: hosts[1].name: the host \"a\" is there already, in line 2"
        ),
        (
            "hosts: [{name: a, uri: \"qemu:///system\", heartbeat: {interval: 5}}]",
            "heartbeat.interval: \"5\" is not taken; allowed: a whole number with ms"
        ),
        ("hosts: [{name: a, uri: \"qemu:///system\", heartbeat: {timeout: 5s}}]", "heartbeat.timeout: is not longer than the interval"),
        (
            "hosts: [{name: a, uri: \"qemu:///system\", migration: {tls: on}}]",
            "migration.tls: \"on\" is not taken; allowed: auto, require, never"
        ),
        (
            "hosts: [{name: a, uri: \"qemu:///system\", weight: 1}]",
            "hosts[0].weight: unknown key; allowed: name, uri, migration, heartbeat"
        ),
        ("defaults: {host: h9}", "defaults.host: \"h9\" is not taken; allowed: local"),
        ("defaults: {pool: \"a/b\"}", "defaults.pool:"),
        ("storage_roots: [images]", "storage_roots[0]:"),
        ("limits: {request_line_bytes: 15}", "limits.request_line_bytes: \"15\" is not taken; allowed: 16 to"),
        ("limits: {request_line_bytes: -1}", "is not taken"),
        ("limits: {request_line_bytes: 99999999999999999999}", "is not taken"),
        ("limits: {request_line_bytes: 9999999PiB}", "is not taken"),
        ("limits: {connections: 1KiB}", "is not taken"),
        ("limits: {nothing: 1}", "limits.nothing: unknown key; allowed: request_line_bytes, idle_milliseconds, connections"),
        ("log: {level: loud}", "log.level: \"loud\" is not taken; allowed: debug, info, notice, warning, error"),
        ("log: {format: xml}", "log.format: \"xml\" is not taken; allowed: auto, journal, text, json"),
    ])
    func aWrongFileIsOneClearProblem(text: String, expected: String) throws {
        let found = problems(text)
        #expect(found.count == 1)
        #expect(found.first?.contains(expected) == true, "\(found)")
    }

    @Test(arguments: [
        ("a: 1\na: 2", "test.yaml:2:1: the key \"a\" is there already, in line 1"),
        ("a: &x 1\nb: *x", "anchors are not taken"),
        ("a: *x", "aliases are not taken"),
        ("log: !!map {}", "tags are not taken"),
        ("a: !x 1", "tags are not taken"),
        ("{a: 1}\n---\n{b: 1}", "more than one document"),
        ("? [a]\n: 1", "a key must be a word"),
        ("a: [1", "test.yaml:"),
        ("a:\n\t- b", "test.yaml:2:"),
        (String(repeating: "{a: ", count: 17) + String(repeating: "}", count: 17), "nested deeper than 16 levels"),
        ("a: \"\\0\"", "without NUL"),
    ])
    func whatIsNoPlainDocumentIsRefused(text: String, expected: String) throws {
        let found = problems(text)
        #expect(found.count == 1)
        #expect(found.first?.contains(expected) == true, "\(found)")
    }

    @Test func depthAndSizeAreBounded() {
        #expect(problems(String(repeating: "[", count: 100_000)).first?.contains("nested deeper than 16 levels") == true)
        #expect(problems(String(repeating: "#", count: YAMLReader.maximumBytes)) == [])
        #expect(problems(String(repeating: "#", count: YAMLReader.maximumBytes + 1)) == ["test.yaml: the file is larger than 1 MiB"])
        let long = String(repeating: "x", count: 100_000)
        #expect(problems("log: {level: \(long)}").first.map { $0.count < 300 } == true)
        #expect(problems("\(long): 1").first.map { $0.count < 500 } == true)
    }

    @Test(arguments: [[0xff, 0xfe, 0x61, 0], [0x61, 0x3a, 0x20, 0xc3, 0x28], [0x61, 0x3a, 0x20, 0xed, 0xa0, 0x80], [0]] as [[UInt8]])
    func otherEncodingsAreRefused(bytes: [UInt8]) {
        #expect(throws: ConfigurationError.self) { try Configuration.parse(bytes, file: "x", limits: []) }
    }

    @Test func allProblemsComeAtOnceInTheOrderOfTheFile() {
        let found = problems("log: {level: x}\nlisten:\n  tcp: [a, b]\n  colour: red\nstate_directory: x\nwho: me\n")
        #expect(
            found.map { String($0.prefix(13)) } == [
                "test.yaml:1:1", "test.yaml:3:9", "test.yaml:3:1", "test.yaml:4:3", "test.yaml:5:1", "test.yaml:6:1",
            ])
    }

    @Test func withoutALocalHostTheFirstIsTheDefault() throws {
        #expect(try parse("hosts: [{name: h7, uri: \"qemu:///system\"}]").defaults.host == "h7")
    }

    @Test func anAbsentFileIsNamed() {
        do {
            _ = try Configuration.load("/no/such/file.yaml", limits: [])
            Issue.record("it was read")
        } catch {
            #expect(error.description == "/no/such/file.yaml: cannot be read: open: No such file or directory")
        }
    }

    @Test func theSandboxWritesBelowItsFolderOnly() {
        let sandbox = Configuration().sandboxed(in: "/tmp/s")
        #expect(sandbox.stateDirectory == "/tmp/s")
        #expect(sandbox.listen.unix?.path == "/tmp/s/gantry.sock")
        #expect(sandbox.hosts.map(\.uri) == ["test:///default"])
        #expect(sandbox.differences(from: Configuration()) == ["listen.unix", "state_directory", "hosts"])
    }
}
