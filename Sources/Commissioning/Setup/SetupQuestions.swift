internal import BusSurvey
internal import MeterProfiles
internal import Metering

/// What is asked, by where the conversation is.
extension SetupConversation {
    var question: SetupQuestion {
        switch stage {
        case .gateway:
            ask(
                .gateway,
                [
                    "How the platform knows this box: \(GatewayID.rule).",
                    "{serial}, {host} and {mac} stand for "
                        + "what the box knows of itself.",
                ],
                "Name of this box", plan.gateway.isEmpty ? usualName : plan.gateway)
        case .timeZone: ask(.timeZone, ["Days, tariffs and timers follow it."], "Time zone", box.timeZone)
        case .ports: portQuestion
        case .meters: meterQuestion
        case .prices: priceQuestion
        case .uplink: uplinkQuestion
        case .write:
            ask(
                .write,
                [
                    "\(plan.gateway): \(plan.buses.count) buses, \(plan.devices.count) devices, "
                        + "\(plan.devices.count { $0.columns["account"] != nil }) customers.",
                    "A configuration that is there already stays; the new one is put beside it.",
                ], "Write the files? (y/n)", "y")
        case .enrol: pairingQuestion
        case .selfTest, .done: testQuestion
        }
    }

    private var priceQuestion: SetupQuestion {
        switch place {
        case .alarm:
            ask(.alarm, ["Below this balance a customer is warned; below half of it, again."], "First alarm at", "10")
        case .opening:
            ask(
                .opening,
                ["What each customer has at the start. AT 0 THE BREAKER OPENS AT ONCE,", "until the first recharge."],
                "Balance at the start", "0")
        default:
            ask(
                .price, ["For all customers; it can be changed for each later."], "Price per kWh or m3",
                plan.customers["price"] ?? "0.5000")
        }
    }

    private func ask(_ name: SetupQuestion.Name, _ lines: [String], _ prompt: String, _ usual: String) -> SetupQuestion
    {
        let all = Stage.allCases.filter { $0 != .done }
        let number = (all.firstIndex(of: stage) ?? all.count - 1) + 1
        let words: [Stage: String] = [
            .gateway: "this box", .timeZone: "time zone", .ports: "buses", .meters: "meters", .prices: "prices",
            .uplink: "platform", .write: "write", .enrol: "enrolment", .selfTest: "self-test",
        ]
        return SetupQuestion(
            name, title: "Step \(number) of \(all.count): \(words[stage] ?? "")", lines: lines, prompt: prompt,
            usual: usual)
    }

    private var usualName: String {
        box.identity.serial != nil ? "SITE-{serial}" : box.identity.mac != nil ? "SITE-{mac}" : "SITE-1"
    }

    // MARK: - Buses

    /// The ports that were not decided about.
    var openPorts: [String] {
        box.ports.keys.filter { port in !leftOut.contains(port) && !plan.buses.contains { $0.port == port } }.sorted()
    }

    var nextBus: String { "bus\(plan.buses.count + 1)" }

    private var portQuestion: SetupQuestion {
        switch place {
        case .tested(_, let wiring): wiringQuestion(wiring)
        case .ranging:
            ask(
                .scanRange,
                [
                    "At which addresses to look: 1-32, or 1-20,100. All 247 take minutes.",
                    "Relay boards often have 100 or more.",
                ], "Addresses", "1-32,100-103")
        case .scanned(_, let devices, let addresses): foundQuestion(devices, addresses)
        default: openPortQuestion
        }
    }

    private var openPortQuestion: SetupQuestion {
        let summary = plan.buses.map { bus in
            "\(bus.id): \(plan.devices.count { $0.bus == bus.id }) devices on \(bus.port)"
        }
        if let port = openPorts.first {
            return ask(
                .usePort,
                summary + ["Port: \(port)"] + [box.ports[port] ?? ""].filter { !$0.isEmpty }.map { "Adapter: \($0)" },
                "Use it as \(nextBus)? (y/n)", "y")
        }
        return ask(
            .otherPort,
            summary + [
                plan.buses.isEmpty ? "No serial port is left. Plug an adapter in and write its name," : "Another port:",
                "a path, or tcp://192.168.1.20:4196?framing=rtu (or tcp). Empty: no more.",
            ], "Another port", "")
    }

    private func wiringQuestion(_ wiring: WiringDiagnosis) -> SetupQuestion {
        let isUsable = wiring.verdict.isUsable
        return ask(
            .wiring,
            [wiring.words] + wiring.remedies.map { "- \($0)" } + ["t: test again, s: search devices, n: next port"],
            "t, s or n", isUsable ? "s" : "t")
    }

    private func foundQuestion(_ devices: [FoundDevice], _ addresses: String) -> SetupQuestion {
        // The title, the question and its hints need the rest of the screen.
        let shown = devices.prefix(14).map { device in
            "unit \(device.unit)  \(device.serial.baud) \(device.serial.formatText)  \(modelWords(device.model))"
        }
        let more = devices.count > 14 ? ["and \(devices.count - 14) more"] : []
        let head = devices.isEmpty ? "Nothing answered at \(addresses)." : "Found \(devices.count):"
        return ask(
            .keepFound,
            [head] + shown + more + ["k: keep, a: look at other addresses, t: test the wiring, n: next port"],
            "k, a, t or n", devices.isEmpty ? "a" : "k")
    }

