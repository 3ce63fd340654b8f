internal import Metering

/// The commands of the control channel: a line in, a line of JSON out.
public enum ControlLanguage {
    public static let help = """
        set DEVICE load WATTS               change the base load
        set DEVICE appliance NAME on|off    switch an appliance
        set DEVICE setting NAME VALUE       turn a setting at the display: 8.8; a clock: 2026-03-01T12:30:00
        fault DEVICE FAULT on|off           \(Fault.allCases.map(\.rawValue).joined(separator: ", "))
        speed N                             energy runs N times as fast as the clock
        meter DEVICE                        true energy, power, supply, energy used since the supply was cut
        meters                              the same of all
        writes [AFTER]                      the writes received, from the AFTERth on
        stats                               requests, early requests, unreadable requests of each line
        stop                                end the simulator
        """

    /// What a line asked for.
    public enum Outcome: Hashable, Sendable {
        case answer(String)
        case stop
    }

    public static func perform(_ line: String, on host: SimulatorHost) -> Outcome {
        let words = line.split(separator: " ").map(String.init)
        guard let verb = words.first else { return .answer(refusal("an empty line")) }
        switch (verb, words.count) {
        case ("set", 4) where words[2] == "load":
            guard let watts = Int64(words[3]), (0...1_000_000).contains(watts) else {
                return .answer(refusal("'\(words[3])' is no power in W"))
            }
            return .answer(change(words[1], host) { $0.load.basePower = watts })
        case ("set", 5) where words[2] == "appliance":
            guard Appliance.named(words[3]) != nil, let isOn = isOn(words[4]) else {
                return .answer(refusal("'\(words[3]) \(words[4])' is no appliance with on or off"))
            }
            return .answer(
                change(words[1], host) { device in
                    if isOn { device.load.appliances.insert(words[3]) } else { device.load.appliances.remove(words[3]) }
                })
        case ("set", 5) where words[2] == "setting":
            guard let name = SettingName(rawValue: words[3]), let value = SettingValue(display: words[4]),
                host.withWorld({ $0.device(words[1]) })?.settings.holds(name) == true
            else { return .answer(refusal("'\(words[3]) \(words[4])' is no setting of this device")) }
            return .answer(change(words[1], host) { $0.turn(name, to: value) })
        case ("fault", 4):
            guard let fault = Fault(rawValue: words[2]), let isOn = isOn(words[3]) else {
                return .answer(refusal("'\(words[2]) \(words[3])' is no fault with on or off"))
            }
            return .answer(
                change(words[1], host) { device in
                    if isOn, fault.isEvent { device.strike(fault) }
                    if isOn { device.faults.insert(fault) } else { device.faults.remove(fault) }
                })
        case ("speed", 2):
            guard let speed = Int64(words[1]), (1...1_000_000).contains(speed) else {
                return .answer(refusal("'\(words[1])' is no speed from 1 to 1000000"))
            }
            host.withWorld { $0.energySpeed = speed }
            return .answer("{\"ok\":true}")
        case ("meter", 2):
            let device = host.withWorld { $0.device(words[1]) }
            return .answer(device.map(describe) ?? refusal("no device '\(words[1])'"))
        case ("meters", 1):
            return .answer("[" + host.withWorld { $0.devices }.map(describe).joined(separator: ",") + "]")
        case ("writes", 1...2):
            let after = words.count == 2 ? Int(words[1]) ?? 0 : 0
            let writes = host.withWorld { $0.writes }.dropFirst(max(0, after))
            return .answer("[" + writes.map(\.jsonText).joined(separator: ",") + "]")
        case ("stats", 1):
            let lines = host.lineStatistics.map {
                "{\"requests\":\($0.requests),\"early\":\($0.earlyRequests),\"unreadable\":\($0.unreadableRequests)}"
            }
            return .answer("[" + lines.joined(separator: ",") + "]")
        case ("stop", 1): return .stop
        default: return .answer(refusal("unknown: \(verb); see metersim --help"))
        }
    }

    private static func change(
        _ name: String, _ host: SimulatorHost, _ body: (inout SimulatedMeter) -> Void
    ) -> String {
        host.withWorld { $0.with(name, body) } ? "{\"ok\":true}" : refusal("no device '\(name)'")
    }

    private static func describe(_ device: SimulatedMeter) -> String {
        let sinceCut = device.energySinceCut.map(String.init) ?? "null"
        return """
            {"device":"\(device.name)","energy_mwh":\(device.energyMilliwattHours),\
            "active_power_mw":\(device.activePowerMilliwatts),"supplied":\(device.isSupplied),\
            "wh_since_cut":\(sinceCut)}
            """
    }

    private static func refusal(_ what: String) -> String {
        "{\"error\":\"\(what.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline })\"}"
    }

    private static func isOn(_ word: String) -> Bool? { word == "on" ? true : word == "off" ? false : nil }
}
