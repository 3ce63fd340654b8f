private import Glibc

/// Where a bus is: a serial port, or a converter or gateway in the network.
public enum PortAddress: Hashable, Sendable {
    /// How frames travel over TCP.
    public enum Framing: String, Hashable, Sendable, CaseIterable {
        /// As on the serial line, CRC included: serial converters in transparent mode.
        case rtu
        /// Modbus TCP (Modbus messaging on TCP/IP implementation guide, 3.1): gateways, meters with Ethernet.
        case tcp
    }

    case serial(path: String)
    case network(host: String, port: UInt16, framing: Framing)

    private static let scheme = "tcp://"

    /// How an address is written, for whoever wrote it wrong.
    public static let rule =
        "write a path, tcp://ADDRESS:PORT?framing=rtu or tcp://ADDRESS:PORT?framing=tcp with a numeric address such as "
        + "192.168.1.20, and have the router keep it; a bus does not wait for a name server"

    /// A path, or `tcp://192.168.1.20:4196?framing=rtu`. Nil for a network address that is none; its framing must
    /// be said, for one kind of converter does not answer the other's. Names are none: nothing bounds how long a
    /// name server lets a bus wait.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.scheme) else {
            guard !text.isEmpty else { return nil }
            self = .serial(path: text)
            return
        }
        let parts = text.dropFirst(Self.scheme.count).split(separator: "?", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].hasPrefix("framing="),
            let framing = Framing(rawValue: String(parts[1].dropFirst(8))), let colon = parts[0].lastIndex(of: ":"),
            let port = UInt16(parts[0][parts[0].index(after: colon)...]), port > 0
        else { return nil }
        var host = parts[0][..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard Self.isNumeric(host) else { return nil }
        self = .network(host: String(host), port: port, framing: framing)
    }

    /// IPv4, or IPv6 with or without its interface (`fe80::1%eth0`).
    private static func isNumeric(_ host: Substring) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, String(host), &bytes) == 1 { return true }
        let parts = host.split(separator: "%", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isASCII) }) else {
            return false
        }
        return inet_pton(AF_INET6, String(parts[0]), &bytes) == 1
    }
}
