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

    /// A path, or `tcp://HOST:PORT?framing=rtu`. Nil for a network address that is none; its framing must
    /// be said, for one kind of converter does not answer the other's.
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
        guard !host.isEmpty, host.allSatisfy({ $0.isASCII && !$0.isWhitespace && $0 != "/" }) else { return nil }
        self = .network(host: String(host), port: port, framing: framing)
    }
}
