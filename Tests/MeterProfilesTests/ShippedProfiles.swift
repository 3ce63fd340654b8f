import Foundation
import MeterProfiles

/// The profiles in `etc/profiles`, as a box loads them.
enum ShippedProfiles {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "etc/profiles")

    static func files() throws -> [(name: String, text: String)] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }
            .sorted { $0.path < $1.path }
            .map { ("etc/profiles/\($0.lastPathComponent)", try String(contentsOf: $0, encoding: .utf8)) }
    }

    static func library() throws -> ProfileLibrary { try ProfileLibrary(files: try files()) }
}
