/// Where the platform is and how the gateway proves who it is.
public struct PlatformAddress: Hashable, Sendable {
    public enum MinimumTLS: String, Hashable, Sendable, CaseIterable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// `https://host:port`, without a path.
    public let url: String
    /// PEM: the only authorities that are believed; more than one while one replaces the other.
    public let authorityPath: String
    /// PEM: the gateway's certificate, with its chain.
    public let certificatePath: String
    /// PEM
    public let keyPath: String
    public let minimumTLS: MinimumTLS
    /// `http://host:port` or `http://user:password@host:port` of a proxy that takes CONNECT; nil: none.
    public let proxy: String?

    public init(
        url: String, authorityPath: String, certificatePath: String, keyPath: String, minimumTLS: MinimumTLS,
        proxy: String? = nil
    ) {
        self.url = url
        self.authorityPath = authorityPath
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.minimumTLS = minimumTLS
        self.proxy = proxy
    }
}

/// Why the way upstream cannot be set up: which file, and what to do.
public struct UplinkSetupError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String
    public let remedy: String

    public var description: String { "\(path): \(reason); \(remedy)" }
}
