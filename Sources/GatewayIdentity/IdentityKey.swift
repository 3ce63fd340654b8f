internal import Crypto
internal import Metering
internal import SwiftASN1
internal import X509

/// A key made on this box, P-256 (SEC 2, 2.4.2), and the request for its certificate.
struct IdentityKey {
    private let key: P256.Signing.PrivateKey

    init() { key = P256.Signing.PrivateKey() }

    /// Nil for anything but a P-256 key in PEM form.
    init?(pem: String) {
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) else { return nil }
        self.key = key
    }

    /// PKCS#8
    var pem: String { key.pemRepresentation + "\n" }

    /// PKCS#10 (RFC 2986): the gateway's name as common name, signed with the key.
    func signingRequest(for gateway: GatewayID) throws(IdentityProblem) -> String {
        do {
            let request = try CertificateSigningRequest(
                version: .v1, subject: try DistinguishedName { CommonName(gateway.rawValue) },
                privateKey: .init(key), attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256)
            return try request.serializeAsPEM().pemString + "\n"
        } catch { throw .notOurs("the signing request cannot be made (\(error))") }
    }

    /// Whether a signing request is this key's and names the gateway.
    func made(_ signingRequest: String, for gateway: GatewayID) -> Bool {
        guard let request = try? CertificateSigningRequest(pemEncoded: signingRequest) else { return false }
        return request.publicKey == Certificate.PublicKey(key.publicKey) && request.subject.name == gateway.rawValue
    }

    func belongs(to certificate: Certificate) -> Bool {
        certificate.publicKey == Certificate.PublicKey(key.publicKey)
    }
}

extension DistinguishedName {
    /// The common name, where there is exactly one.
    var name: String? {
        let names = flatMap { $0 }.filter { $0.type == .RDNAttributeType.commonName }
        return names.count == 1 ? names.first.map { String(describing: $0.value) } : nil
    }
}
