private import Glibc

/// Tells systemd how the daemon is: sd_notify(3), one datagram to the socket that NOTIFY_SOCKET names.
/// Without that variable (a start by hand) every call does nothing.
public struct ServiceNotifier: Sendable {
    private let path: String?
    /// Half of WATCHDOG_USEC (sd_watchdog_enabled(3)); nil when no watchdog is asked for.
    public let watchdogInterval: Duration?

    /// - Parameter environment: the process environment.
    public init(environment: [String: String]) {
        path = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let isForUs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdogInterval =
            isForUs
            ? environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap { $0 > 1 ? .microseconds($0 / 2) : nil } : nil
    }

    public func ready(status: String) { send("READY=1\nSTATUS=\(oneLine(status))") }
    /// The daemon reads its configuration anew; `ready` says when it has. MONOTONIC_USEC is what systemd 253 and later
    /// (Type=notify-reload) compare with the moment of their signal; earlier ones pass it over.
    public func reloading(status: String) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)\nSTATUS=\(oneLine(status))")
    }

    public func status(_ text: String) { send("STATUS=\(oneLine(text))") }
    public func watchdog() { send("WATCHDOG=1") }
    public func stopping(status: String) { send("STOPPING=1\nSTATUS=\(oneLine(status))") }

    /// Leaves a descriptor with the service manager, which gives it back at the next start under its name
    /// (FDSTORE=1 of sd_notify(3)); needs FileDescriptorStoreMax= in the unit.
    func store(_ descriptor: Int32, name: String) { send("FDSTORE=1\nFDNAME=\(name)", with: descriptor) }
    func forget(name: String) { send("FDSTOREREMOVE=1\nFDNAME=\(name)") }

    private func oneLine(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }

    /// A lost datagram is not worth failing for: the next one says the same.
    private func send(_ message: String, with attached: Int32? = nil) {
        guard let path else { return }
        _ = LocalDatagram.send(Array(message.utf8), to: path, with: attached)
    }
}
