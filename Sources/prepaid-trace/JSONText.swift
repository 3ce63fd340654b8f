/// JSON as short text; every string here is a name without anything to escape.
enum JSONText {
    static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    static func array(_ elements: [String]) -> String { "[" + elements.joined(separator: ",") + "]" }
    static func string(_ text: some CustomStringConvertible) -> String { "\"\(text)\"" }
    static func optional(_ number: (some BinaryInteger)?) -> String { number.map { "\($0)" } ?? "null" }
}
