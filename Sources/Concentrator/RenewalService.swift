internal import GatewayIdentity
internal import Logging
internal import Metering
internal import Prepaid
internal import UplinkHTTP
internal import UplinkProtocol

/// Asks for the next certificate when two thirds of the lifetime of the one in use are over, with a new key,
/// over the connection that the one in use secures.
struct RenewalService: Sendable {
    let folder: IdentityFolder
    let gateway: GatewayID
    let client: PlatformClient
    let site: SiteService
    let clock: GatewayClock
    let logger: Logger

    /// Between two renewals, even where a platform gives certificates that are due at once.
    private static let pauseAfterSuccess: Duration = .seconds(60)

    /// Runs until the task is cancelled.
    func run() async {
        var isAlarmRaised = false
        while !Task.isCancelled {
            guard let life = folder.life else {
                try? await Task.sleep(for: .seconds(60))
                continue
            }
            let now = clock.now()
            switch life.task(at: now) {
            case .wait(let pause): try? await Task.sleep(for: pause)
            case .renew(let pause):
                do {
                    try await renew()
                    isAlarmRaised = false
                    try? await Task.sleep(for: Self.pauseAfterSuccess)
                } catch {
                    logger.error(
                        "the certificate cannot be renewed; trying again",
                        metadata: ["reason": "\(error)", "until_ms": "\(life.until.millisecondsSince1970)"])
                    if !isAlarmRaised, now.wall >= life.alarmDue {
                        isAlarmRaised = true
                        await site.note(
                            Event(
                                .certificateExpiring, .gateway,
                                ["until_ms": String(life.until.millisecondsSince1970)]), at: now)
                    }
                    try? await Task.sleep(for: pause)
                }
            }
        }
    }

    private func renew() async throws {
        let request = RenewalRequest(signingRequest: try folder.prepare(for: gateway))
        let issued = try await client.renew(request)
        let life = try folder.install(issued, for: gateway, takesCommandKey: false)
        let until = String(life.until.millisecondsSince1970)
        logger.notice("the certificate is renewed", metadata: ["until_ms": "\(until)"])
        await site.note(Event(.certificateRenewed, .gateway, ["until_ms": until]), at: clock.now())
    }
}
