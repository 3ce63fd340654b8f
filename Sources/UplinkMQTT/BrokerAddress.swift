/// Which broker, and who the gateway is there.
public struct BrokerAddress: Hashable, Sendable {
    public enum Version: String, Hashable, Sendable, CaseIterable {
        case v311 = "3.1.1"
        case v5 = "5"
    }

    /// Files in PEM. Without a certificate of its own the gateway needs a user and a password.
    public struct TLS: Hashable, Sendable {
        public let authorityPath: String
        public let certificatePath: String?
        public let keyPath: String?
        /// Whether TLS 1.2 will do.
        public let allowsTLS12: Bool

        public init(authorityPath: String, certificatePath: String?, keyPath: String?, allowsTLS12: Bool) {
            self.authorityPath = authorityPath
            self.certificatePath = certificatePath
            self.keyPath = keyPath
            self.allowsTLS12 = allowsTLS12
        }
    }

    public let host: String
    public let port: Int
    /// Nil: in the clear, for a broker on the same box.
    public let tls: TLS?
    public let user: String?
    public let password: String?
    public let version: Version
    /// The first part of every topic.
    public let prefix: String

    public init(
        host: String, port: Int, tls: TLS?, user: String? = nil, password: String? = nil, version: Version = .v311,
        prefix: String = "meterkeep"
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.user = user
        self.password = password
        self.version = version
        self.prefix = prefix
    }
}

/// Why the way to the broker cannot be set up, and what to do.
public struct BrokerSetupError: Error, Hashable, Sendable, CustomStringConvertible {
    public let what: String
    public let remedy: String

    public var description: String { "\(what); \(remedy)" }
}

/// The topics of a gateway. All messages have QoS 1.
public struct BrokerTopics: Hashable, Sendable {
    /// Retained: birth, and death as the broker's last word.
    public let state: String
    /// Records, one a message.
    public let ledger: String
    public let telemetry: String
    /// Commands come here.
    public let commands: String
    /// What became of each of them.
    public let results: String

    public init(prefix: String, gateway: String) {
        let root = "\(prefix)/\(gateway)"
        state = "\(root)/state"
        ledger = "\(root)/ledger"
        telemetry = "\(root)/telemetry"
        commands = "\(root)/commands"
        results = "\(root)/results"
    }
}
