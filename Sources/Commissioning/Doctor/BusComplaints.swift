private import BusSurvey
private import Metering

/// Rules about lines and what hangs on them. What many devices of a line share is said once.
extension Diagnosis {
    static func busComplaints(_ findings: Findings) -> [Complaint] {
        let buses = Set(findings.devices.map(\.address.bus)).union(findings.lines.map(\.bus)).sorted()
        return buses.flatMap { bus -> [Complaint] in
            // Where the port is the trouble, no device can be asked.
            let port = findings.ports.first { $0.bus == bus }
            if let port, port.condition != .usable, port.condition != .inUse { return [] }
            let devices = findings.devices.filter { $0.address.bus == bus }.sorted { $0.address < $1.address }
            let remarks = findings.lines.filter { $0.bus == bus }.flatMap(\.findings)
            return silence(of: bus, devices) + remarks.prefix(mostOfAKind).map { remark(bus, $0) }
        }
    }

    private static func remark(_ bus: BusID, _ words: String) -> Complaint {
        let parts = words.split(separator: ";", maxSplits: 1).map(String.init)
        let remedy = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "watch it: meterkeep trace --bus \(bus)"
        return Complaint(.likely, "bus \(bus)", parts.first ?? words, [remedy])
    }

    private static func silence(of bus: BusID, _ devices: [DeviceState]) -> [Complaint] {
        // One that was not asked yet says nothing.
        let asked = devices.filter { $0.noData != .neverRead }
        let lost = asked.filter { $0.noData != nil }
        guard !lost.isEmpty else { return [] }
        if lost.count == asked.count, lost.count > 1 { return [wholeBus(bus, lost)] }
        let broken = lost.filter { $0.noData == .badFrame || $0.noData == .wrongUnit }
        if lost.count > 2, broken.count * 2 > lost.count { return [spoiledLine(bus, lost, of: asked)] }
        if let tail = tail(bus, lost, of: asked) { return [tail] }
        if let moment = together(bus, lost, of: asked) { return [moment] }
        return lost.prefix(mostOfAKind).map(single)
            + (lost.count > mostOfAKind
                ? [
                    Complaint(
                        .possible, "bus \(bus)", "\(lost.count - mostOfAKind) more devices bring nothing",
                        ["mend those above first, then run this again"])
                ] : [])
    }

    private static func wholeBus(_ bus: BusID, _ lost: [DeviceState]) -> Complaint {
        let isGarbled = lost.contains { $0.noData == .badFrame || $0.noData == .wrongUnit }
        if isGarbled {
            return Complaint(
                .likely, "bus \(bus)", "none of \(lost.count) devices can be understood: what comes is broken",
                [
                    "check rate and format in gateway.yaml against the meters: meterkeep scan --bus \(bus)",
                    "check that the line ends in 120 ohm at both ends and nowhere else",
                    "another program or master may speak on this line: disconnect it",
                ])
        }
        return Complaint(
            .likely, "bus \(bus)", "none of \(lost.count) devices answers",
            [
                "check the plug at the box and the supply of the meters: one cause for all",
                "swap A and B at the box",
                "check rate and format: meterkeep scan --bus \(bus)",
                "take everything off but the nearest meter, then add the others again one by one",
            ])
    }

    private static func spoiledLine(_ bus: BusID, _ lost: [DeviceState], of asked: [DeviceState]) -> Complaint {
        Complaint(
            .likely, "bus \(bus)", "answers of \(lost.count) of \(asked.count) devices come broken: \(units(lost))",
            [
                "look for a bad joint or a wet box on the way to them",
                "check that the line ends in 120 ohm at both ends and nowhere else, and that its screen is earthed once",
                "lay it away from motor and inverter cables",
                "try a lower rate",
            ])
    }

    /// Addresses mostly follow the cable: where all above one are silent, it is broken there.
    private static func tail(_ bus: BusID, _ lost: [DeviceState], of asked: [DeviceState]) -> Complaint? {
        guard lost.count > 1, Array(asked.suffix(lost.count)) == lost,
            let last = asked.dropLast(lost.count).last, let first = lost.first
        else { return nil }
        return Complaint(
            .likely, "bus \(bus)",
            "all \(lost.count) devices from unit \(first.address.unit) on are silent, unit \(last.address.unit) still "
                + "answers",
            [
                "look for a broken wire between \(last.meter) (unit \(last.address.unit)) and \(first.meter) "
                    + "(unit \(first.address.unit)), where addresses follow the cable",
                "check whether those meters have power: one floor or one fuse",
            ])
    }

    private static let oneMoment: Duration = .seconds(120)

    /// Several that fell silent together have one cause.
    private static func together(_ bus: BusID, _ lost: [DeviceState], of asked: [DeviceState]) -> Complaint? {
        let times = lost.compactMap(\.silentFor)
        guard lost.count > 2, times.count == lost.count, let longest = times.max(), let shortest = times.min(),
            longest - shortest <= oneMoment
        else { return nil }
        let minutes = longest.wholeMilliseconds / 60_000
        return Complaint(
            .likely, "bus \(bus)",
            "\(lost.count) of \(asked.count) devices fell silent together, \(minutes) min ago: \(units(lost))",
            [
                "look for what they share: a fuse, a floor, a branch of the cable",
                "ask what was done on the site at that time",
            ])
    }

    private static func single(_ device: DeviceState) -> Complaint {
        let words = InstallerWords.remedy(
            device.noData ?? .timeout, at: device.address, profile: "meter of the model it is installed as")
        let parts = words.split(separator: ";", maxSplits: 1).map(String.init)
        return Complaint(
            .likely, "meter \(device.meter)", parts.first ?? words,
            parts.count > 1 ? [String(parts[1].drop { $0 == " " })] : [])
    }

    private static func units(_ devices: [DeviceState]) -> String {
        "unit " + list(devices.map { String($0.address.unit) })
    }

    static func circuitComplaints(_ findings: Findings) -> [Complaint] {
        func some(
            _ likelihood: Complaint.Likelihood, _ what: String, _ remedies: [String], _ isMeant: (DeviceState) -> Bool
        ) -> [Complaint] {
            let names = findings.devices.filter(isMeant).compactMap { $0.circuit?.rawValue }
            return names.isEmpty ? [] : [Complaint(likelihood, "circuit " + list(names), what, remedies)]
        }
        return some(
            .likely, "the counter jumped; nothing is billed until it makes sense",
            [
                "compare the meter's display with meterkeep meters",
                "if the meter was exchanged or reset: meterkeep replace",
            ]
        ) { $0.isQuarantined }
            + some(
                .likely, "the breaker was opened elsewhere, by hand or by the meter itself",
                ["find out who opened it, and why", "then: meterkeep allow-closing"]
            ) { $0.isOpenedElsewhere }
            + some(
                .possible, "the breaker is held: it is not known whether a recharge has arrived",
                ["bring the uplink back; the platform is asked by itself"]
            ) { $0.doubt == "recharge_unknown" }
            + some(
                .notice, "locked out after overload or a forbidden appliance",
                ["speak with the user, then: meterkeep release"]
            ) { $0.rule == "overload" || $0.rule == "malignant_load" }
            + some(.notice, "locked for maintenance", ["when the work is done: meterkeep unlock"]) {
                $0.rule == "maintenance_lock"
            }
            + some(.notice, "forced off by an operator", ["when that is over: meterkeep mode automatic"]) {
                $0.rule == "forced_off"
            }
            + some(.notice, "waits for its user before it closes", ["meterkeep allow-closing"]) {
                $0.waitsFor == "user"
            }
    }
}
