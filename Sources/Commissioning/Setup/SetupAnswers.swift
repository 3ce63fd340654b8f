internal import BusSurvey
internal import MeterProfiles
internal import Metering
internal import Prepaid

/// What answers do. Each gives back why it was refused, with what to write; nil where it was taken.
extension SetupConversation {
    mutating func takeAnswer(_ text: String, to name: SetupQuestion.Name) -> String? {
        switch name {
        case .gateway: takeName(text)
        case .timeZone: takeTimeZone(text)
        case .usePort, .otherPort, .wiring, .scanRange, .keepFound: takePort(text, to: name)
        case .model: takeModel(text)
        case .device: takeDevice(text)
        case .breaker: takeBreaker(text)
        case .price, .alarm, .opening: takePrice(text, to: name)
        case .uplink, .pairing: takeUplink(text, to: name)
        case .write:
            choose(text) {
                $0.place = .writing
            } no: {
                $0.stage = .done
            }
        case .selfTest:
            choose(text) {
                $0.place = .switching
            } no: {
                $0.stage = .done
            }
        case .switchTest: takeSwitching(text)
        }
    }

    private mutating func choose(
        _ text: String, yes: (inout Self) -> Void, no: (inout Self) -> Void
    ) -> String? {
        switch text.lowercased() {
        case "y", "yes": yes(&self)
        case "n", "no": no(&self)
        default: return "'\(text)' is neither y nor n."
        }
        return nil
    }

    private mutating func takeName(_ text: String) -> String? {
        do { _ = try box.identity.name(from: text) } catch { return error.description }
        plan.gateway = text
        stage = .timeZone
        return nil
    }

    private mutating func takeTimeZone(_ text: String) -> String? {
        guard box.knowsTimeZone(text) else { return "'\(text)' is unknown; write an IANA name like Asia/Shanghai." }
        plan.timeZone = text
        stage = .ports
        return nil
    }

    // MARK: - Buses

    private mutating func takePort(_ text: String, to name: SetupQuestion.Name) -> String? {
        switch (name, place) {
        case (.usePort, _):
            guard let port = openPorts.first else { return nil }
            return choose(text) {
                $0.place = .testing(port: port)
            } no: {
                $0.leftOut.insert(port)
            }
        case (.otherPort, _): return takeOtherPort(text)
        case (.wiring, .tested(let port, let wiring)):
            switch text.lowercased() {
            case "t": place = .testing(port: port)
            case "s": place = .ranging(port: port, wiring)
            case "n": leave(port)
            default: return "'\(text)' is none of t, s, n."
            }
        case (.scanRange, .ranging(let port, let wiring)):
            let bus = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
            do {
                _ = try ScanRange(
                    rates: "", formats: "", units: text, timeoutMilliseconds: nil, isThorough: false, bus: bus,
                    profiles: [])
            } catch { return error.description }
            place = .scanning(port: port, wiring, addresses: text)
        case (.keepFound, .scanned(let port, let devices, let addresses)):
            switch text.lowercased() {
            case "k" where !devices.isEmpty: keep(devices, on: port, scan: addresses)
            case "k": return "There is nothing to keep; a: look elsewhere, n: next port."
            case "a": place = .ranging(port: port, WiringDiagnosis(WiringEvidence()))
            case "t": place = .testing(port: port)
            case "n": leave(port)
            default: return "'\(text)' is none of k, a, t, n."
            }
        default: break
        }
        return nil
    }

    private mutating func leave(_ port: String) {
        leftOut.insert(port)
        place = .start
    }

    private mutating func takeOtherPort(_ text: String) -> String? {
        if text.isEmpty || text == "-" {
            guard !plan.buses.isEmpty else {
                return "A box without a bus measures nothing; name a port, or q to leave."
            }
            stage = plan.devices.isEmpty ? .uplink : .meters
            place = plan.devices.isEmpty ? .start : .naming(0)
            return nil
        }
        guard plan.buses.count < Self.mostBuses else { return "A box has \(Self.mostBuses) buses at most." }
        guard text.hasPrefix("/") || text.hasPrefix("tcp://"), !text.contains(" ") else {
            return "'\(text)' is no port; write a path or tcp://192.168.1.20:4196?framing=rtu."
        }
        guard !plan.buses.contains(where: { $0.port == text }) else { return "\(text) is a bus already." }
        place = .testing(port: text)
        return nil
    }

    private mutating func keep(_ devices: [FoundDevice], on port: String, scan: String) {
        guard let id = BusID(rawValue: nextBus) else { return }
        let sheet = ScanSheet(bus: id, port: port, configured: nil, found: devices)
        plan.buses.append(SitePlan.Bus(id: id, port: port, serial: sheet.serial, scan: scan))
        // What answers in another format needs another rate first, or another bus.
        for device in devices where device.serial == sheet.serial {
            let profile = device.model.profile
            let isBoard = profile.map { !isMeter($0) } ?? false
            let number = plan.buses.count == 1 ? "\(device.unit)" : "\(plan.buses.count)-\(device.unit)"
            guard let name = MeterID(rawValue: (isBoard ? "R-" : "M-") + number) else { continue }
            plan.devices.append(
                SitePlan.Device(
                    name: name, bus: id, unit: device.unit, profile: profile,
                    perhaps: profile == nil ? device.model.candidates : []))
        }
        let others = devices.filter { $0.serial != sheet.serial }
        if !others.isEmpty {
            let units = others.map { String($0.unit) }.joined(separator: ", ")
            tell(["Unit \(units): at another rate than the bus; set it at the meter, then 'meterkeep scan' again."])
        }
        place = .start
        if plan.buses.count == Self.mostBuses { (stage, place) = (.meters, .naming(0)) }
    }

