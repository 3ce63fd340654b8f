private import CLinux
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
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A leading @ stands for the zero byte of an abstract name.
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard name.count < capacity else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(message.utf8)
        withUnsafePointer(to: &address) { pointer in
            if let attached {
                _ = clinux_send_descriptor(descriptor, bytes, UInt(bytes.count), pointer, length, attached)
                return
            }
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), generic, length)
            }
        }
    }
}
