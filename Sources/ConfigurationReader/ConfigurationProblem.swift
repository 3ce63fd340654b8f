/// One thing wrong with a configuration file: where, what, what to do.
public struct ConfigurationProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public let file: String
    /// Counted from 1; 0 where the file as a whole is meant.
    public let line: Int
    public let what: String
    public let remedy: String

    public init(file: String, line: Int, what: String, remedy: String) {
        self.file = file
        self.line = line
        self.what = what
        self.remedy = remedy
    }

    /// `etc/gateway.yaml:12: baud 9601 is not a rate of RS485 meters; write one of 1200, 2400, ...`
    public var description: String { "\(file):\(line > 0 ? "\(line):" : "") \(what); \(remedy)" }
}

/// Everything wrong with a set of files. Nothing of them is used.
public struct ConfigurationProblems: Error, Hashable, Sendable, CustomStringConvertible {
    public let problems: [ConfigurationProblem]

    public init(_ problems: [ConfigurationProblem]) { self.problems = problems }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Collects problems while a file is read, so that all of them are shown at once.
public final class ProblemCollector {
    public private(set) var problems: [ConfigurationProblem] = []
    /// More than this from one file help nobody.
    public static let most = 50

    public init() {}

    public func add(_ problem: ConfigurationProblem) {
        if problems.count < Self.most { problems.append(problem) }
    }

    /// Throws what was collected, if anything was.
    public func check() throws(ConfigurationProblems) {
        if !problems.isEmpty { throw ConfigurationProblems(problems) }
    }
}
