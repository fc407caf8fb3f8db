import CloudInit
import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

/// What a guest is told at its first boot: what is taken, what of it shows, and where it ends.
@Suite struct CloudInitTests {
    typealias Life = ManagerBench.Life

    private static func read(_ text: String) throws -> (draft: CloudInitDraft?, problems: [FieldProblem]) {
        let problems = ProblemList()
        let draft = MachineDraft.read(try JSONReader.parse(text), defaults: MachineDefaults(), problems: problems)
        return (draft?.cloudInit, problems.items)
    }

    static let bad: [(body: String, pointer: String, allowed: String)] = [
        (##"{"cloud_init": "#cloud-config: hunter2"}"##, "/cloud_init", ""), (##"{"cloud_init": ["hunter2"]}"##, "/cloud_init", ""),
        (##"{"cloud_init": {"user_data": "password: hunter2"}}"##, "/cloud_init/user_data", "#cloud-config"),
        (##"{"cloud_init": {"user_data": "\n\n# hunter2\n#cloud-config"}}"##, "/cloud_init/user_data", "#!"),
        (##"{"cloud_init": {"user_data": ["hunter2"]}}"##, "/cloud_init/user_data", ""),
        (##"{"cloud_init": {"meta_data": "hunter2"}}"##, "/cloud_init/meta_data", ""),
        (##"{"cloud_init": {"meta_data": {"instance-id": "hunter2"}}}"##, "/cloud_init/meta_data", ""),
        (##"{"cloud_init": {"meta_data": {"public-keys": ["hunter2"]}}}"##, "/cloud_init/meta_data", ""),
        (##"{"cloud_init": {"network_config": {"wifi": "hunter2"}}}"##, "/cloud_init/network_config", "version"),
        (##"{"cloud_init": {"network_config": ["hunter2"]}}"##, "/cloud_init/network_config", ""),
        (##"{"cloud_init": {"hostname": "a b"}}"##, "/cloud_init/hostname", "letters"),
        (##"{"cloud_init": {"hostname": "-a"}}"##, "/cloud_init/hostname", "letters"),
        (##"{"cloud_init": {"ssh_authorized_keys": ["hunter2"]}}"##, "/cloud_init/ssh_authorized_keys", "ssh-ed25519"),
        (##"{"cloud_init": {"ssh_authorized_keys": ["ssh-rsa AAAA\nhunter2 x"]}}"##, "/cloud_init/ssh_authorized_keys", "ssh-ed25519"),
        (##"{"cloud_init": {"ssh_authorized_keys": [7]}}"##, "/cloud_init/ssh_authorized_keys/0", ""),
        (##"{"cloud_init": {"password": "x"}}"##, "/cloud_init/password", "user_data"),
    ]

    /// The place and what would have been taken, but never the value.
    @Test(arguments: bad.indices) func oneClearProblemWithoutTheValue(index: Int) throws {
        let bad = Self.bad[index]
        let (_, problems) = try Self.read(bad.body)
        let first = try #require(problems.first, "nothing was found wrong with \(bad.body)")
        #expect(first.pointer == bad.pointer && problems.count == 1, "\(problems)")
        #expect(bad.allowed.isEmpty || first.allowed.joined(separator: " ").contains(bad.allowed), "\(first.allowed)")
        #expect(!"\(problems)".contains("hunter2"), "\(problems)")
    }

    @Test(arguments: [
        "#cloud-config\nx: 1", "\n \n#cloud-config", "#!/bin/sh\nid", "#include\nhttp://x", "## template: jinja\n#cloud-config",
        "Content-Type: multipart/mixed; boundary=\"x\"\nMIME-Version: 1.0\n\n", "#cloud-config-archive\n[]", "#cloud-boothook\nid", "",
        "  \n",
    ])
    func everyKindOfUserDataIsTaken(text: String) throws {
        let body: JSONValue = ["cloud_init": ["user_data": .string(text)]]
        let (draft, problems) = try Self.read(body.text)
        #expect(problems.isEmpty, "\(problems)")
        #expect(draft?.userData == (text.contains { !$0.isWhitespace } ? text : nil), "word for word")
    }

    @Test func nothingIsNothing() throws {
        #expect(try Self.read(#"{"cloud_init": null}"#).draft == nil)
        #expect(try Self.read("{}").draft == nil)
        #expect(try Self.read(#"{"cloud_init": {}}"#).draft == CloudInitDraft())
        #expect(try Self.read(#"{"cloud_init": {"meta_data": {}, "network_config": {}}}"#).draft == CloudInitDraft())
    }

    /// Structured fields go into the metadata, beside user data that stays word for word.
    @Test func theSeedHasAllOfIt() async throws {
        let (read, problems) = try Self.read(
            ##"""
            {"cloud_init": {"user_data": "#cloud-config\nruncmd: [id]\n", "meta_data": {"rack": {"row": 7}}, "hostname": "db.example",
             "network_config": {"version": 2, "ethernets": {"e": {"match": {"macaddress": "52:54:00:00:00:01"}}}},
             "ssh_authorized_keys": ["ssh-ed25519 AAAA me"]}}
            """##)
        #expect(problems.isEmpty, "\(problems)")
        let draft = try #require(read)
        #expect(CloudInitDraft(secret: draft.secret) == draft, "a job reads it back as it was")
        let seed = draft.seed(machine: .sample(7), name: "web1")
        #expect(seed.instanceID == MachineID.sample(7).text && seed.localHostname == "db.example")
        #expect(seed.publicKeys == ["ssh-ed25519 AAAA me"] && seed.userData == "#cloud-config\nruncmd: [id]\n")
        #expect(seed.metaData == [YAMLValue.Field("rack", .map([YAMLValue.Field("row", .integer(7))]))])
        #expect(try JSONReader.parse(seed.networkConfig ?? "")["version"] == 2)
        #expect(CloudInitDraft().seed(machine: .sample(7), name: "web1").localHostname == "web1")
    }

    // MARK: In a job

    private static let password = "hunter2-and-more"
    private static let body: JSONValue = [
        "name": "web1", "cloud_init": ["user_data": .string("#cloud-config\npassword: \(password)\n")],
    ]

    @Test func theSecretIsInTheSeedAndNowhereElse() async throws {
        try await ManagerBench.with { life in
            let job = try await life.end(try await life.manager.machines.create(Self.body, .sample))
            try #require(job.state == .succeeded, "\(job.failure?.detail ?? "")")
            let view = try life.machine("web1")
            let seed = try #require(view.seed)
            #expect(seed.observation.target == "vda" && seed.observation.isReadOnly && seed.observation.format == "raw")
            let volume = try #require(seed.volume)
            let bytes = try #require(life.bench.world.bytes(of: "\(SampleWorld.pool)/\(volume.volume)"))
            #expect(String(decoding: bytes, as: UTF8.self).contains(Self.password))
            // Neither arguments, log, answers nor the table of secrets have it.
            #expect(!job.arguments.text.contains(Self.password))
            #expect(!String(decoding: JSONWriter.encode(job), as: UTF8.self).contains(Self.password))
            #expect(!String(decoding: JSONWriter.encode(view), as: UTF8.self).contains(Self.password))
            #expect(try await life.manager.jobs.log(job.id, after: 0, limit: 100).allSatisfy { !$0.message.contains(Self.password) })
            #expect(try life.manager.engine.store.secrets(job.id).isEmpty)
            // It goes with the machine, also when its disks are kept.
            let deleted = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "none", missingOK: false, .sample))
            #expect(deleted.state == .succeeded)
            #expect(life.bench.world.inventory().files.isEmpty, "\(life.bench.world.inventory().files)")
        }
    }

    @Test func theSameWishIsConfirmedAndAnotherOneNot() async throws {
        try await ManagerBench.with { life in
            _ = try await life.end(try await life.manager.machines.put("web1", Self.body, .sample))
            guard case .unchanged = try await life.manager.machines.put("web1", Self.body, .sample) else {
                Issue.record("the same must confirm")
                return
            }
            guard case .unchanged = try await life.manager.machines.put("web1", ["name": "web1"], .sample) else {
                Issue.record("what is not said is not compared")
                return
            }
            let other = try await refusal {
                _ = try await life.manager.machines.put("web1", ["cloud_init": ["user_data": "#cloud-config\n"]], .sample)
            }
            #expect(other.code == "vm.differs" && other.problems.map(\.pointer) == ["/cloud_init"])
        }
    }

    @Test func aSeedThatIsTooLargeIsRefused() async throws {
        try await ManagerBench.with { life in
            let text = "#cloud-config\n" + String(repeating: "é", count: 520_000)
            let error = try await refusal {
                _ = try await life.manager.machines.create(
                    ["name": "web1", "cloud_init": ["user_data": .string(text), "meta_data": ["x": .string(text)]]], .sample)
            }
            #expect(error.category == .invalid && error.problems.first?.pointer == "/cloud_init/user_data", "\(error)")
        }
    }

    /// What failed with a secret is asked for anew, by request and not by retry.
    @Test func aRetryIsRefused() async throws {
        try await ManagerBench.with { life in
            life.bench.world.faults.fail(.define)
            let failed = try await life.end(try await life.manager.machines.create(Self.body, .sample))
            #expect(failed.state == .failed && life.bench.world.inventory().files.isEmpty)
            let error = try await refusal { _ = try await life.manager.jobs.retry(failed.id.text, .sample) }
            #expect(error.code == "job.secrets_gone" && error.category == .state)
        }
    }

    @Test func aHostWithoutUploadsSaysSo() async throws {
        try await ManagerBench.with { life in
            life.bench.world.capabilities.lacking = [.transferVolumes: "the test driver has no streams"]
            try await life.relearn()
            let error = try await refusal { _ = try await life.manager.machines.create(Self.body, .sample) }
            #expect(error.category == .unsupported && error.problems.map(\.pointer) == ["/cloud_init"])
        }
    }
}
