import Testing
import UplinkProtocol

@Suite("Strict JSON")
struct StrictJSONTests {
    @Test(
        "what is refused",
        arguments: [
            ("100.0", "not written as a whole one"), ("1e2", "not written as a whole one"),
            ("{\"a\":1,\"a\":2}", "given twice"), ("01", "leading zero"), ("9223372036854775808", "beyond 64 bits"),
            ("[1,]", "a value was expected"), ("{\"a\"}", "':' was expected"), ("\"\\ud800\"", "surrogate"),
            ("\"\u{1}\"", "control character"), ("tru", "a value was expected"), ("1 2", "more follows"),
            ("", "a value was expected"), ("\"abc", "without an end"), ("-", "a digit was expected"),
            (String(repeating: "[", count: 17), "deeper than 16"), ("\"\\u12g4\"", "hexadecimal"),
            ("\"\\u+123\"", "hexadecimal"),
        ])
    func refused(text: String, what: String) {
        do {
            let value = try StrictJSON.parse(text)
            Issue.record("accepted as \(value)")
        } catch {
            #expect(error.what.contains(what), "\(error)")
        }
    }

    @Test("bytes that are not UTF-8, and too many of them, are refused")
    func bytes() {
        #expect(throws: JSONProblem.self) { try StrictJSON.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONProblem.self) { try StrictJSON.parse(Array("[1,2,3]".utf8), limit: 3) }
    }

    @Test(
        "the canonical form is one form",
        arguments: [
            (" { \"b\" : 1 , \"a\" : [ true , null ] } ", "{\"a\":[true,null],\"b\":1}"),
            ("\"\\u00e9\\/\\n\\u0001\"", "\"é/\\n\\u0001\""), ("\"\\ud83d\\ude00\"", "\"😀\""),
            ("{\"é\":1,\"z\":2,\"A\":3}", "{\"A\":3,\"z\":2,\"é\":1}"),
            ("-9223372036854775808", "-9223372036854775808"),
        ])
    func canonical(text: String, canonical: String) throws {
        let value = try StrictJSON.parse(text)
        #expect(value.canonicalText == canonical)
        #expect(try StrictJSON.parse(value.canonicalText) == value)
    }
}
