private import CLinux
private import Glibc

/// systemd's journal: one datagram an entry, fields by name (systemd.io/JOURNAL_NATIVE_PROTOCOL).
public struct JournalSocket: Sendable {
    private let path: String
    /// A datagram holds more; nobody reads more.
    private static let longestValue = 8 * 1024

    public static let standardPath = "/run/systemd/journal/socket"

    public init(path: String = standardPath) { self.path = path }

    /// Whether standard error ends in the journal: systemd says to which file it has connected it, as device and
    /// number (systemd.exec(5), JOURNAL_STREAM).
    public static func isStandardError(environment: [String: String]) -> Bool {
        guard let stream = environment["JOURNAL_STREAM"] else { return false }
        var status = stat()
        guard fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    /// - Parameter fields: names of capital letters, digits and underscores, not beginning with one.
    /// - Returns: whether the journal has it.
    public func send(_ fields: [(name: String, value: String)]) -> Bool {
        var bytes: [UInt8] = []
        for (name, value) in fields { Self.append(name, value, to: &bytes) }
        return LocalDatagram.send(bytes, to: path)
    }

    /// The field's name for a key of the program's: METERKEEP_ and what of the key may stand in a name.
    public static func fieldName(_ key: String) -> String {
        "METERKEEP_"
            + String(key.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }.prefix(50))
    }

    private static func append(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        let text = value.utf8.prefix(longestValue)
        bytes += name.utf8
        if text.contains(UInt8(ascii: "\n")) {
            // Then its length comes first: 64 bits, the lowest byte first.
            bytes.append(UInt8(ascii: "\n"))
            withUnsafeBytes(of: UInt64(text.count).littleEndian) { bytes += $0 }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        bytes += text
        bytes.append(UInt8(ascii: "\n"))
    }
}

/// One datagram to a socket of this machine.
enum LocalDatagram {
    /// - Parameters:
    ///   - path: a leading @ stands for the zero byte of an abstract name.
    ///   - attached: a descriptor that goes along (SCM_RIGHTS).
    static func send(_ bytes: [UInt8], to path: String, with attached: Int32? = nil) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard name.count < capacity else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withUnsafePointer(to: &address) { pointer in
            if let attached {
                return clinux_send_descriptor(descriptor, bytes, UInt(bytes.count), pointer, length, attached) >= 0
            }
            return pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), generic, length) == bytes.count
            }
        }
    }
}
