internal import AsyncHTTPClient
private import Foundation
internal import NIOSSL

extension PlatformAddress {
    /// Reads the certificates without connecting.
    func tls() throws(UplinkSetupError) -> TLSConfiguration {
        guard url.hasPrefix("https://"), let parsed = URL(string: url), parsed.host() != nil else {
            throw UplinkSetupError(
                path: url, reason: "is no HTTPS address",
                remedy: "write 'url' like https://platform.example:8443")
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        // The library's own default is TLS 1.0.
        tls.minimumTLSVersion = minimumTLS == .v13 ? .tlsv13 : .tlsv12
        tls.certificateVerification = .fullVerification
        tls.trustRoots = .certificates(
            try Self.load(authorityPath, "ask the platform for its CA certificate") {
                try NIOSSLCertificate.fromPEMFile($0)
            })
        tls.certificateChain = try Self.load(certificatePath, "enrol the gateway to get its certificate") {
            try NIOSSLCertificate.fromPEMFile($0).map { .certificate($0) }
        }
        tls.privateKey = .privateKey(
            try Self.load(keyPath, "enrol the gateway again, the key cannot be recovered") {
                try NIOSSLPrivateKey(file: $0, format: .pem)
            })
        do { _ = try NIOSSLContext(configuration: tls) } catch {
            throw UplinkSetupError(
                path: keyPath, reason: "does not belong to \(certificatePath)",
                remedy: "put the key there that the certificate was made for")
        }
        return tls
    }

    private static func load<Value>(
        _ path: String, _ remedy: String, _ read: (String) throws -> Value
    ) throws(UplinkSetupError) -> Value {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw UplinkSetupError(
                path: path, reason: "is missing or may not be read",
                remedy: "correct the path under 'uplink', or \(remedy)")
        }
        do { return try read(path) } catch {
            throw UplinkSetupError(path: path, reason: "is not in PEM form (\(error))", remedy: remedy)
        }
    }

    /// Where the proxy is and who the gateway is there; nil without one.
    func proxyServer() throws(UplinkSetupError) -> HTTPClient.Configuration.Proxy? { try Self.proxyServer(proxy) }

    static func proxyServer(_ proxy: String?) throws(UplinkSetupError) -> HTTPClient.Configuration.Proxy? {
        guard let proxy else { return nil }
        guard let url = URL(string: proxy), url.scheme == "http", let host = url.host(), let port = url.port else {
            throw UplinkSetupError(
                path: "uplink.proxy", reason: "is no proxy's address",
                remedy: "write it like http://proxy.example:3128")
        }
        guard let user = url.user() else { return .server(host: host, port: port) }
        return .server(
            host: host, port: port, authorization: .basic(username: user, password: url.password() ?? ""))
    }
}
