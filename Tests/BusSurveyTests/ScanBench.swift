import BusSurvey
import MeterProfiles
import Metering
import Testing

let line9600 = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
let line2400 = SerialFormat(baud: 2400, parity: .even, stopBits: 1)

/// A model that says what it is in holding register 0x0010, and measures voltage in input register 0.
func profile(_ id: String, mark: UInt16?) -> MeterProfile {
    let voltage = RegisterDefinition(
        channel: Channel(.voltage), table: .input, address: 0, encoding: .u16, order: .abcd,
        scale: ScaleFactor(numerator: 100, denominator: 1), pollClass: .normal, invalid: [])
    return MeterProfile(
        id: id, title: id, source: "test", isVerified: true, commodity: .electricity, serial: line9600,
        limits: ReadLimits(
            registersPerRead: 20, requestGap: .zero, allowsGaps: true, responseTimeout: .milliseconds(300)),
        registers: [voltage], billing: nil,
        identification: mark.map { [IdentificationRule(table: .holding, address: 0x10, equals: [$0])] } ?? [],
        relay: nil)
}

/// A board of two relays, which keeps its address in holding register 0x4000.
func boardProfile(_ id: String) -> MeterProfile {
    let points = (1...2).map { point in
        RelayPoint(
            point: point, open: .coil(address: UInt16(point - 1), value: false),
            close: .coil(address: UInt16(point - 1), value: true),
            readback: RelayReadback(table: .coil, address: UInt16(point - 1), mask: 1, closedValue: 1))
    }
    let address = SettingDefinition(
        name: .address, table: .holding, address: 0x4000,
        form: .number(.u16, .abcd, ScaleFactor(numerator: 1000, denominator: 1)), unit: "", write: .single,
        range: 1000...247_000, factory: 1000)
    return MeterProfile(
        id: id, title: id, source: "test", isVerified: true, commodity: nil, serial: line9600,
        limits: ReadLimits(
            registersPerRead: 8, requestGap: .zero, allowsGaps: true, responseTimeout: .milliseconds(300)),
        registers: [], billing: nil, identification: [],
        relay: RelayDefinition(points: points, powerUp: .open), settings: [address])
}

/// What stands at one address of a line.
struct Stand: Sendable {
    var serial = line9600
    let unit: UInt8
    /// The model's mark in holding 0x0010; nil refuses the read.
    var mark: UInt16?
    var voltage: UInt16 = 2301
    /// What it keeps in holding 0x4000, and how many coils it has; nil refuses the read.
    var ownAddress: UInt16?
    var coils: Int?
    /// What comes of its nth answer, instead of the answer.
    var spoiled: [Int: ProbeOutcome] = [:]
    /// Its nth answer is followed by another one.
    var doubled: Set<Int> = []
}

/// Plays a scan against devices.
/// - Returns: what it found, and the probes it sent.
func play(_ range: ScanRange, profiles: [MeterProfile], devices: [Stand]) throws -> (BusScan, [ScanProbe]) {
    var scan = BusScan(range, profiles: profiles, now: .zero)
    var probes: [ScanProbe] = []
    var answers: [UInt8: Int] = [:]
    while let probe = scan.probe {
        probes.append(probe)
        try #require(probes.count < 100_000, "the scan does not end")
        guard let device = devices.first(where: { $0.unit == probe.unit && $0.serial == probe.serial }) else {
            _ = scan.take(.silence)
            continue
        }
        let number = answers[probe.unit, default: 0]
        answers[probe.unit] = number + 1
        _ = scan.take(
            device.spoiled[number] ?? answer(device, probe.request), answeredTwice: device.doubled.contains(number))
    }
    return (scan, probes)
}

private func answer(_ device: Stand, _ read: ReadRequest) -> ProbeOutcome {
    switch (read.table, read.address) {
    case (.holding, 0x10): device.mark.map { .values([$0]) } ?? .exception(code: 2)
    case (.input, 0): .values([device.voltage])
    case (.holding, 0x4000): device.ownAddress.map { .values([$0]) } ?? .exception(code: 2)
    case (.coil, let first) where Int(first) + read.count <= device.coils ?? 0:
        .values(Array(repeating: 0, count: read.count))
    default: .exception(code: 2)
    }
}
