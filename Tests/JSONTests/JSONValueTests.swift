import JSON
import Testing

@Suite struct JSONValueTests {
    @Test func objectsKeepOrderAndCompareWithoutIt() {
        let one: JSONValue = ["b": 1, "a": [2, 3.5, "x", true, .null]]
        let other: JSONValue = ["a": [2, 3.5, "x", true, .null], "b": 1]
        #expect(one.text == #"{"b":1,"a":[2,3.5,"x",true,null]}"#)
        #expect(one == other)
        #expect(one != ["b": 1])
        #expect(JSONValue.integer(1) != .number(1))
    }

    @Test func accessorsAnswerNilForOtherKinds() {
        let value: JSONValue = ["s": "x", "i": 7, "n": 1.5, "b": true, "a": [1], "z": .null]
        #expect(value["s"]?.stringValue == "x")
        #expect(value["i"]?.integerValue == 7)
        #expect(value["i"]?.numberValue == 7)
        #expect(value["n"]?.numberValue == 1.5)
        #expect(value["n"]?.integerValue == nil)
        #expect(value["b"]?.boolValue == true)
        #expect(value["a"]?[0] == 1)
        #expect(value["a"]?[1] == nil)
        #expect(value["a"]?[-1] == nil)
        #expect(value["z"]?.isNull == true)
        #expect(value["missing"] == nil)
        #expect(value[0] == nil)
        #expect(JSONValue.string("a")["s"] == nil)
    }

    @Test(arguments: [3, 32, 33, 34, 100]) func fieldsAreFoundAfterEveryChange(_ count: Int) {
        var object = JSONObject()
        for index in 0..<count { object.set("k\(index)", .integer(Int64(index))) }
        #expect((0..<count).allSatisfy { object["k\($0)"] == .integer(Int64($0)) })
        let isNew = object.insertNew("k0", .null)
        #expect(!isNew)
        object["k1"] = "changed"
        #expect(object.count == count)
        for index in stride(from: 0, to: count, by: 2) { object["k\(index)"] = nil }
        #expect(object["k0"] == nil)
        #expect(object["k1"] == "changed")
        #expect(object.names == stride(from: 1, to: count, by: 2).map { "k\($0)" })
        for index in 0..<count { object.set("k\(index)", true) }
        #expect(object.count == count)
        #expect((0..<count).allSatisfy { object["k\($0)"] == true })
    }

    @Test func ofEqualNamesTheLastCounts() {
        #expect(JSONObject([("a", 1), ("a", 2)]).fields.map(\.value) == [2])
    }

    /// The table of RFC 7396, appendix A.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#), (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#), (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, "null", "null"),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func mergesAsTheRFCSays(_ target: String, _ patch: String, _ result: String) throws {
        let merged = JSONMergePatch.apply(try JSONReader.parse(patch), to: try JSONReader.parse(target))
        #expect(merged.text == result)
    }
}
