private import Foundation
private import UplinkMQTT
internal import UplinkProtocol
private import UplinkPull

/// What the files hold that `pull` and `mqtt` name: a certificate is replaced under the same path.
struct ConsumerFiles: Hashable, Sendable {
    /// By path; nil for what cannot be read.
    let pull: [String: ChainHash?]
    let broker: [String: ChainHash?]

    /// Reads them; to be made before they are used, so that what is replaced meanwhile is another one at the next look.
    init(_ configuration: GatewayConfiguration) {
        let pull = configuration.pull.map { pull in
            [pull.authorityPath, pull.certificatePath, pull.keyPath] + pull.consumers.map(\.certificatePath)
        }
        let broker = configuration.broker?.tls.map { tls in
            [tls.authorityPath, tls.certificatePath, tls.keyPath].compactMap { $0 }
        }
        self.pull = Self.digests(pull ?? [])
        self.broker = Self.digests(broker ?? [])
    }

    private static func digests(_ paths: [String]) -> [String: ChainHash?] {
        Dictionary(
            paths.map { path in (path, FileManager.default.contents(atPath: path).map { ChainHash.of(Array($0)) }) }
        ) { first, _ in first }
    }
}
