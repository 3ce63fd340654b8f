public import ConfigurationReader
private import Foundation
public import MeterProfiles

/// Reads a folder of profiles.
public enum ProfileFolder {
    /// - Throws: every problem of every file, and of the set.
    public static func load(_ path: String) throws(ConfigurationProblems) -> ProfileLibrary {
        func refuse(_ file: String, _ what: String, _ remedy: String) -> ConfigurationProblems {
            ConfigurationProblems([ConfigurationProblem(file: file, line: 0, what: what, remedy: remedy)])
        }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw refuse(path, "the folder of profiles cannot be read", "correct 'profiles' in gateway.yaml")
        }
        var files: [(name: String, text: String)] = []
        for name in names.sorted() where name.hasSuffix(".yaml") {
            let file = "\(path)/\(name)"
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw refuse(file, "the profile cannot be read as UTF-8 text", "check its rights and its encoding")
            }
            files.append((file, text))
        }
        return try ProfileLibrary(files: files)
    }
}
