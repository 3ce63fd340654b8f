private import Crypto
public import Metering

/// The key whose signature commands must carry, where a site asks for one besides TLS: Ed25519 (RFC 8032).
public struct CommandKey: Hashable, Sendable {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// What stands before the key in the DER form of a public key (RFC 8410, 4).
    private static let header: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]

    /// Nil where it is no point of the curve's 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32, (try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)) != nil else {
            return nil
        }
        self.bytes = bytes
    }

    /// Reads what `openssl pkey -pubout` writes.
    public init?(pem: String) {
        let lines = pem.split(whereSeparator: \.isNewline).map { String($0) }
        guard let start = lines.firstIndex(of: "-----BEGIN PUBLIC KEY-----"),
            let end = lines.firstIndex(of: "-----END PUBLIC KEY-----"), start < end,
            let der = Base64.decode(lines[(start + 1)..<end].joined()), der.starts(with: Self.header)
        else { return nil }
        self.init(bytes: Array(der.dropFirst(Self.header.count)))
    }

    /// Whether the command carries this key's signature for a gateway.
    public func signed(_ command: Command, for gateway: GatewayID) -> Bool {
        guard let text = command.signature, let signature = Base64.decode(text),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return false }
        return key.isValidSignature(signature, for: command.signedBytes(for: gateway))
    }
}

extension Command {
    /// The bytes that are signed: the text `meterkeep command GATEWAY`, a line feed, and the canonical JSON of
    /// the command without `signature` and `position`.
    public func signedBytes(for gateway: GatewayID) -> [UInt8] {
        Array("meterkeep command \(gateway)\n".utf8) + signedJSON
    }
}
