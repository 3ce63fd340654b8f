internal import Crypto
public import Foundation
internal import SwiftASN1
internal import X509

/// Makes a throwaway authority with certificates for a platform and its gateways: for demonstrations
/// and tests. A real site's keys are made on the box and never leave it.
public enum CertificateMaker {
    /// Writes `ca.pem`, `ca.key`, `platform.pem`, `platform.key`, and for each gateway `NAME.pem`, `NAME.key`.
    /// - Parameter start: when they begin to be valid, for a year.
    public static func make(
        in folder: String, gateways: [String], hosts: [String] = ["localhost"],
        // A day back, for clocks that do not agree.
        validFrom start: Date = Date().addingTimeInterval(-86_400)
    ) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let authorityKey = P256.Signing.PrivateKey()
        let authorityName = try DistinguishedName { CommonName("Meterkeep throwaway CA") }
        let authority = try certificate(
            subject: authorityName, key: authorityKey, issuer: authorityName, issuerKey: authorityKey, start: start,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            })
        try write(try authority.serializeAsPEM().pemString, to: "\(folder)/ca.pem", isSecret: false)
        try write(authorityKey.pemRepresentation, to: "\(folder)/ca.key", isSecret: true)
        let names =
            hosts.map { GeneralName.dnsName($0) } + [
                .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1]))
            ]
        func issue(_ name: String, usage: ExtendedKeyUsage.Usage, alternatives: [GeneralName]) throws {
            let key = P256.Signing.PrivateKey()
            let made = try certificate(
                subject: try DistinguishedName { CommonName(name) }, key: key, issuer: authorityName,
                issuerKey: authorityKey, start: start,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([usage])
                    SubjectAlternativeNames(alternatives)
                })
            try write(try made.serializeAsPEM().pemString, to: "\(folder)/\(name).pem", isSecret: false)
            try write(key.pemRepresentation, to: "\(folder)/\(name).key", isSecret: true)
        }
        try issue("platform", usage: .serverAuth, alternatives: names)
        for gateway in gateways { try issue(gateway, usage: .clientAuth, alternatives: [.dnsName(gateway)]) }
    }

    private static func certificate(
        subject: DistinguishedName, key: P256.Signing.PrivateKey, issuer: DistinguishedName,
        issuerKey: P256.Signing.PrivateKey, start: Date, extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: start,
            notValidAfter: start.addingTimeInterval(86_400 * 365), issuer: issuer, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: .init(issuerKey))
    }

    private static func write(_ text: String, to path: String, isSecret: Bool) throws {
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: isSecret ? 0o600 : 0o644])
        guard isWritten else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path]) }
    }
}
