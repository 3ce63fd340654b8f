/// A mapping whose keys are known. Every read names its key; a missing or wrong value adds a problem.
public struct ConfigurationMapping {
    /// The mapping itself, for problems that concern it as a whole.
    public let place: ConfigurationNode
    private let values: [String: ConfigurationNode]

    init(place: ConfigurationNode, values: [String: ConfigurationNode]) {
        self.place = place
        self.values = values
    }

    /// The value of a key, or nil where it is not given.
    public subscript(key: String) -> ConfigurationNode? { values[key] }

    /// The value of a key that must be given.
    public func required(_ key: String) -> ConfigurationNode? {
        if let node = values[key] { return node }
        place.refuse(
            "the key '\(key)' is missing\(place.path.isEmpty ? "" : " in \(place.path)")", "add '\(key): ...'")
        return nil
    }

    /// Text of a key that must be given.
    public func text(_ key: String) -> String? {
        guard let node = required(key), let text = node.text else { return nil }
        guard !text.isEmpty else {
            node.refuse("\(node.path) is empty", "write something after '\(key):'")
            return nil
        }
        return text
    }

    public func text(_ key: String, default fallback: String) -> String? {
        guard let node = values[key] else { return fallback }
        return node.text
    }

    /// A whole number, decimal or `0x` hexadecimal. Without a `default` the key must be given.
    public func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil) -> Int? {
        guard let node = values[key] else { return fallback ?? (required(key).map { _ in 0 }) }
        return node.integer(in: range)
    }

    /// `true` or `false`.
    public func boolean(_ key: String, default fallback: Bool) -> Bool? {
        guard let node = values[key] else { return fallback }
        guard let text = node.text else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default:
            node.refuse("\(node.path) '\(text)' is neither true nor false", "write true or false")
            return nil
        }
    }

    /// One of the words of an enumeration. Without a `default` the key must be given.
    public func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default fallback: Choice? = nil
    ) -> Choice? where Choice.RawValue == String {
        guard let node = values[key] else {
            if fallback == nil { _ = required(key) }
            return fallback
        }
        return node.choice()
    }

    /// The entries of a list; an absent key is an empty list.
    public func list(_ key: String) -> [ConfigurationNode] { values[key]?.list ?? [] }

    /// A mapping under a key; nil where the key is absent or is no mapping.
    public func mapping(_ key: String, keys: [String]) -> ConfigurationMapping? { values[key]?.mapping(keys: keys) }
}

extension ConfigurationNode {
    /// A whole number within `range`, decimal or `0x` hexadecimal.
    public func integer(in range: ClosedRange<Int>) -> Int? {
        guard let text else { return nil }
        let number = text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
        guard let number else {
            refuse(
                "\(path) '\(text)' is not a whole number", "write one from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        guard range.contains(number) else {
            refuse("\(path) \(text) is out of range", "write a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// One of the words of an enumeration.
    public func choice<Choice: RawRepresentable & CaseIterable>() -> Choice? where Choice.RawValue == String {
        guard let text else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        refuse("\(path) '\(text)' is unknown", "write one of \(words)")
        return nil
    }
}
