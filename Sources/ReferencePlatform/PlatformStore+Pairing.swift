internal import GRDB
public import Metering
public import UplinkProtocol

extension PlatformStore {
    /// Makes a code with which a box becomes this gateway, once. Its secret is not kept, only the digest of it.
    public func pair(
        _ gateway: GatewayID, office: CertificateOffice, for time: Duration, now: WallTime
    ) throws -> PairingCode {
        var generator = SystemRandomNumberGenerator()
        let code = PairingCode(authority: office.authorityBytes, using: &generator)
        try write { database in
            try database.execute(
                sql: "INSERT INTO pairing (secret, gateway, expires_at) VALUES (?, ?, ?)",
                arguments: [
                    Self.digest(code.secret), gateway.rawValue, (now + time).millisecondsSince1970,
                ])
        }
        return code
    }

    /// Lets a box in, in one transaction: the code is used when this returns.
    /// - Throws: `PairingRefusal`
    func enrol(_ request: EnrolmentRequest, office: CertificateOffice, now: WallTime) throws -> IssuedIdentity {
        if office.isClosed(now: now) != nil { throw PairingRefusal.tooManyAttempts }
        let secret = Self.digest(request.secret)
        guard let offer = try offer(secret) else {
            office.noteWrongSecret(now: now)
            throw PairingRefusal.unknownCode
        }
        let signing = try office.read(request.signingRequest)
        guard signing.name == request.gateway.rawValue else { throw PairingRefusal.badRequest }
        switch offer.judge(gateway: request.gateway, key: signing.keyDigest, now: now) {
        case .refuse(let refusal):
            if refusal == .wrongGateway {
                try write { database in
                    try database.execute(
                        sql: "UPDATE pairing SET wrong_gateways = wrong_gateways + 1 WHERE secret = ?",
                        arguments: [secret])
                }
            }
            throw refusal
        case .issue, .repeatAnswer:
            return try write { database in
                // Two boxes at once: the first one has it.
                try database.execute(
                    sql: "UPDATE pairing SET used_by = ?1 WHERE secret = ?2 AND (used_by IS NULL OR used_by = ?1)",
                    arguments: [signing.keyDigest.description, secret])
                guard database.changesCount == 1 else { throw PairingRefusal.usedCode }
                return try Self.issue(signing, gateway: request.gateway, office: office, now: now, in: database)
            }
        }
    }

    /// Makes the next certificate of a gateway that has proved who it is.
    func renew(
        _ request: RenewalRequest, gateway: GatewayID, office: CertificateOffice, now: WallTime
    ) throws -> IssuedIdentity {
        let signing = try office.read(request.signingRequest)
        guard signing.name == gateway.rawValue else { throw PairingRefusal.badRequest }
        return try write { try Self.issue(signing, gateway: gateway, office: office, now: now, in: $0) }
    }

    /// How many certificates were made for a gateway.
    public func certificates(of gateway: GatewayID) throws -> Int {
        try write { database in
            try Int.fetchOne(
                database, sql: "SELECT count(*) FROM issued WHERE gateway = ?", arguments: [gateway.rawValue]) ?? 0
        }
    }

    /// The certificate for a key: the one that was made for it, or a new one.
    private static func issue(
        _ signing: CertificateOffice.Request, gateway: GatewayID, office: CertificateOffice, now: WallTime,
        in database: Database
    ) throws -> IssuedIdentity {
        let key = signing.keyDigest.description
        let known = try Row.fetchOne(
            database, sql: "SELECT gateway, certificate FROM issued WHERE key = ?", arguments: [key])
        let certificate: String
        if let known {
            guard known["gateway"] as String == gateway.rawValue else { throw PairingRefusal.badRequest }
            certificate = known["certificate"]
        } else {
            certificate = try office.certify(signing, gateway: gateway, now: now)
            try database.execute(
                sql: "INSERT INTO issued VALUES (?, ?, ?, ?)",
                arguments: [key, gateway.rawValue, now.millisecondsSince1970, certificate])
            try database.execute(
                sql: """
                    DELETE FROM issued WHERE gateway = ?1 AND key NOT IN
                        (SELECT key FROM issued WHERE gateway = ?1 ORDER BY at DESC, key LIMIT 20)
                    """, arguments: [gateway.rawValue])
        }
        return IssuedIdentity(
            gateway: gateway, certificate: certificate, authority: office.authority, url: office.uplinkURL,
            commandKey: office.commandKey)
    }

    private func offer(_ secret: String) throws -> PairingOffer? {
        try write { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM pairing WHERE secret = ?", arguments: [secret]),
                let gateway = GatewayID(rawValue: row["gateway"])
            else { return nil }
            return PairingOffer(
                gateway: gateway, expiresAt: WallTime(millisecondsSince1970: row["expires_at"]),
                wrongGateways: row["wrong_gateways"],
                usedBy: (row["used_by"] as String?).flatMap(ChainHash.init(hexadecimal:)))
        }
    }

    private static func digest(_ secret: String) -> String { ChainHash.of(Array(secret.utf8)).description }
}
