public import Metering

/// Why a platform lets a box in no further, in the order in which it is checked.
public enum PairingRefusal: String, Error, Hashable, Sendable, CaseIterable {
    /// Too many wrong secrets came; nobody is heard for a while.
    case tooManyAttempts = "too_many_attempts"
    /// No code has this secret.
    case unknownCode = "unknown_code"
    /// The request is no signing request, names another gateway, or is not signed with the key in it.
    case badRequest = "bad_request"
    /// The code was given out for another gateway.
    case wrongGateway = "wrong_gateway"
    /// The code was used, by another key.
    case usedCode = "used_code"
    case expiredCode = "expired_code"

    /// What the installer is to do.
    public var remedy: String {
        switch self {
        case .tooManyAttempts: "too many wrong codes came to this platform; wait a minute and try again"
        case .unknownCode: "the platform does not know this code; compare it, or have a new one made"
        case .wrongGateway:
            "this code is for another gateway, and is void after a few such attempts; correct 'gateway', or have a "
                + "code made for this one"
        case .usedCode: "this code was used by another box; have a new one made, and find out which box that was"
        case .expiredCode: "this code is too old; have a new one made"
        case .badRequest: "the platform cannot take the signing request; update meterkeep and try again"
        }
    }
}

/// A pairing code as the platform keeps it, and what became of it.
public struct PairingOffer: Hashable, Sendable {
    public let gateway: GatewayID
    public let expiresAt: WallTime
    /// How often it was shown by a box of another name.
    public let wrongGateways: Int64
    /// Digest of the public key that it was used with; nil: not used yet.
    public let usedBy: ChainHash?

    /// After so many boxes of another name nobody can use it.
    public static let mostWrongGateways: Int64 = 5

    public init(gateway: GatewayID, expiresAt: WallTime, wrongGateways: Int64 = 0, usedBy: ChainHash? = nil) {
        self.gateway = gateway
        self.expiresAt = expiresAt
        self.wrongGateways = wrongGateways
        self.usedBy = usedBy
    }

    public enum Verdict: Hashable, Sendable {
        /// Make a certificate.
        case issue
        /// The answer was lost: give the certificate that was made for this key.
        case repeatAnswer
        case refuse(PairingRefusal)
    }

    /// Judges a box that shows this code. Whoever has the key that a code was used with gets its answer again,
    /// even when the code is too old by then.
    /// - Parameter key: digest of the public key in its request.
    public func judge(gateway asking: GatewayID, key: ChainHash, now: WallTime) -> Verdict {
        guard asking == gateway else { return .refuse(.wrongGateway) }
        if let usedBy { return usedBy == key ? .repeatAnswer : .refuse(.usedCode) }
        guard wrongGateways < Self.mostWrongGateways, now < expiresAt else { return .refuse(.expiredCode) }
        return .issue
    }
}

/// Bounds how fast secrets can be guessed: at most ten wrong ones a minute, from wherever they come. With
/// 50 bits that is 10^8 years for every second code.
public struct AttemptLimit: Hashable, Sendable {
    private var wrong: [WallTime] = []

    public static let most = 10
    public static let window: Duration = .seconds(60)

    public init() {}

    /// How long nobody is heard; nil: now.
    public mutating func pause(now: WallTime) -> Duration? {
        // A clock that was put back forgets what lies in its future.
        wrong.removeAll { $0 + Self.window <= now || $0 > now }
        guard wrong.count >= Self.most, let oldest = wrong.first else { return nil }
        return oldest + Self.window - now
    }

    public mutating func noteWrong(now: WallTime) { wrong.append(now) }
}
