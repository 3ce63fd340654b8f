import Concentrator
import Foundation
import MeterProfiles

/// The files in `etc/`, as a box gets them.
enum EtcFolder {
    static let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "etc").path

    static func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }

    static func profiles() throws -> ProfileLibrary { try ProfileFolder.load("\(path)/profiles") }
}
