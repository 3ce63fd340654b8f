internal import Board
internal import FieldBus
internal import Logging
internal import MeterProfiles
internal import Metering
internal import UplinkHTTP
internal import UplinkPull

/// What came of reading the configuration anew.
public enum ReloadOutcome: Hashable, Sendable {
    /// The keys that are other ones now; none where nothing was different.
    case applied(keys: [String])
    /// Why nothing was changed.
    case refused(String)
    /// Nothing was changed: these keys are changed by a new start alone.
    case needsRestart(keys: [String])

    /// Nil where the configuration is applied.
    public var refusal: String? {
        switch self {
        case .applied: nil
        case .refused(let reason): reason
        case .needsRestart(let keys):
            "\(keys.joined(separator: ", ")) cannot be changed while the daemon runs, so nothing was; "
                + "start it again: systemctl restart meterkeepd"
        }
    }
}

extension RunningGateway {
    /// Reads the configuration anew and applies it: all of it, or nothing. Buses whose entries are the same are
    /// polled on meanwhile; those whose entries changed are closed and opened one by one.
    /// - Parameter mayRestart: ends the daemon, to be started anew, where a key needs that.
    public func reload(mayRestart: Bool = false) async -> ReloadOutcome {
        guard beginReload() else { return .refused("the configuration is being read already; try again") }
        notifier.reloading(status: "reading the configuration")
        let outcome = await readAndApply()
        if case .needsRestart(let keys) = outcome, mayRestart {
            endReload()
            logger.notice("the daemon starts anew", metadata: ["keys": "\(keys.joined(separator: ", "))"])
            failure.set(.reload)
            return outcome
        }
        note(refusal: outcome.refusal)
        notifier.ready(status: await statusLine())
        // Whoever reads what follows may ask for the next at once.
        endReload()
        switch outcome {
        case .applied(let keys):
            logger.notice(
                "the configuration is applied",
                metadata: ["changed": "\(keys.isEmpty ? "nothing" : keys.joined(separator: ", "))"])
        case .refused, .needsRestart:
            logger.error(
                "the configuration is refused; the one before stays in use",
                metadata: ["reason": "\(outcome.refusal ?? "")"])
        }
        return outcome
    }

    private func readAndApply() async -> ReloadOutcome {
        do {
            let read = try readConfiguration()
            let new = read.configuration
            let files = ConsumerFiles(new)
            let change = ConfigurationChange(from: configuration, to: new, files: (consumerFiles, files))
            guard change.needingRestart.isEmpty else { return .needsRestart(keys: change.needingRestart) }
            let profiles = try ProfileFolder.load(new.profilesPath)
            let policy = try CommandPolicy(new)
            try await check(new, profiles: profiles)
            let pull = change.changesPull ? try makePull(new) : nil
            let broker = change.changesBroker ? try makeBroker(new) : nil
            // Last: an HTTP client that is let go without its shutdown ends the program.
            let uplink = change.changesUplink ? try makeUplink(new) : nil
            // From here on nothing can fail.
            let hasNewProfiles = profiles.all != self.profiles.all
            keep(new, profiles: profiles)
            await site.apply(new, profiles: profiles, policy: policy)
            await settings.apply(new.meterSettings, profiles: profiles)
            await telemetry.apply(new, at: clock.now())
            let terms = BusTerms(periods: new.periods, profiles: profiles)
            for mailbox in mailboxes.values { mailbox.setTerms(terms) }
            if hasNewProfiles { await site.rebuild() }
            for bus in change.endingBuses {
                await replace(bus, with: change.startingBuses.first { $0.id == bus })
            }
            for bus in change.startingBuses where !change.endingBuses.contains(bus.id) {
                await replace(bus.id, with: bus)
            }
            if change.changesUplink { await replace(uplink: uplink) }
            if change.changesPull { await replace(pull: pull) }
            if change.changesBroker { await replace(broker: broker) }
            keep(consumerFiles: files)
            keep(lastGood: read.text)
            await site.note(configurationChanged: change.keys)
            return .applied(
                keys: change.keys + (hasNewProfiles && !change.keys.contains("profiles") ? ["profiles"] : []))
        } catch {
            return .refused("\(error)")
        }
    }

    /// What the installed devices need must be there.
    private func check(_ new: GatewayConfiguration, profiles: ProfileLibrary) async throws(GatewayProblem) {
        let buses = Set(new.buses.map(\.id))
        let devices = await site.installedDevices()
        let stranded = devices.filter { !buses.contains($0.address.bus) }
        if let first = stranded.first {
            throw .configuration(
                "bus \(first.address.bus) is not in the file, but \(stranded.count) devices are installed on buses that "
                    + "are not, \(first.id) among them; keep the bus, or import them with another one first")
        }
        if let device = devices.first(where: { profiles[$0.profile] == nil }) {
            throw .configuration(
                "the profile \(device.profile) is not in \(new.profilesPath), but \(device.id) needs it; put its file back"
            )
        }
    }

    /// Ends a bus, where there is one, and begins its successor, where there is one.
    private func replace(_ bus: BusID, with successor: BusConfiguration?) async {
        await parts.stop(.bus(bus))
        progress.forget(.poll, BusService.loopName(bus))
        removePort(of: bus)
        if let successor { addPort(for: successor) }
        await site.replaceMailbox(of: bus, with: successor.map { _ in BusMailbox() })
        if let successor { await start(successor) }
    }

    private func replace(uplink: UplinkService?) async {
        await parts.stop(.uplink)
        progress.forget(.uplink)
        keep(uplink: uplink)
        await startUplink()
    }

    private func replace(pull: PullServer?) async {
        await parts.stop(.pull)
        keep(pull: pull)
        await startPull()
    }

    private func replace(broker: BrokerService?) async {
        await parts.stop(.broker)
        keep(broker: broker)
        await startBroker()
    }
}
