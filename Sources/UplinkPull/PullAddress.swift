private import Foundation
internal import NIOSSL

/// Where consumers ask, and which ones may.
public struct PullAddress: Hashable, Sendable {
    /// A platform that pulls. It is known by its certificate, not by a name in it.
    public struct Consumer: Hashable, Sendable {
        /// Its cursors go under this name.
        public let name: String
        /// PEM: its certificates; more than one while one replaces the other.
        public let certificatePath: String

        public init(name: String, certificatePath: String) {
            self.name = name
            self.certificatePath = certificatePath
        }
    }

    public let host: String
    /// 0 takes a free one.
    public let port: Int
    /// PEM: the authority that the consumers' certificates are from.
    public let authorityPath: String
    /// PEM: the gateway's certificate for this endpoint.
    public let certificatePath: String
    /// PEM
    public let keyPath: String
    /// Whether TLS 1.2 will do.
    public let allowsTLS12: Bool
    public let consumers: [Consumer]

    public init(
        host: String, port: Int, authorityPath: String, certificatePath: String, keyPath: String, allowsTLS12: Bool,
        consumers: [Consumer]
    ) {
        self.host = host
        self.port = port
        self.authorityPath = authorityPath
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.allowsTLS12 = allowsTLS12
        self.consumers = consumers
    }
}

/// Why the endpoint cannot be set up: which file, and what to do.
public struct PullSetupError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String
    public let remedy: String

    public var description: String { "\(path): \(reason); \(remedy)" }
}

extension PullAddress {
    /// Reads the certificates without listening.
    public func check() throws(PullSetupError) {
        _ = try tls()
        _ = try consumersByCertificate()
    }

    func tls() throws(PullSetupError) -> TLSConfiguration {
        let chain = try Self.load(certificatePath) { try NIOSSLCertificate.fromPEMFile($0) }
        let key = try Self.load(keyPath) { try NIOSSLPrivateKey(file: $0, format: .pem) }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.minimumTLSVersion = allowsTLS12 ? .tlsv12 : .tlsv13
        tls.trustRoots = .certificates(try Self.load(authorityPath) { try NIOSSLCertificate.fromPEMFile($0) })
        // Clients have no host names; who they are is compared with the registered certificates.
        tls.certificateVerification = .noHostnameVerification
        do { _ = try NIOSSLContext(configuration: tls) } catch {
            throw PullSetupError(
                path: keyPath, reason: "does not belong to \(certificatePath)",
                remedy: "put the key there that the certificate was made for")
        }
        return tls
    }

    func consumersByCertificate() throws(PullSetupError) -> [[UInt8]: String] {
        var names: [[UInt8]: String] = [:]
        for consumer in consumers {
            let certificates = try Self.load(consumer.certificatePath) {
                try NIOSSLCertificate.fromPEMFile($0).map { try $0.toDERBytes() }
            }
            for certificate in certificates {
                if let other = names.updateValue(consumer.name, forKey: certificate), other != consumer.name {
                    throw PullSetupError(
                        path: consumer.certificatePath, reason: "is the certificate of consumer '\(other)' too",
                        remedy: "give each consumer its own")
                }
            }
        }
        return names
    }

    private static func load<Value>(
        _ path: String, _ read: (String) throws -> Value
    ) throws(PullSetupError) -> Value {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw PullSetupError(
                path: path, reason: "is missing or may not be read", remedy: "correct the path under 'pull'")
        }
        do { return try read(path) } catch {
            throw PullSetupError(
                path: path, reason: "is not in PEM form (\(error))", remedy: "put the PEM file there")
        }
    }
}
