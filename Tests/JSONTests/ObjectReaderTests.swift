import JSON
import Testing

@Suite struct ObjectReaderTests {
    private func read(_ text: String, _ body: (ObjectReader) -> Void) throws -> [FieldProblem] {
        let problems = ProblemList()
        let reader = ObjectReader(try JSONReader.parse(text), problems: problems)
        body(reader)
        reader.finish()
        return problems.items
    }

    @Test func takesEveryKind() throws {
        let text = """
            {"name":"web","vcpus":4,"ratio":2,"managed":false,"firmware":"uefi","memory":"2GiB","grace":"30s","boot":{"order":["disk"]},
             "disks":[{"size":1},{"size":2}],"labels":{"team":"db"},"note":null,"extra":[1]}
            """
        let problems = try read(text) { body in
            #expect(body.string("name") == "web")
            #expect(body.integer("vcpus", in: 1...512) == 4)
            #expect(body.number("ratio") == 2)
            #expect(body.bool("managed") == false)
            #expect(body.choice("firmware", ["bios", "uefi"]) == "uefi")
            #expect(body.byteCount("memory", alias: "memory_bytes") == 2 << 30)
            #expect(body.duration("grace", in: .zero ... .seconds(60)) == .seconds(30))
            #expect(body.object("boot")?.strings("order", max: 4) == ["disk"])
            #expect(body.objects("disks", max: 8)?.map { $0.integer("size") } == [1, 2])
            #expect(body.stringMap("labels", maxEntries: 64) == ["team": "db"])
            #expect(body.string("note") == nil)
            #expect(body.isNull("note") && body.isPresent("note"))
            #expect(!body.isNull("absent") && !body.isPresent("absent"))
            #expect(body.values("extra", max: 2) == [1])
            #expect(body.string("absent") == nil)
        }
        #expect(problems == [])
    }

