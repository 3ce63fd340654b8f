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

    /// Ids given twice, and profiles that a scan could not tell apart: every meter that answers as the
    /// one asks would answer as the other asks too.
    private static func collisions(_ files: [ProfileFile]) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        for (index, file) in files.enumerated() {
            for other in files[..<index] {
                if file.profile.id == other.profile.id {
                    problems.append(
                        ConfigurationProblem(
                            file: file.file, line: 0, what: "the id '\(file.profile.id)' is used in \(other.file) too",
                            remedy: "remove one of the two files"))
                } else if !file.identity.isEmpty, !other.identity.isEmpty,
                    file.identity.isSubset(of: other.identity) || other.identity.isSubset(of: file.identity)
                {
                    problems.append(
                        ConfigurationProblem(
                            file: file.file, line: file.identifyLine,
                            what: "one meter could be taken for this model and for that of \(other.file)",
                            remedy: "add a register that differs to 'identify' in both"))
                }
            }
        }
        return problems
    }
}

extension ProfileFile {
    /// One register that identification compares.
    fileprivate struct Mark: Hashable {
        let table: RegisterTable
        let address: UInt16
        let value: UInt16
    }

    fileprivate var identity: Set<Mark> {
        Set(
            profile.identification.flatMap { rule in
                rule.equals.enumerated().map { offset, value in
                    Mark(table: rule.table, address: rule.address &+ UInt16(offset), value: value)
                }
            })
    }
}
