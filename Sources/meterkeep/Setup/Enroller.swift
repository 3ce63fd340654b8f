import ArgumentParser
import Concentrator
import Foundation

/// Enrols at the platform with this program's own command, where it has one.
struct Enroller {
    let files: SetupFiles

    private static let command = "enrol"

    static var isThere: Bool { Meterkeep.configuration.subcommands.contains { $0._commandName == command } }

    /// - Returns: what the command said.
    func run(platform: String, code: String) throws -> [String] {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = [
            Self.command, "--platform", platform, "--code", code, "--config", files.configurationPath,
        ]
        process.standardInput = FileHandle.nullDevice
        let words = Pipe()
        process.standardOutput = words
        process.standardError = words
        try process.run()
        let said = String(decoding: words.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw GatewayProblem.device(said.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return said.split(separator: "\n").map(String.init)
    }
}
