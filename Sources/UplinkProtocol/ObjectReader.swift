public import Metering

/// Why a JSON object is not what it should be: a field, its value where there is one to show, a reason.
public struct FieldProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public let field: String
    public let value: String?
    public let reason: String

    public init(field: String, value: String? = nil, reason: String) {
        self.field = field
        self.value = value
        self.reason = reason
    }

    public var description: String { value.map { "\(field) = \($0): \(reason)" } ?? "\(field): \(reason)" }
}

/// Reads the fields of an object; a field that nobody asked for is refused at the end.
public struct ObjectReader {
    private let members: [String: JSONValue]
    let name: String
    private var read: Set<String> = []

    public init(_ value: JSONValue, name: String) throws(FieldProblem) {
        guard case .object(let members) = value else { throw FieldProblem(field: name, reason: "is not an object") }
        self.members = members
        self.name = name
    }

    func problem(_ field: String, value: String? = nil, _ reason: String) -> FieldProblem {
        FieldProblem(field: "\(name).\(field)", value: value, reason: reason)
    }

    public mutating func optional(_ field: String) -> JSONValue? {
        read.insert(field)
        guard let value = members[field], value != .null else { return nil }
        return value
    }

    public mutating func value(_ field: String) throws(FieldProblem) -> JSONValue {
        guard let value = optional(field) else { throw problem(field, "is missing") }
        return value
    }

    public mutating func text(_ field: String, longest: Int = 256) throws(FieldProblem) -> String {
        guard let text = try value(field).string else { throw problem(field, "is not text") }
        guard text.utf8.count <= longest else { throw problem(field, "is longer than \(longest) bytes") }
        return text
    }

    public mutating func integer(_ field: String) throws(FieldProblem) -> Int64 {
        guard let number = try value(field).integer else { throw problem(field, "is not a whole number") }
        return number
    }

    public mutating func optionalInteger(_ field: String) throws(FieldProblem) -> Int64? {
        guard let value = optional(field) else { return nil }
        guard let number = value.integer else { throw problem(field, "is not a whole number") }
        return number
    }

    public mutating func optionalText(_ field: String, longest: Int = 256) throws(FieldProblem) -> String? {
        guard optional(field) != nil else { return nil }
        return try text(field, longest: longest)
    }

    public mutating func identifier<Subject>(
        _ field: String, _: Subject.Type
    ) throws(FieldProblem) -> Identifier<Subject> {
        let text = try text(field)
        guard let identifier = Identifier<Subject>(rawValue: text) else {
            throw problem(field, value: text, "must be \(Identifier<Subject>.rule)")
        }
        return identifier
    }

    public mutating func word<Word: RawRepresentable>(_ field: String, _: Word.Type) throws(FieldProblem) -> Word
    where Word.RawValue == String {
        let text = try text(field)
        guard let word = Word(rawValue: text) else { throw problem(field, "'\(text)' is unknown") }
        return word
    }

    /// Text by name, bounded in number.
    public mutating func texts(_ field: String, most: Int = 64) throws(FieldProblem) -> [String: String] {
        guard let object = try value(field).object, object.count <= most else {
            throw problem(field, "is not an object of at most \(most) texts")
        }
        var texts: [String: String] = [:]
        for (key, value) in object {
            guard let text = value.string else { throw problem("\(field).\(key)", "is not text") }
            texts[key] = text
        }
        return texts
    }

    /// Refuses fields that were not read.
    public func finish() throws(FieldProblem) {
        guard let unknown = members.keys.filter({ !read.contains($0) }).min() else { return }
        throw problem(unknown, "is unknown")
    }
}
