private import Foundation
private import GatewayIdentity
internal import Prepaid
public import UplinkProtocol

/// What a site asks of commands.
public struct CommandPolicy: Hashable, Sendable {
    public let limits: CommandLimits
    /// Commands from outside must carry this key's signature; nil: TLS is enough.
    public let key: CommandKey?

    public static let standard = CommandPolicy(limits: .standard)

    public init(limits: CommandLimits, key: CommandKey? = nil) {
        self.limits = limits
        self.key = key
    }

    /// Reads the key that the configuration names, else the one that the platform gave when the box was enrolled.
    public init(_ configuration: GatewayConfiguration) throws(GatewayProblem) {
        guard let path = configuration.commandKeyPath ?? configuration.identity?.commandKeyPath else {
            self.init(limits: configuration.commandLimits)
            return
        }
        guard let pem = try? String(contentsOfFile: path, encoding: .utf8), let key = CommandKey(pem: pem) else {
            throw .configuration(
                "\(path) is no Ed25519 public key in PEM form; correct 'commands.key', or make one with "
                    + "'openssl pkey -in PRIVATE -pubout'")
        }
        self.init(limits: configuration.commandLimits, key: key)
    }
}

extension CommandLimits {
    /// What holds where the configuration says nothing.
    public static let standard = CommandLimits(
        largestAmount: Money(microunits: 100_000_000_000), largestBalance: Money(microunits: 1_000_000_000_000),
        largestPrice: Price(tenThousandths: 10_000_000) ?? .free,
        dailyCredit: CreditLimits(
            perAccount: Money(microunits: 200_000_000_000), perSite: Money(microunits: 5_000_000_000_000)))
}

/// Reads the configuration anew.
public struct ReloadHandler: Sendable {
    /// What is wrong with the configuration as it is in its file now; nil where nothing is.
    public let problem: @Sendable () -> String?
    /// Called when the answer is committed.
    public let apply: @Sendable () -> Void

    public init(problem: @escaping @Sendable () -> String?, apply: @escaping @Sendable () -> Void) {
        self.problem = problem
        self.apply = apply
    }

    public static let unable = ReloadHandler(problem: { "this daemon was not started from a file" }, apply: {})
}
