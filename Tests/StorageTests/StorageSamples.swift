import Foundation
import Metering
import Prepaid
import Storage
import Testing
import UplinkProtocol

/// A directory that is gone with the test.
final class TemporaryDirectory {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "meterkeep-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func moment(_ seconds: Int64, trust: ClockTrust = .trusted) -> Timestamp {
    Timestamp(
        boot: BootID(rawValue: "boot-1"), monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
        wall: WallTime(millisecondsSince1970: 1_700_000_000_000 + seconds * 1000), trust: trust)
}

/// Two rooms with a meter each; the second is switched by a relay board.
enum SampleSite {
    static func account(_ name: String) throws -> Account {
        Account(
            id: try #require(AccountID(rawValue: name)), customerNumber: "C-\(name)", issuer: "office",
            settings: try AccountSettings(
                price: try #require(Price(decimal: "0.6180")), alarm1: Money(microunits: 10_000_000),
                alarm2: Money(microunits: 5_000_000), hoardingCap: Money(microunits: 1_000_000_000)))
    }

    static func site() throws -> StoredSite {
        let bus = try #require(BusID(rawValue: "bus1"))
        func address(_ unit: UInt8) throws -> UnitAddress { try #require(UnitAddress(bus: bus, unit: unit)) }
        func meter(_ name: String) throws -> MeterID { try #require(MeterID(rawValue: name)) }
        return StoredSite(
            meters: [
                SiteMeter(id: try meter("M-1"), address: try address(1), profile: "eastron-sdm120"),
                SiteMeter(id: try meter("M-2"), address: try address(2), profile: "eastron-sdm120"),
                SiteMeter(id: try meter("R-1"), address: try address(100), profile: "waveshare-relay-8"),
            ],
            accounts: [try account("A-1"), try account("A-2")],
            circuits: [
                StoredCircuit(
                    id: try #require(CircuitID(rawValue: "M-1")), account: AccountID(rawValue: "A-1"),
                    meter: try meter("M-1"), ratedPerHour: 13_800, breaker: nil),
                StoredCircuit(
                    id: try #require(CircuitID(rawValue: "M-2")), account: AccountID(rawValue: "A-2"),
                    meter: try meter("M-2"), ratedPerHour: 13_800,
                    breaker: BreakerAddress(device: try address(100), point: 2)),
            ])
    }

    static func store(in directory: TemporaryDirectory, epoch: String = "e1") throws -> LedgerStore {
        try LedgerStore(
            path: directory.path + "/ledger.db", gateway: try #require(GatewayID(rawValue: "G-1")), newEpoch: epoch)
    }

    /// Credits an account and bills it a number of times.
    static func history(_ store: LedgerStore, bills: Int) throws {
        try store.commit(LedgerTransaction(changes: [], installation: try site()), at: moment(0))
        var account = try account("A-2")
        let circuit = try #require(CircuitID(rawValue: "M-2"))
        var change = LedgerChange()
        let result = account.apply(
            Recharge(
                account: account.id, customerNumber: account.customerNumber, issuer: "office", number: 1,
                amount: Money(microunits: 100_000_000)),
            earlier: nil, command: "c-1", now: moment(1))
        guard case .applied(let posting) = result else { return }
        change.account = account
        change.postings = [posting]
        change.events = [Event(.counterBaseline, .circuit(circuit), ["counter": "0"])]
        try store.commit(LedgerTransaction(changes: [change], actor: "platform"), at: moment(1))
        for number in 0..<bills {
            let from = CounterMark(value: Int64(number) * 1_237, at: moment(Int64(number) + 2))
            let to = CounterMark(value: Int64(number + 1) * 1_237, at: moment(Int64(number) + 3))
            let counter = CircuitCounter(
                circuit: SiteCircuit(
                    id: circuit, account: account.id, meter: try #require(MeterID(rawValue: "M-2")),
                    commodity: .electricity, counter: CounterRules(modulus: nil, step: 1, ratedPerHour: 13_800),
                    breaker: nil),
                posted: from, accepted: to)
            let settlement = try account.settlingConsumption([counter])
            account = settlement.account
            var bill = LedgerChange()
            bill.account = account
            bill.postings = settlement.postings
            bill.marks = settlement.marks
            try store.commit(LedgerTransaction(changes: [bill]), at: to.at)
        }
    }
}

/// A generator with a seed (SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Meters whose values move as those of rooms do: a noisy voltage, a load that is switched now and then,
/// counters that follow it.
struct LoadModel {
    private var generator = SplitMix(state: 7)
    private var watts: [Int64]
    private var wattSeconds: [Int64]

    init(meters: Int) {
        watts = Array(repeating: 100, count: meters)
        wattSeconds = (0..<meters).map { Int64($0) * 3_600_000_000 }
    }

    /// 20 values a meter, 300 s after the scan before.
    mutating func scan(at: Timestamp) throws -> [Reading] {
        try watts.indices.map { meter in
            if Int.random(in: 0..<6, using: &generator) == 0 {
                watts[meter] = [0, 60, 100, 180, 700, 2000].randomElement(using: &generator) ?? 0
            }
            wattSeconds[meter] += watts[meter] * 300
            return Reading(
                meter: try name(meter), at: at + .milliseconds(60 * meter), values: values(of: meter))
        }
    }

    func marks(at: Timestamp) throws -> [CircuitID: CounterMark] {
        var marks: [CircuitID: CounterMark] = [:]
        for meter in watts.indices {
            marks[try #require(CircuitID(rawValue: "M-\(meter)"))] = CounterMark(
                value: wattSeconds[meter] / 3600, at: at)
        }
        return marks
    }

    private func name(_ meter: Int) throws -> MeterID { try #require(MeterID(rawValue: "M-\(meter)")) }

    private mutating func values(of meter: Int) -> [Channel: Int64] {
        // Registers of 0.1 V, 1 mA, 1 W, 0.01 Hz: what such meters have.
        let volts = 230_000 + Int64.random(in: -40...40, using: &generator) * 100
        let power = watts[meter] == 0 ? 0 : (watts[meter] + Int64.random(in: -3...3, using: &generator)) * 1000
        let current = power * 1000 / volts
        let energy = wattSeconds[meter] / 3600
        return [
            Channel(.voltage): volts, Channel(.current): current, Channel(.activePower): power,
            Channel(.reactivePower): power / 10_000 * 1000, Channel(.apparentPower): power * 1005 / 1_000_000 * 1000,
            Channel(.powerFactor): power == 0 ? 1000 : 995,
            Channel(.frequency): 50_000 + Int64.random(in: -4...4, using: &generator) * 10,
            Channel(.energyImport): energy, Channel(.energyExport): 0, Channel(.energyTotal): energy,
            Channel(.reactiveEnergyImport): energy / 10, Channel(.reactiveEnergyExport): 0,
            Channel(.energySharp): 0, Channel(.energyPeak): energy / 2, Channel(.energyFlat): energy / 3,
            Channel(.energyValley): energy / 6, Channel(.current, .l1): current, Channel(.voltage, .l1): volts,
            Channel(.activePower, .l1): power, Channel(.powerFactor, .l1): power == 0 ? 1000 : 995,
        ]
    }
}

func + (left: Timestamp, right: Duration) -> Timestamp {
    Timestamp(boot: left.boot, monotonic: left.monotonic + right, wall: left.wall + right, trust: left.trust)
}
