internal import Logging
internal import MeterProfiles
internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

extension SiteService {
    /// Takes what another configuration says of the site.
    func apply(_ configuration: GatewayConfiguration, profiles: ProfileLibrary, policy: CommandPolicy) {
        self.profiles = profiles
        staleAfter = configuration.staleAfter
        supplyLimits = configuration.supplyLimits
        commandPolicy = policy
        ledger.wait(for: configuration.consumers)
        if director.closings.gap != configuration.closingGap {
            director.closings = ClosingPlanner(gap: configuration.closingGap)
        }
        nextLooks = groups.mapValues { _ in .zero }
    }

    /// Builds the circuits anew: a profile says how a counter is judged and where a relay is.
    func rebuild() async {
        let marks = await telemetry.lastAccepted()
        do { load(try ledger.site(), lastAccepted: marks) } catch {
            logger.critical("the site cannot be read back", metadata: ["reason": "\(error)"])
            onLedgerLost(error)
        }
    }

    /// Everything installed, by address.
    func installedDevices() -> [SiteMeter] { meters.values.sorted { $0.address < $1.address } }

    /// A bus was ended and maybe another one stands in its place: tells that one what it is to poll. Orders that the
    /// old one did not carry out end as unknown; who waits for them would wait forever.
    func replaceMailbox(of bus: BusID, with successor: BusMailbox?) async {
        let learned = await telemetry.learnedHoles()
        let old = mailboxes.replace(bus, with: successor)
        if let successor {
            successor.setLearned(learned)
            successor.setDevices(meters.values.filter { $0.address.bus == bus })
            successor.setFast(fastMeters.filter { meters[$0]?.address.bus == bus })
            // Told again by the next look at the time.
            toldBoundary = nil
        }
        // Orders go out on this actor alone: none has come since.
        while let order = old?.takeOrder() { await take(.orderEnded(order, readBack: nil, at: clock.now())) }
    }

    func note(configurationChanged keys: [String]) {
        guard !keys.isEmpty else { return }
        note(
            Event(.settingsChanged, .gateway, ["setting": "configuration", "changed": keys.joined(separator: " ")]),
            at: clock.now())
    }
}
