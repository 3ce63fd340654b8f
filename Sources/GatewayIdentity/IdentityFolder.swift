public import Metering
public import UplinkProtocol

/// Where a gateway keeps who it is: `1`, `2`, … each with `gateway.key`, `gateway.csr`, `gateway.pem`,
/// `authority.pem` and, where the platform signs commands, `commands.pem`; `current` is a link to the one in use.
/// The next one is made beside it and taken in one step, so that key and certificate always fit.
public struct IdentityFolder: Hashable, Sendable {
    public let path: String

    private static let files = ["gateway.key", "gateway.csr", "gateway.pem", "authority.pem", "commands.pem"]

    /// - Parameter path: absolute; made where it is missing, not what is above it.
    public init(path: String) { self.path = path }

    /// The identity of a data directory.
    public init(dataPath: String) { path = "\(dataPath)/identity" }

    public var certificatePath: String { "\(path)/current/gateway.pem" }
    public var keyPath: String { "\(path)/current/gateway.key" }
    public var authorityPath: String { "\(path)/current/authority.pem" }
    /// Nil where the platform gave no key for commands.
    public var commandKeyPath: String? {
        let file = "\(path)/current/commands.pem"
        return SafeFile.read(file) == nil ? nil : file
    }

    public var isEnrolled: Bool { number > 0 }

    /// From when to when the certificate in use holds; nil without one that can be read.
    public var life: CertificateLife? {
        guard let pem = SafeFile.read(certificatePath), let issued = try? IssuedCertificate(pem: pem) else {
            return nil
        }
        return issued.life
    }

    /// Makes the key of the next identity and its signing request; the same ones until an answer is installed.
    /// - Returns: the signing request in PEM form.
    public func prepare(for gateway: GatewayID) throws(IdentityProblem) -> String {
        let files = SafeFile(likeFolder: above)
        try files.makeFolder(path)
        try files.makeFolder(next)
        if let pem = SafeFile.read("\(next)/gateway.key"), let key = IdentityKey(pem: pem) {
            if let request = SafeFile.read("\(next)/gateway.csr"), key.made(request, for: gateway) { return request }
            return try write(key, for: gateway, files)
        }
        let key = IdentityKey()
        try files.write(key.pem, to: "\(next)/gateway.key", mode: 0o600)
        return try write(key, for: gateway, files)
    }

    /// Takes what the platform answered to the prepared request, and uses it from now on.
    /// - Parameter takesCommandKey: false keeps the key for commands as it is: whoever answers for the platform
    ///   later on must not be able to replace it.
    /// - Throws: where it does not fit; nothing has changed then.
    @discardableResult
    public func install(
        _ issued: IssuedIdentity, for gateway: GatewayID, takesCommandKey: Bool
    ) throws(IdentityProblem) -> CertificateLife {
        guard let pem = SafeFile.read("\(next)/gateway.key"), let key = IdentityKey(pem: pem) else {
            throw .file(path: "\(next)/gateway.key", reason: "is not there any more")
        }
        guard issued.gateway == gateway else { throw .notOurs("it answers '\(issued.gateway)', not '\(gateway)'") }
        let certificate = try IssuedCertificate(pem: issued.certificate)
        try certificate.check(
            gateway: gateway, key: key, authorities: try IssuedCertificate.certificates(issued.authority))
        let commandKey = takesCommandKey ? issued.commandKey : SafeFile.read("\(path)/current/commands.pem")
        if let commandKey, CommandKey(pem: commandKey) == nil {
            throw .notOurs("its key for commands is no Ed25519 key")
        }
        let files = SafeFile(likeFolder: above)
        try files.write(issued.certificate, to: "\(next)/gateway.pem", mode: 0o644)
        try files.write(issued.authority, to: "\(next)/authority.pem", mode: 0o644)
        if let commandKey {
            try files.write(commandKey, to: "\(next)/commands.pem", mode: 0o644)
        }
        let taken = number + 1
        try files.link("\(path)/current", to: String(taken))
        // The one before stays for a look; it is no secret any more, but its key still is one.
        if taken > 2 { SafeFile.remove("\(path)/\(taken - 2)", files: Self.files) }
        return certificate.life
    }

    private func write(
        _ key: IdentityKey, for gateway: GatewayID, _ files: SafeFile
    ) throws(IdentityProblem) -> String {
        let request = try key.signingRequest(for: gateway)
        try files.write(request, to: "\(next)/gateway.csr", mode: 0o644)
        return request
    }

    /// Of the identity in use; 0 without one.
    private var number: Int { SafeFile.target(of: "\(path)/current").flatMap { Int($0) } ?? 0 }
    private var next: String { "\(path)/\(number + 1)" }
    private var above: String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }
}
