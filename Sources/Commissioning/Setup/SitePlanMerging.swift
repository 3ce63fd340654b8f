public import BusSurvey
public import MeterProfiles
public import Metering

/// What the box itself adds to a site file.
extension SitePlan {
    /// Gives each bus whose port is `auto` one that no other bus has, in order.
    /// - Throws: which bus has none.
    public mutating func assignPorts(_ found: [String]) throws(SetupProblem) {
        for index in buses.indices where buses[index].port == "auto" {
            let used = Set(buses.map(\.port))
            guard let port = found.first(where: { !used.contains($0) }) else {
                throw SetupProblem(
                    "bus \(buses[index].id): no serial port is left (\(found.count) were found); plug the adapter in, or "
                        + "write its name")
            }
            buses[index].port = port
        }
    }

    /// Takes what a scan found: the format of the bus where the file does not say it, models that it leaves open,
    /// and, where the bus is to be scanned, devices that the file does not name.
    /// - Returns: what is worth a line, each with what to do.
    public mutating func merge(_ found: [FoundDevice], on bus: BusID, profiles: [MeterProfile]) -> [String] {
        guard let index = buses.firstIndex(where: { $0.id == bus }) else { return [] }
        let sheet = ScanSheet(bus: bus, port: buses[index].port, configured: buses[index].serial, found: found)
        buses[index].serial = sheet.serial
        var news: [String] = []
        for device in found.understood {
            guard device.serial == sheet.serial else {
                news.append(
                    "unit \(device.unit) answers at \(device.serial.baud) \(device.serial.formatText), the bus has "
                        + "\(sheet.serial.baud) \(sheet.serial.formatText); set it at the meter")
                continue
            }
            let profile = device.model.profile
            if let known = devices.firstIndex(where: { $0.bus == bus && $0.unit == device.unit }) {
                if devices[known].profile == nil { devices[known].profile = profile }
                if let profile, let said = devices[known].profile, profile != said {
                    news.append("unit \(device.unit) answers as \(profile), the file says \(said); look at it")
                }
            } else if buses[index].scan != nil {
                news.append(add(device, on: bus, profiles: profiles))
            }
        }
        let missing = devices.filter { device in
            device.bus == bus && !found.contains { $0.unit == device.unit && $0.serial == sheet.serial }
        }
        for device in missing {
            news.append("\(device.name) (unit \(device.unit)) does not answer; check its power, wires and address")
        }
        return news
    }

    private mutating func add(_ device: FoundDevice, on bus: BusID, profiles: [MeterProfile]) -> String {
        let profile = device.model.profile
        let isBoard = profiles.first { $0.id == profile }.map { $0.billing == nil } ?? false
        guard let name = MeterID(rawValue: "\(isBoard ? "R" : "M")-\(bus)-\(device.unit)") else {
            return "unit \(device.unit) is not in the file; the bus's name is too long for a name of its own"
        }
        devices.append(
            Device(
                name: name, bus: bus, unit: device.unit, profile: profile,
                perhaps: profile == nil ? device.model.candidates : []))
        return "unit \(device.unit) is not in the file; it is \(name) now"
            + (profile == nil ? ", of a model not known" : "")
    }
}

extension [FoundDevice] {
    /// Those of which something valid came, by address: what only ever came broken is the line's doing.
    var understood: [FoundDevice] {
        settled.filter { $0.evidence.answered > 0 }.sorted { ($0.unit, $0.serial.baud) < ($1.unit, $1.serial.baud) }
    }
}

extension ModelGuess {
    /// What it may be, the likeliest first.
    var candidates: [String] {
        switch self {
        case .identified(let id): [id]
        case .ambiguous(let ids), .plausible(let ids): ids
        case .unknown: []
        }
    }
}
