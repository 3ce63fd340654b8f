private import AsyncHTTPClient
private import Foundation
public import Metering
private import NIOCore
private import NIOHTTP1
private import NIOSSL
private import UplinkProtocol

/// How far one question to the platform came.
public enum PlatformReach: Hashable, Sendable {
    /// It listed its commands, which nobody took.
    case answered
    case status(Int)
    /// A success that is no platform's.
    case strangeAnswer(String)
    case nameUnknown(host: String)
    case unreachable(String)
    case tlsRefused(String)
    case noAnswer(String)
}

/// From when until when a certificate is valid.
public struct CertificateTerm: Hashable, Sendable {
    public let path: String
    public let from: WallTime
    public let until: WallTime
}

/// Looks at the way upstream once, and changes nothing there.
public enum PlatformProbe {
    private static let patience = TimeAmount.seconds(10)
    private static let largestAnswer = 1024 * 1024

    /// The gateway's own certificate and the authority's; of several in a file the one that ends first.
    public static func terms(_ address: PlatformAddress) throws(UplinkSetupError) -> [CertificateTerm] {
        try PlatformClient.check(address)
        return [address.certificatePath, address.authorityPath].compactMap { path in
            let certificates = (try? NIOSSLCertificate.fromPEMFile(path)) ?? []
            guard let first = certificates.min(by: { $0.notValidAfter < $1.notValidAfter }) else { return nil }
            return CertificateTerm(path: path, from: wall(first.notValidBefore), until: wall(first.notValidAfter))
        }
    }

    private static func wall(_ seconds: time_t) -> WallTime {
        WallTime(millisecondsSince1970: Int64(seconds) * 1000)
    }

    /// Asks for the commands from the first on, without waiting for one: that confirms none of them.
    public static func ask(_ address: PlatformAddress, gateway: String) async throws(UplinkSetupError) -> PlatformReach
    {
        let clients = try ClientPair(address)
        let outcome = await ask(clients, address, gateway)
        await clients.shutDown()
        return outcome
    }

    private static func ask(_ clients: ClientPair, _ address: PlatformAddress, _ gateway: String) async -> PlatformReach
    {
        let reached = URL(string: address.proxy ?? address.url)
        if let host = reached?.host(), (try? SocketAddress.makeAddressResolvingHost(host, port: 443)) == nil {
            return .nameUnknown(host: host)
        }
        let base = address.url.hasSuffix("/") ? String(address.url.dropLast()) : address.url
        let request = HTTPClientRequest(url: "\(base)/v1/gateways/\(gateway)/commands?after=0&wait=0")
        do {
            let response = try await clients.commands.execute(request, timeout: patience)
            guard response.status == .ok else { return .status(Int(response.status.code)) }
            let body = try await response.body.collect(upTo: largestAnswer)
            do {
                _ = try CommandList(json: try StrictJSON.parse(Array(body.readableBytesView)))
                return .answered
            } catch { return .strangeAnswer("\(error)") }
        } catch {
            return outcome(of: error)
        }
    }

    private static func outcome(of error: any Error) -> PlatformReach {
        let words = String(String(describing: error).prefix(200))
        if error is NIOSSLError || error is NIOSSLExtraError || words.contains("NIOSSL") || words.contains("SSL") {
            return .tlsRefused(words)
        }
        if let error = error as? HTTPClientError {
            if error == .connectTimeout { return .unreachable("nobody answers") }
            return .noAnswer(words)
        }
        return .unreachable(words)
    }
}
