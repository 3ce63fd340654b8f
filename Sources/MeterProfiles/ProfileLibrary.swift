public import ConfigurationReader

/// All profiles of a box, checked together.
public struct ProfileLibrary: Sendable {
    private let profiles: [String: MeterProfile]

    /// - Parameter files: the name and text of every profile file.
    /// - Throws: every problem of every file, and of the set.
    public init(files: [(name: String, text: String)]) throws(ConfigurationProblems) {
        var problems: [ConfigurationProblem] = []
        var read: [ProfileFile] = []
        for file in files {
            do {
                read.append(try ProfileFile(file: file.name, text: file.text))
            } catch {
                problems += error.problems
            }
        }
        problems += Self.collisions(read)
        if !problems.isEmpty { throw ConfigurationProblems(problems) }
        profiles = Dictionary(read.map { ($0.profile.id, $0.profile) }) { first, _ in first }
    }

    public subscript(id: String) -> MeterProfile? { profiles[id] }

    public var all: [MeterProfile] { profiles.values.sorted { $0.id < $1.id } }

    /// Two profiles that one meter would answer alike cannot be told apart by a scan.
    private static func collisions(_ files: [ProfileFile]) -> [ConfigurationProblem] {
        var seen: [IdentificationRule: String] = [:]
        var ids: [String: String] = [:]
        var problems: [ConfigurationProblem] = []
        for file in files {
            if let other = ids.updateValue(file.file, forKey: file.profile.id) {
                problems.append(
                    ConfigurationProblem(
                        file: file.file, line: 0, what: "the id '\(file.profile.id)' is used in \(other) too",
                        remedy: "remove one of the two files"))
            }
            for rule in file.profile.identification {
                guard let other = seen.updateValue(file.file, forKey: rule) else { continue }
                problems.append(
                    ConfigurationProblem(
                        file: file.file, line: 0, what: "it identifies itself exactly as \(other) does",
                        remedy: "add a register that differs to 'identify'"))
            }
        }
        return problems
    }
}
