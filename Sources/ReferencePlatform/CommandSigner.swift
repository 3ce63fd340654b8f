private import Crypto
private import Foundation
public import Metering
public import UplinkProtocol

/// Signs commands for sites that ask for it: Ed25519, see docs/uplink.md.
public struct CommandSigner: Sendable {
    /// The key's 32 bytes.
    private let seed: [UInt8]

    /// What stands before the key in its DER form (RFC 8410, 7).
    private static let header: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    /// Reads what `openssl genpkey -algorithm ed25519` writes; nil for anything else.
    public init?(pem: String) {
        let body = pem.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }.joined()
        guard let der = Data(base64Encoded: body), der.starts(with: Self.header), der.count == Self.header.count + 32
        else { return nil }
        seed = Array(der.dropFirst(Self.header.count))
    }

    /// The command with its signature.
    public func signed(_ json: JSONValue, for gateway: GatewayID) throws -> JSONValue {
        let command = try Command(json: json)
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        let signature = try key.signature(for: command.signedBytes(for: gateway))
        var members = json.object ?? [:]
        members["signature"] = .string(Data(signature).base64EncodedString())
        return .object(members)
    }
}
