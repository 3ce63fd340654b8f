internal import Crypto
internal import Foundation
internal import Metering
internal import NIOSSL
internal import SwiftASN1
private import Synchronization
internal import UplinkProtocol
internal import X509

/// The platform's authority: makes certificates for gateways that prove they hold the key.
public final class CertificateOffice: Sendable {
    /// PEM
    let authority: String
    /// DER
    let authorityBytes: [UInt8]
    /// What gateways are told to send to; nil: where they asked.
    let uplinkURL: String?
    /// PEM, Ed25519: what this platform signs commands with; nil: it does not.
    let commandKey: String?
    let lifetimeSeconds: Int64
    let ageSeconds: Int64
    private let certificate: Certificate
    private let key: P256.Signing.PrivateKey
    private let attempts = Mutex(AttemptLimit())

    /// - Parameters:
    ///   - lifetimeSeconds: how long the certificates hold that are made.
    ///   - ageSeconds: how much older than they are they say to be, for clocks that do not agree.
    /// - Throws: where a file cannot be read or is no PEM of its kind.
    public init(
        authorityPath: String, keyPath: String, uplinkURL: String? = nil, commandKeyPath: String? = nil,
        lifetimeSeconds: Int64 = 365 * 86_400, ageSeconds: Int64 = 86_400
    ) throws {
        authority = try String(contentsOfFile: authorityPath, encoding: .utf8)
        certificate = try Certificate(pemEncoded: authority)
        authorityBytes = try PEMDocument(pemString: authority).derBytes
        key = try P256.Signing.PrivateKey(
            pemRepresentation: try String(contentsOfFile: keyPath, encoding: .utf8))
        commandKey = try commandKeyPath.map { try String(contentsOfFile: $0, encoding: .utf8) }
        self.uplinkURL = uplinkURL
        self.lifetimeSeconds = lifetimeSeconds
        self.ageSeconds = ageSeconds
    }

    /// A signing request that is in order.
    struct Request {
        let name: String
        /// Digest of its public key.
        let keyDigest: ChainHash
        fileprivate let content: CertificateSigningRequest
    }

    /// Reads a request and proves that whoever made it holds the key.
    func read(_ pem: String) throws(PairingRefusal) -> Request {
        guard let request = try? CertificateSigningRequest(pemEncoded: pem),
            request.publicKey.isValidSignature(request.signature, for: request),
            P256.Signing.PublicKey(request.publicKey) != nil
        else { throw .badRequest }
        let names = request.subject.flatMap { $0 }
        guard names.count == 1, let name = names.first, name.type == .RDNAttributeType.commonName else {
            throw .badRequest
        }
        return Request(
            name: String(describing: name.value),
            keyDigest: .of(Array(request.publicKey.subjectPublicKeyInfoBytes)), content: request)
    }

    /// Makes a certificate; what the request asks for beside its key and name is left out.
    /// - Returns: PEM
    func certify(_ request: Request, gateway: GatewayID, now: WallTime) throws -> String {
        let start = Date(timeIntervalSince1970: Double(now.millisecondsSince1970 / 1000 - ageSeconds))
        let made = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: request.content.publicKey, notValidBefore: start,
            notValidAfter: start.addingTimeInterval(Double(ageSeconds + lifetimeSeconds)), issuer: certificate.subject,
            subject: try DistinguishedName { CommonName(gateway.rawValue) }, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.clientAuth])
                SubjectAlternativeNames([.dnsName(gateway.rawValue)])
            }, issuerPrivateKey: .init(key))
        return try made.serializeAsPEM().pemString + "\n"
    }

    /// Counts the wrong secrets.
    func isClosed(now: WallTime) -> Duration? { attempts.withLock { $0.pause(now: now) } }
    func noteWrongSecret(now: WallTime) { attempts.withLock { $0.noteWrong(now: now) } }
}