    @Test func collectsAllProblemsWithTheirPointers() throws {
        let text = """
            {"name":5,"vcpus":"4","cpus":1.5,"memory":"2 GiB","size":-1,"grace":30,"firmware":"efi","managed":"yes","boot":[],
             "disks":[{"size":0},7,{"sice":1}],"wait_for":["a",1,""],"labels":{"a/b":1},"ratio":"x","empty":"","long":"abcd"}
            """
        let problems = try read(text) { body in
            #expect(body.string("name") == nil)
            #expect(body.integer("vcpus") == nil)
            #expect(body.integer("cpus") == nil)
            #expect(body.byteCount("memory") == nil)
            #expect(body.byteCount("size") == nil)
            #expect(body.duration("grace") == nil)
            #expect(body.choice("firmware", ["bios", "uefi"]) == nil)
            #expect(body.bool("managed") == nil)
            _ = body.object("boot")
            for disk in body.objects("disks", max: 8) ?? [] { _ = disk.integer("size", required: true, in: 1...9) }
            #expect(body.strings("wait_for", max: 4) == nil)
            #expect(body.stringMap("labels", maxEntries: 4) == nil)
            #expect(body.number("ratio") == nil)
            #expect(body.string("empty") == nil)
            #expect(body.string("long", maxLength: 3) == nil)
            #expect(body.string("missing", required: true) == nil)
            body.problem("name", "is taken")
        }
        #expect(
            problems.map(\.pointer) == [
                "/name", "/vcpus", "/cpus", "/memory", "/size", "/grace", "/firmware", "/managed", "/boot", "/disks/1", "/disks/0/size",
                "/disks/2/size", "/wait_for/1", "/wait_for/2", "/labels/a~1b", "/ratio", "/empty", "/long", "/missing", "/name",
                "/disks/2/sice",
            ])
        #expect(problems[0].detail == "must be a string, not an integer" && problems[0].value == 5)
        #expect(problems[6].allowed == ["bios", "uefi"] && problems[6].value == "efi")
        #expect(problems[10].detail == "must be from 1 to 9")
        #expect(problems[18].detail == "is required" && problems[18].value == nil)
        #expect(problems[20] == FieldProblem(pointer: "/disks/2/sice", detail: "there is no such field", allowed: ["size"]))
    }

    @Test func unknownNamesComeWithTheKnownOnes() throws {
        let problems = try read(#"{"nmae":"x","id":"1"}"#) { body in
            _ = body.string("name")
            body.ignore("id", "type")
        }
        #expect(problems == [FieldProblem(pointer: "/nmae", detail: "there is no such field", allowed: ["name", "id", "type"])])
    }

    @Test func requiredTellsNullFromAbsent() throws {
        let problems = try read(#"{"a":null}"#) { body in
            _ = body.string("a", required: true)
            _ = body.string("b", required: true)
            _ = body.byteCount("c", alias: "c_bytes", required: true)
        }
        #expect(problems.map(\.detail) == ["must not be null", "is required", "is required"])
    }

    @Test(
        arguments: [
            (#"{"m":"1KiB","m_bytes":1024}"#, 1024, nil), (#"{"m_bytes":1024}"#, 1024, nil), (#"{"m":"2KiB","m_bytes":null}"#, 2048, nil),
            (#"{"m":"1KiB","m_bytes":1025}"#, nil, "/m"), (#"{"m":1,"m_bytes":"x"}"#, nil, "/m_bytes"),
        ] as [(String, Int64?, String?)])
    func anAliasMaySayTheSame(_ text: String, _ bytes: Int64?, _ pointer: String?) throws {
        let problems = try read(text) { body in
            let count = body.byteCount("m", alias: "m_bytes", required: true)
            #expect(count == bytes)
        }
        #expect(problems.map(\.pointer) == [pointer].compactMap { $0 })
    }

    @Test func aPatchSeesNull() throws {
        let problems = try read(#"{"labels":{"a":"1","b":null}}"#) { body in
            let labels = body.stringMap("labels", maxEntries: 4, allowNull: true)
            #expect(labels == ["a": "1", "b": nil])
        }
        #expect(problems == [])
    }

    @Test func limitsOfContainers() throws {
        let problems = try read(#"{"a":[1,2],"b":["x","y"],"c":{"x":"","y":""},"d":["long"],"e":{"k":"long"}}"#) { body in
            #expect(body.objects("a", max: 1) == nil)
            #expect(body.strings("b", max: 1) == nil)
            #expect(body.stringMap("c", maxEntries: 1) == nil)
            #expect(body.strings("d", max: 1, maxLength: 3) == nil)
            #expect(body.stringMap("e", maxEntries: 1, maxLength: 3) == nil)
        }
        #expect(problems.count == 5)
    }

    @Test func valuesAreCutAndSecretsHidden() throws {
        let long = String(repeating: "ä", count: 5000)
        let problems = try read("{\"a\":\"\(long)\",\"password\":123,\"list\":[\"\(long)\"],\"\(long)\":1}") { body in
            body.conceal("password")
            _ = body.integer("a")
            _ = body.string("password")
            _ = body.string("list")
        }
        #expect(problems[0].value?.stringValue?.unicodeScalars.count == 101)
        #expect(problems[1].pointer == "/password" && problems[1].value == nil)
        #expect(problems[2].value == nil)
        #expect(problems[3].pointer.unicodeScalars.count == 130)
    }

    @Test func aHostileBodyMakesABoundedList() throws {
        let problems = ProblemList()
        let body = "{" + (0..<5000).map { "\"x\($0)\":1" }.joined(separator: ",") + "}"
        ObjectReader(try JSONReader.parse(body), problems: problems).finish()
        #expect(problems.items.count == 100)
        #expect(problems.omitted == 4900)
    }

    @Test(arguments: ["[]", "null", "5", "\"x\""]) func aBodyThatIsNoObjectIsOneProblem(_ text: String) throws {
        let problems = try read(text) { _ = $0.string("name", required: true) }
        #expect(problems.count == 1)
        #expect(problems[0].pointer == "")
    }

    @Test func problemsWriteThemselves() {
        let problem = FieldProblem(pointer: "/a", detail: "no", value: 1, allowed: ["x"])
        #expect(String(decoding: JSONWriter.encode(problem), as: UTF8.self) == #"{"pointer":"/a","detail":"no","value":1,"allowed":["x"]}"#)
        let short = FieldProblem(pointer: "", detail: "no")
        #expect(String(decoding: JSONWriter.encode(short), as: UTF8.self) == #"{"pointer":"","detail":"no"}"#)
    }
}
