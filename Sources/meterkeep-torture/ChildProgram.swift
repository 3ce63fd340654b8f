import Foundation
import Synchronization
import UplinkProtocol

/// One of the programs that are built beside this one, running.
final class ChildProgram {
    private let process = Process()
    private let output: FileHandle
    private let outputPath: String

    private static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    /// - Parameter log: the file that gets what it says.
    init(_ name: String, _ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        outputPath = log
        output = try need(FileHandle(forWritingAtPath: log), log)
        process.executableURL = Self.folder.appending(path: name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit { end(SIGKILL) }

    var isRunning: Bool { process.isRunning }
    var said: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }

    /// Waits until it has said something, or ended.
    func waitFor(_ words: String, seconds: Double = 60) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while !said.contains(words) {
            guard isRunning, Date() < deadline else {
                throw SetupProblem("'\(words)' was not said: \(said.suffix(500))")
            }
            usleep(20_000)
        }
    }

    /// - Returns: the exit code, or the signal that ended it.
    @discardableResult
    func end(_ signal: Int32) -> Int32 {
        if process.isRunning { kill(process.processIdentifier, signal) }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Waits for the end, so long at most.
    func waitForEnd(seconds: Double) {
        let deadline = Date().addingTimeInterval(seconds)
        while process.isRunning, Date() < deadline { usleep(5_000) }
    }

    /// Runs a program to its end.
    /// - Returns: what it said on its standard output as JSON.
    static func ask(_ name: String, _ arguments: [String]) throws -> JSONValue {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = folder.appending(path: name)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw SetupProblem("\(name) \(arguments.joined(separator: " ")) failed: \(text)")
        }
        return (try? StrictJSON.parse(text.trimmingCharacters(in: .whitespacesAndNewlines))) ?? .null
    }
}
