private import Yams

/// One value of a YAML file with its place. Reading it as something it is not adds a problem and gives
/// nil, so that a reader can go on and find the others.
public struct ConfigurationNode {
    public let file: String
    public let line: Int
    /// The keys that lead here, for messages: `buses[1].baud`.
    public let path: String
    public let collector: ProblemCollector
    private let node: Node

    /// The size above which a configuration file is refused unread.
    public static let largestFile = 256 * 1024

    /// Parses a whole file; nil (with a problem) where it is not YAML or is empty.
    public init?(file: String, text: String, collector: ProblemCollector) {
        func refuse(_ line: Int, _ what: String, _ remedy: String) {
            collector.add(ConfigurationProblem(file: file, line: line, what: what, remedy: remedy))
        }
        guard text.utf8.count <= Self.largestFile else {
            refuse(0, "the file has \(text.utf8.count) bytes", "keep it below \(Self.largestFile)")
            return nil
        }
        if let (line, word) = Self.firstSharing(in: text) {
            refuse(
                line, "'\(word)' is a YAML anchor, alias or tag, which are not used here",
                "write the value out; quote text that starts with &, * or !")
            return nil
        }
        do {
            guard let node = try Yams.compose(yaml: text) else {
                refuse(0, "the file is empty", "start from the example in etc/")
                return nil
            }
            self.init(file: file, line: node.mark?.line ?? 1, path: "", collector: collector, node: node)
        } catch {
            let (line, what, remedy) = Self.explain(error)
            refuse(line, what, remedy)
            return nil
        }
    }

    private init(file: String, line: Int, path: String, collector: ProblemCollector, node: Node) {
        self.file = file
        self.line = line
        self.path = path
        self.collector = collector
        self.node = node
    }

    private static func explain(_ error: any Error) -> (line: Int, what: String, remedy: String) {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (mark.line, "this is not YAML: \(problem)", "mend the YAML")
        case .duplicatedKeysInMapping(let duplicates, let context):
            (context.mark.line, "the key '\(duplicates.sorted().joined(separator: "', '"))' is given twice", "keep one")
        default: (0, "this is not YAML: \(error)", "mend the YAML")
        }
    }

    /// The first word that stands where YAML would take it for an anchor, an alias or a tag. A few
    /// aliases of aliases name more values than a machine can hold, so they are refused before parsing.
    private static func firstSharing(in text: String) -> (line: Int, word: String)? {
        // What a value may follow directly, and what it may follow after a blank. Bytes above ASCII count
        // too: some of them are YAML line breaks.
        let adjacent = Set("[{,:\n".utf8)
        let spaced = Set("-?".utf8)
        let blanks = Set(" \t".utf8)
        var previous = UInt8(ascii: "\n")
        var isAfterBlank = false
        var line = 1
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "!"),
                adjacent.contains(previous) || previous >= 0x80 || (isAfterBlank && spaced.contains(previous))
            {
                return (line, String(text[index...].prefix { !$0.isWhitespace }.prefix(20)))
            }
            if byte == UInt8(ascii: "\n") { line += 1 }
            isAfterBlank = blanks.contains(byte)
            if !isAfterBlank { previous = byte == UInt8(ascii: "\r") ? UInt8(ascii: "\n") : byte }
        }
        return nil
    }

    /// Notes that something is wrong here.
    public func refuse(_ what: String, _ remedy: String) {
        collector.add(ConfigurationProblem(file: file, line: line, what: what, remedy: remedy))
    }

    /// The value as text. Numbers and words are text too; a list or mapping is not.
    public var text: String? {
        guard let text = node.scalar?.string else {
            refuse("\(path) is not a single value", "write one value")
            return nil
        }
        return text
    }

    /// The entries of a list.
    public var list: [ConfigurationNode]? {
        guard let sequence = node.sequence else {
            refuse("\(path) is not a list", "write its entries as lines that start with '- '")
            return nil
        }
        return sequence.enumerated().map { index, node in child(node, path: "\(path)[\(index + 1)]") }
    }

    /// The value as a mapping with these keys and no others.
    public func mapping(keys: [String]) -> ConfigurationMapping? {
        guard let mapping = node.mapping else {
            refuse("\(path.isEmpty ? "the file" : path) is not a mapping", "write it as 'key: value' lines")
            return nil
        }
        var values: [String: ConfigurationNode] = [:]
        for (key, value) in mapping {
            let name = key.string ?? ""
            let place = child(value, path: path.isEmpty ? name : "\(path).\(name)", line: key.mark?.line)
            guard keys.contains(name) else {
                place.refuse("the key '\(place.path)' is unknown", Self.suggestion(for: name, among: keys))
                continue
            }
            values[name] = place
        }
        return ConfigurationMapping(place: self, values: values)
    }

    /// The keys of a mapping whose keys are names, with their values.
    public var entries: [(name: String, value: ConfigurationNode)]? {
        guard let mapping = node.mapping else {
            refuse("\(path) is not a mapping", "write it as 'name: value' lines")
            return nil
        }
        return mapping.map { key, value in
            let name = key.string ?? ""
            return (name, child(value, path: "\(path).\(name)", line: key.mark?.line))
        }
    }

    private func child(_ node: Node, path: String, line: Int? = nil) -> ConfigurationNode {
        ConfigurationNode(
            file: file, line: line ?? node.mark?.line ?? self.line, path: path, collector: collector, node: node)
    }

    /// `did you mean 'voltage'?`, or the whole choice where nothing is near.
    public static func suggestion(for name: String, among keys: [String]) -> String {
        let nearest = keys.map { (key: $0, distance: editDistance(name, $0)) }.min { $0.distance < $1.distance }
        if let nearest, nearest.distance <= 3 { return "did you mean '\(nearest.key)'?" }
        return "use one of \(keys.sorted().joined(separator: ", "))"
    }

    /// Levenshtein's distance; keys are short.
    private static func editDistance(_ one: String, _ other: String) -> Int {
        let one = Array(one.utf8.prefix(64))
        let other = Array(other.utf8.prefix(64))
        var row = Array(0...other.count)
        for (index, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (byte == other[column] ? 0 : 1))
                diagonal = above
            }
        }
        return row[other.count]
    }
}