    func modelWords(_ model: ModelGuess) -> String {
        switch model {
        case .identified(let id): id
        case .ambiguous(let ids), .plausible(let ids): "probably \(ids.prefix(2).joined(separator: " or "))"
        case .unknown: "model not known"
        }
    }

    // MARK: - Meters

    private var meterQuestion: SetupQuestion {
        switch place {
        case .naming(let index) where plan.devices.indices.contains(index):
            let device = plan.devices[index]
            let head = "Device \(index + 1) of \(plan.devices.count): \(device.bus) unit \(device.unit)"
            guard let profile = device.profile else { return modelQuestion(head, device) }
            let isMeter = isMeter(profile)
            return ask(
                .device,
                [head, title(of: profile)]
                    + (isMeter ? ["Name, or name and customer number: M-101 C-1001"] : ["A relay board: its name."])
                    + ["*: the usual names for this and all that follow"],
                isMeter ? "Name, customer" : "Name", device.name.rawValue)
        case .breaker(let index) where plan.devices.indices.contains(index):
            let device = plan.devices[index]
            return ask(
                .breaker,
                [
                    "\(device.name) has no switch of its own. What switches it?", "Board and point: R-100 1",
                    "- : nothing does.",
                ] + boards.prefix(8).map { "\($0.name): points 1-\(points(of: $0))" }, "Board, point",
                nextPoint ?? "-")
        default:
            return ask(.device, ["There is no device."], "Press Enter", "*")
        }
    }

    private func modelQuestion(_ head: String, _ device: SitePlan.Device) -> SetupQuestion {
        let choices = modelChoices(device)
        // Two columns fit a screen.
        let rows = stride(from: 0, to: choices.count, by: 2).map { index in
            let cells = choices[index..<min(index + 2, choices.count)].enumerated().map { offset, id in
                "\(index + offset + 1): \(id)"
            }
            return cells[0] + String(repeating: " ", count: max(1, 36 - cells[0].count))
                + (cells.count > 1 ? cells[1] : "")
        }
        return ask(
            .model,
            [head, "Which model is it? Compare with its type plate."] + rows.map(\.trimmed) + ["0: leave it out"],
            "Number", device.perhaps.isEmpty ? "0" : "1")
    }

    /// Those that it may be come first.
    func modelChoices(_ device: SitePlan.Device) -> [String] {
        let others = profiles.map(\.id).filter { !device.perhaps.contains($0) }.sorted()
        return Array((device.perhaps + others).prefix(30))
    }

    func isMeter(_ profile: String) -> Bool { profiles.first { $0.id == profile }?.billing != nil }

    func hasSwitch(_ profile: String) -> Bool { profiles.first { $0.id == profile }?.relay != nil }

    private func title(of profile: String) -> String { profiles.first { $0.id == profile }?.title ?? profile }

    /// Devices that switch for others.
    var boards: [SitePlan.Device] {
        plan.devices.filter { device in device.profile.map { !isMeter($0) && hasSwitch($0) } ?? false }
    }

    func points(of board: SitePlan.Device) -> Int {
        profiles.first { $0.id == board.profile }?.relay?.points.count ?? 0
    }

    func isTaken(_ board: SitePlan.Device, point: Int) -> Bool {
        plan.devices.contains { device in
            device.columns["breaker_bus"] == board.bus.rawValue && device.columns["breaker_unit"] == String(board.unit)
                && device.columns["breaker_point"] == String(point)
        }
    }

    private var nextPoint: String? {
        for board in boards {
            let count = points(of: board)
            guard count > 0 else { continue }
            if let point = (1...count).first(where: { !isTaken(board, point: $0) }) { return "\(board.name) \(point)" }
        }
        return nil
    }

    // MARK: - Platform and test

    private var uplinkQuestion: SetupQuestion {
        ask(
            .uplink, ["The platform: https://platform.example:8443", "- : none; all stays on the box."],
            "Address of the platform", plan.uplink?.url ?? "-")
    }

    private var pairingQuestion: SetupQuestion {
        ask(
            .pairing,
            [
                "The platform's address for new boxes, and the pairing code of this one:",
                "https://platform.example:8444 XXXX-XXXX-...", "The key is made here and never leaves the box.",
                "- : later, with 'meterkeep enrol'.",
            ], "Address and code", "-")
    }

    private var testQuestion: SetupQuestion {
        if place == .switching {
            return ask(
                .switchTest,
                [
                    "One breaker can be opened and closed again, to hear it.",
                    "WHOEVER IS BEHIND IT LOSES POWER FOR SOME SECONDS.", "Write the circuit's name twice; - : none.",
                ], "Circuit, circuit", "-")
        }
        return ask(
            .selfTest,
            [
                "Starts the daemon, reads every meter and breaker, looks at ledger, clock and",
                "platform, and writes a report for the door.",
            ], "Test now? (y/n)", "y")
    }
}
