public import Metering

/// What a box sends to be let in: `POST /v1/enrol`.
public struct EnrolmentRequest: Hashable, Sendable {
    public let gateway: GatewayID
    /// `PairingCode.secret`
    public let secret: String
    /// PEM: PKCS#10 (RFC 2986) with the gateway's name as common name, signed with the box's key.
    public let signingRequest: String

    public init(gateway: GatewayID, secret: String, signingRequest: String) {
        self.gateway = gateway
        self.secret = secret
        self.signingRequest = signingRequest
    }

    public var json: JSONValue {
        .object([
            "gateway": .string(gateway.rawValue), "secret": .string(secret), "request": .string(signingRequest),
        ])
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "enrolment")
        gateway = try reader.identifier("gateway", Gateway.self)
        secret = try reader.text("secret", longest: 16)
        signingRequest = try reader.text("request", longest: IssuedIdentity.longestPEM)
        try reader.finish()
    }
}

/// What a box with a certificate sends for its next one: `POST /v1/gateways/GATEWAY/renew`.
public struct RenewalRequest: Hashable, Sendable {
    /// As in `EnrolmentRequest`.
    public let signingRequest: String

    public init(signingRequest: String) { self.signingRequest = signingRequest }

    public var json: JSONValue { .object(["request": .string(signingRequest)]) }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "renewal")
        signingRequest = try reader.text("request", longest: IssuedIdentity.longestPEM)
        try reader.finish()
    }
}

/// What the platform answers to both. PEM everywhere.
public struct IssuedIdentity: Hashable, Sendable {
    public let gateway: GatewayID
    /// The gateway's certificate, and what stands between it and the authority.
    public let certificate: String
    /// The authorities to believe from now on.
    public let authority: String
    /// Where the gateway is to send to; nil: where it asked.
    public let url: String?
    /// Ed25519: commands are signed with it; nil: TLS is enough.
    public let commandKey: String?

    static let longestPEM = 16_384

    public init(
        gateway: GatewayID, certificate: String, authority: String, url: String? = nil, commandKey: String? = nil
    ) {
        self.gateway = gateway
        self.certificate = certificate
        self.authority = authority
        self.url = url
        self.commandKey = commandKey
    }

    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "gateway": .string(gateway.rawValue), "certificate": .string(certificate),
            "authority": .string(authority),
        ]
        members["url"] = url.map(JSONValue.string)
        members["command_key"] = commandKey.map(JSONValue.string)
        return .object(members)
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "answer")
        gateway = try reader.identifier("gateway", Gateway.self)
        certificate = try reader.text("certificate", longest: Self.longestPEM)
        authority = try reader.text("authority", longest: Self.longestPEM)
        url = try reader.optionalText("url")
        commandKey = try reader.optionalText("command_key", longest: 1_024)
        try reader.finish()
    }
}
