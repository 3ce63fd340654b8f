internal import Foundation
private import NIOSSL

/// From when to when the certificates on this box are valid: the authority's and its own.
struct CertificateDates: Sendable {
    private struct Validity: Sendable {
        let path: String
        let begins: Date
        let ends: Date
    }

    private let validities: [Validity]

    /// What cannot be read says nothing here; it is refused elsewhere.
    init(_ address: PlatformAddress) {
        validities = [address.authorityPath, address.certificatePath].flatMap { path in
            ((try? NIOSSLCertificate.fromPEMFile(path)) ?? []).map { certificate in
                Validity(
                    path: path, begins: Date(timeIntervalSince1970: TimeInterval(certificate.notValidBefore)),
                    ends: Date(timeIntervalSince1970: TimeInterval(certificate.notValidAfter)))
            }
        }
    }

    /// Why a connection had to fail at the time that the box's clock shows, and what to do; nil where it had not
    /// to. A certificate that is not valid yet means the clock: nobody installs one that is of no use.
    func problem(at now: Date) -> String? {
        if let early = validities.filter({ now < $0.begins }).max(by: { $0.begins < $1.begins }) {
            return "the clock shows \(Self.text(now)), before \(early.path) begins to be valid "
                + "(\(Self.text(early.begins))); connect a time source (timedatectl), or set the clock with 'date --set'"
        }
        if let late = validities.filter({ now > $0.ends }).min(by: { $0.ends < $1.ends }) {
            return "\(late.path) was valid until \(Self.text(late.ends)), and the clock shows \(Self.text(now)); "
                + "get a new certificate from the platform, or correct the clock"
        }
        return nil
    }

    /// For a platform whose own certificate was not believed, though those of the box are valid.
    static func doubt(at now: Date) -> String { "is the clock right? It shows \(text(now)). " }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