    // MARK: - Meters

    /// The first device that nobody has given a customer or a name yet.
    var firstUnnamed: Int {
        let last = plan.devices.lastIndex { $0.columns["account"] != nil }
        return last.map { $0 + 1 } ?? 0
    }

    private mutating func takeModel(_ text: String) -> String? {
        guard case .naming(let index) = place, plan.devices.indices.contains(index) else { return nil }
        let choices = modelChoices(plan.devices[index])
        guard let number = Int(text), (0...choices.count).contains(number) else {
            return "'\(text)' is no number from 0 to \(choices.count)."
        }
        if number == 0 {
            plan.devices.remove(at: index)
            goOn(to: index)
        } else {
            plan.devices[index].profile = choices[number - 1]
        }
        return nil
    }

    private mutating func takeDevice(_ text: String) -> String? {
        guard case .naming(let index) = place, plan.devices.indices.contains(index) else {
            goOn(to: plan.devices.count)
            return nil
        }
        if text == "*" {
            // Devices of a model that is not known are left to be asked.
            let next = plan.devices[index...].firstIndex { $0.profile == nil }
            goOn(to: next ?? plan.devices.count)
            return nil
        }
        let words = text.split(separator: " ").map(String.init)
        guard (1...2).contains(words.count), let name = MeterID(rawValue: words[0]) else {
            return "Write a name (\(MeterID.rule)), and a customer number if there is one."
        }
        let isTaken = plan.devices.enumerated().contains { $0.offset != index && $0.element.name == name }
        if isTaken { return "\(name) is the name of another device." }
        let profile = plan.devices[index].profile ?? ""
        if words.count == 2 {
            guard isMeter(profile) else { return "A relay board has no customer; write its name alone." }
            guard let account = AccountID(rawValue: "A-\(name)"), words[1].utf8.count <= 40,
                !words[1].contains(where: { $0 == "," || $0 == "\"" })
            else { return "'\(words[1])' is no customer number; at most 40 characters, no comma." }
            plan.devices[index].columns["account"] = account.rawValue
            plan.devices[index].columns["customer"] = words[1]
        }
        plan.devices[index].name = name
        if isMeter(profile), !hasSwitch(profile), !boards.isEmpty {
            place = .breaker(index)
        } else {
            goOn(to: index + 1)
        }
        return nil
    }

    private mutating func takeBreaker(_ text: String) -> String? {
        guard case .breaker(let index) = place, plan.devices.indices.contains(index) else { return nil }
        if text != "-" {
            let words = text.split(separator: " ").map(String.init)
            guard words.count == 2, let board = boards.first(where: { $0.name.rawValue == words[0] }),
                let point = Int(words[1]), points(of: board) > 0, (1...points(of: board)).contains(point)
            else { return "'\(text)' is no board and point; write them like R-100 1." }
            if isTaken(board, point: point) { return "Point \(point) of \(board.name) switches another meter." }
            plan.devices[index].columns["breaker_bus"] = board.bus.rawValue
            plan.devices[index].columns["breaker_unit"] = String(board.unit)
            plan.devices[index].columns["breaker_point"] = String(point)
        }
        goOn(to: index + 1)
        return nil
    }

    private mutating func goOn(to index: Int) {
        if plan.devices.indices.contains(index) {
            place = .naming(index)
        } else {
            let hasCustomers = plan.devices.contains { $0.columns["account"] != nil }
            (stage, place) = (hasCustomers ? .prices : .uplink, .start)
        }
    }

    // MARK: - Prices, platform, test

    private mutating func takePrice(_ text: String, to name: SetupQuestion.Name) -> String? {
        if name == .price {
            guard Price(decimal: text) != nil else { return "'\(text)' is no price; write it like 0.6180." }
            plan.customers["price"] = text
            place = .alarm
            return nil
        }
        guard let amount = Money(decimal: text), amount.microunits >= 0 else {
            return "'\(text)' is no amount; write it like 10 or 12.50."
        }
        if name == .alarm {
            plan.customers["alarm_1"] = text
            plan.customers["alarm_2"] = Money(microunits: amount.microunits / 2).shortText
            place = .opening
            return nil
        }
        if amount > .zero { plan.customers["opening_balance"] = text }
        (stage, place) = (.uplink, .start)
        return nil
    }

    private mutating func takeUplink(_ text: String, to name: SetupQuestion.Name) -> String? {
        if name == .pairing { return takePairing(text) }
        if text == "-" {
            plan.uplink = nil
            (stage, place) = (.write, .start)
            return nil
        }
        guard text.hasPrefix("https://"), text.utf8.count > 8, !text.contains(" ") else {
            return "'\(text)' is no HTTPS address; write it like https://platform.example:8443."
        }
        plan.uplink = SitePlan.Uplink(url: text)
        (stage, place) = (.write, .start)
        return nil
    }

    private mutating func takePairing(_ text: String) -> String? {
        if text == "-" {
            (stage, place) = (.selfTest, .start)
            return nil
        }
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2, words[0].hasPrefix("https://") else {
            return "Write the address and the code, with a blank between them; or -."
        }
        place = .enrolling(platform: words[0], code: words[1])
        return nil
    }

    private mutating func takeSwitching(_ text: String) -> String? {
        if text != "-" {
            let words = text.split(separator: " ").map(String.init)
            let names = plan.devices.map { $0.columns["circuit"] ?? $0.name.rawValue }
            guard words.count == 2, words[0] == words[1], names.contains(words[0]) else {
                return "Nothing is switched: write the name of one circuit twice, or -."
            }
            switching = CircuitID(rawValue: words[0])
        }
        place = .testingSite
        return nil
    }
}
