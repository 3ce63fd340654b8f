internal import Foundation
internal import Metering
internal import SwiftASN1
internal import UplinkProtocol
internal import X509

/// A chain of certificates as the platform gave it: the gateway's first.
struct IssuedCertificate {
    let leaf: Certificate
    private let between: [Certificate]

    init(pem: String) throws(IdentityProblem) {
        let chain = try Self.certificates(pem)
        guard let leaf = chain.first else { throw .notOurs("there is no certificate in its answer") }
        self.leaf = leaf
        between = Array(chain.dropFirst())
    }

    static func certificates(_ pem: String) throws(IdentityProblem) -> [Certificate] {
        do { return try PEMDocument.parseMultiple(pemString: pem).map { try Certificate(pemDocument: $0) } } catch {
            throw .notOurs("a certificate cannot be read (\(error))")
        }
    }

    var life: CertificateLife {
        CertificateLife(from: Self.time(leaf.notValidBefore), until: Self.time(leaf.notValidAfter))
    }

    /// Refuses what is not this gateway's, or not of one of the authorities.
    func check(gateway: GatewayID, key: IdentityKey, authorities: [Certificate]) throws(IdentityProblem) {
        guard key.belongs(to: leaf) else { throw .notOurs("the certificate is for another key") }
        guard leaf.subject.name == gateway.rawValue else {
            throw .notOurs("the certificate is of '\(leaf.subject.name ?? "nobody")', not of '\(gateway)'")
        }
        var last = leaf
        for next in between {
            guard last.issuer == next.subject, next.publicKey.isValidSignature(last.signature, for: last) else {
                throw .notOurs("its certificates do not follow one another")
            }
            last = next
        }
        let isSigned = authorities.contains { authority in
            last.issuer == authority.subject && authority.publicKey.isValidSignature(last.signature, for: last)
        }
        guard isSigned else { throw .notOurs("no authority that it names has signed the certificate") }
    }

    private static func time(_ date: Date) -> WallTime {
        WallTime(millisecondsSince1970: Int64(clamping: Int(date.timeIntervalSince1970) * 1000))
    }
}
