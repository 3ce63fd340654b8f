public import BoardRules
private import CLinux
private import Glibc
private import Synchronization

/// Lets relays outlive the daemon. A line that no descriptor holds may fall back, so the descriptors of
/// holding relays are handed to systemd's file-descriptor store, which gives them back at the next start
/// (sd_listen_fds(3)), and to the program that takes this one's place.
public final class LineKeeper: Sendable {
    private struct State {
        /// What earlier runs have left, by name.
        var left: [String: Int32]
        var kept: [String: GPIOOutput] = [:]
    }

    private let state: Mutex<State>
    private let notifier: ServiceNotifier

    private static let prefix = "line "
    private static let handover = "METERKEEP_LINES"

    /// Takes over what the environment names, and takes it out of the environment.
    public init(environment: [String: String], notifier: ServiceNotifier) {
        self.notifier = notifier
        var left: [String: Int32] = [:]
        for (name, descriptor) in Self.stored(environment) + Self.handedOver(environment) {
            guard name.hasPrefix(Self.prefix), fcntl(descriptor, F_GETFD) >= 0 else { continue }
            clinux_close_on_exec(descriptor, 1)
            left[name] = descriptor
        }
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", Self.handover] { unsetenv(name) }
        state = Mutex(State(left: left))
    }

    /// Takes a line: the one that an earlier run held, otherwise as it is.
    public func output(_ line: BoardLine, consumer: String) throws(GPIOFault) -> GPIOOutput {
        let name = Self.name(of: line)
        if let kept = state.withLock({ $0.kept[name] }) { return kept }
        if let descriptor = state.withLock({ $0.left.removeValue(forKey: name) }) {
            let output = GPIOOutput(line, takenOver: descriptor)
            if (try? output.level()) != nil {
                state.withLock { $0.kept[name] = output }
                return output
            }
            notifier.forget(name: name)
        }
        let output = try GPIOOutput(line, consumer: consumer)
        notifier.store(output.descriptor, name: name)
        state.withLock { $0.kept[name] = output }
        return output
    }

    /// Lets go of a line that is of no use any more.
    public func giveUp(_ line: BoardLine) {
        let name = Self.name(of: line)
        notifier.forget(name: name)
        state.withLock { $0.kept[name] = nil }
    }

    /// Lets go of lines that the configuration does not name any more.
    public func giveUpRest() {
        let rest = state.withLock { state in
            defer { state.left = [:] }
            return state.left
        }
        for (name, descriptor) in rest {
            notifier.forget(name: name)
            close(descriptor)
        }
    }

    /// Leaves the lines open for the program that takes this one's place in the same process.
    public func handOver() {
        let lines = state.withLock { state in
            state.left.merging(state.kept.mapValues(\.descriptor)) { _, kept in kept }
        }
        for descriptor in lines.values { clinux_close_on_exec(descriptor, 0) }
        guard !lines.isEmpty else { return }
        setenv(Self.handover, lines.map { "\($0.key)=\($0.value)" }.joined(separator: ","), 1)
    }

    /// A name that the store takes (no colon), different for a line that is read the other way round.
    private static func name(of line: BoardLine) -> String {
        prefix + String(line.name.map { $0 == ":" ? " " : $0 }) + (line.isActiveLow ? " low" : " high")
    }

    /// SD_LISTEN_FDS_START is 3.
    private static func stored(_ environment: [String: String]) -> [(String, Int32)] {
        guard environment["LISTEN_PID"] == String(getpid()),
            let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), (1...1_024).contains(count)
        else { return [] }
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        return zip(names, 3..<(3 + count)).map { (String($0), $1) }
    }

    private static func handedOver(_ environment: [String: String]) -> [(String, Int32)] {
        (environment[handover] ?? "").split(separator: ",").compactMap { entry in
            let parts = entry.split(separator: "=")
            guard parts.count == 2, let descriptor = Int32(parts[1]), descriptor > 2 else { return nil }
            return (String(parts[0]), descriptor)
        }
    }
}
