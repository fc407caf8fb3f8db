import Foundation
import JSON
import Testing

@Suite struct JSONWriterTests {
    private struct Disk: JSONWritable {
        let name: String
        let bytes: Int64
        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("name", name)
                writer.field("capacity_bytes", bytes)
            }
        }
    }

    private func text(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func writesFieldsInTheirOrder() {
        let text = text { writer in
            writer.object { writer in
                writer.field("type", "vm")
                writer.field("id", Int64.min)
                writer.field("vcpus", 4)
                writer.field("load", 0.25)
                writer.field("nan", Double.nan)
                writer.field("big", 1e300)
                writer.field("managed", true)
                writer.field("host", String?.none)
                writer.field("port", Int64?.some(5900))
                writer.field("count", Int?.none)
                writer.field("tags", ["a", "b"])
                writer.field("none", [String]())
                writer.field("disks", [Disk(name: "vda", bytes: 10), Disk(name: "vdb", bytes: 0)])
                writer.field("first", Disk?.none)
                writer.field("extra", JSONValue.object(["z": 1, "a": [.null, true]]))
                writer.rawField("raw", Array("{\"k\":[]}".utf8))
                writer.nullField("nothing")
                writer.field("forgotten") { _ in }
                writer.field("list") { writer in
                    writer.array { writer in
                        writer.value(1)
                        writer.value("x")
                        writer.null()
                        writer.raw("[2]".utf8)
                        writer.object { _ in }
                        writer.array { _ in }
                        writer.value(Disk(name: "c", bytes: 1))
                    }
                }
            }
        }
        #expect(
            text == #"{"type":"vm","id":-9223372036854775808,"vcpus":4,"load":0.25,"nan":null,"big":1e+300,"managed":true,"#
                + #""host":null,"port":5900,"count":null,"tags":["a","b"],"none":[],"#
                + #""disks":[{"name":"vda","capacity_bytes":10},{"name":"vdb","capacity_bytes":0}],"first":null,"#
                + #""extra":{"z":1,"a":[null,true]},"raw":{"k":[]},"nothing":null,"forgotten":null,"#
                + #""list":[1,"x",null,[2],{},[],{"name":"c","capacity_bytes":1}]}"#)
        #expect(throws: Never.self) { try JSONReader.parse(text) }
    }

    @Test func escapesWhatMustBe() {
        let text = text { $0.value("\"\\/\u{0}\u{8}\u{9}\n\u{b}\u{c}\r\u{1f} \u{7f}é€😀\u{2028}") }
        #expect(text == "\"\\\"\\\\/\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f \u{7f}é€😀\u{2028}\"")
    }

    @Test func everyByteBelow128SurvivesFoundation() throws {
        for code in 0..<UInt8(128) {
            let content = "a\(Character(Unicode.Scalar(code)))b"
            #expect(try JSONDecoder().decode([String].self, from: Data(JSONWriter.encode([content]))) == [content])
        }
    }

    @Test func linesStandForThemselves() {
        let text = text { writer in
            for index in 0..<3 {
                writer.object { $0.field("n", index) }
                writer.newline()
            }
        }
        #expect(text == "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n")
    }

    @Test func valuesReadBackAsWritten() throws {
        var random = RandomJSON(seed: 1)
        for _ in 0..<2000 {
            let value = random.value()
            let bytes = value.compact()
            #expect(try JSONReader.parse(bytes) == value)
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) }
        }
    }

    @Test func numbersReadBackExactly() throws {
        var random = RandomJSON(seed: 3)
        for _ in 0..<5000 {
            let number = Double(bitPattern: random.next())
            guard number.isFinite else { continue }
            #expect(try JSONReader.parse(JSONWriter.encode(number)).numberValue?.bitPattern == number.bitPattern)
            let integer = Int64(bitPattern: random.next()) >> Int64(random.below(64))
            #expect(JSONWriter.encode(integer) == Array(String(integer).utf8))
        }
    }
}
