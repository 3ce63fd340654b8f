import ArgumentParser
import Console
import Foundation
import UplinkProtocol

struct BusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bus",
        abstract: "Show how busy each bus is, what its time goes to, and how its meters answer.")

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "Only this bus.") var bus: String?
    @Flag(help: "Show it again every second, until interrupted.") var watch = false

    func run() async throws {
        repeat {
            let answer = try await daemon.ask("/v1/buses")
            let buses = (answer.array ?? []).filter { bus == nil || $0.object?["bus"]?.string == bus }
            if buses.isEmpty {
                let known = (answer.array ?? []).compactMap { $0.object?["bus"]?.string }.joined(separator: ", ")
                complain("there is no bus '\(bus ?? "")'; use one of \(known)")
                throw ExitCode(65)
            }
            let text =
                daemon.json
                ? JSONValue.array(buses).canonicalText : buses.map { BusTable($0).text }.joined(separator: "\n\n")
            show(watch ? "\u{1B}[H\u{1B}[2J" + text : text)
            if watch { try await Task.sleep(for: .seconds(1)) }
        } while watch
    }
}

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Show what goes over the buses, frame by frame.",
        discussion: """
            One line a frame: > what is asked, < what is answered and how soon, ! what went wrong, * what else was on \
            the line. Ends after --count lines, or when interrupted. Polling is not slowed down: what cannot be shown \
            in time is left out, and counted.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "Only this bus.") var bus: String?
    @Option(help: "Only these units: 5 or 5,7.") var units: String?
    @Flag(help: "Only what went wrong.") var failures = false
    @Flag(help: "Only writes.") var writes = false
    @Flag(help: "Show the bytes too.") var bytes = false
    @Option(help: "End after so many lines.") var count: Int?

    func validate() throws {
        if let units, units.split(separator: ",").contains(where: { UInt8($0) == nil }) {
            throw ValidationError("'\(units)' are no units; write them like 5,7")
        }
        if let count, count < 1 { throw ValidationError("--count \(count) shows nothing; write 1 or more") }
    }

    func run() async throws {
        var query: [String] = []
        if let bus { query.append("bus=\(bus.forQuery)") }
        if let units { query.append("units=\(units.forQuery)") }
        if failures { query.append("failures=1") }
        if writes { query.append("writes=1") }
        var left = count ?? .max
        try await daemon.stream("/v1/trace?\(query.joined(separator: "&"))") { line in
            let members = line.object ?? [:]
            if members.isEmpty { return true }
            show(daemon.json ? line.canonicalText : TraceText.line(members, withBytes: bytes))
            left -= 1
            return left > 0
        }
    }
}

extension DaemonSocket {
    /// Follows an answer of the daemon line by line until `take` says false or it ends.
    func stream(_ path: String, posts: Bool = false, take: (JSONValue) throws -> Bool) async throws {
        do {
            try await LocalClient(socketPath: socket).stream(path, posts: posts, take: take)
        } catch let error as LocalClientError {
            complain(error.description)
            throw ExitCode(error.exitCode)
        }
    }
}

extension String {
    /// As a value in a URL's query, or a part of its path: names of things stay as they are.
    var forQuery: String {
        addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._"))) ?? self
    }
}
