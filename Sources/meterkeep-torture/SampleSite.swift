import Foundation
import Metering
import Prepaid
import Storage
import UplinkProtocol

/// Something in the torture's own set-up is wrong.
struct SetupProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

func need<Value>(_ value: Value?, _ what: String = "a name") throws -> Value {
    guard let value else { throw SetupProblem("\(what) cannot be made") }
    return value
}

/// A directory that is gone with its holder; in memory where the machine has such a place.
final class ScratchDirectory {
    let path: String

    init() throws {
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = "\(parent)/meterkeep-torture-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func clear() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    /// Contents by file name.
    func files() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            files[name] = [UInt8](try Data(contentsOf: URL(filePath: "\(path)/\(name)")))
        }
        return files
    }
}

func moment(_ seconds: Int) -> Timestamp {
    let seconds = Int64(seconds)
    return Timestamp(
        boot: BootID(rawValue: "boot-1"), monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
        wall: WallTime(millisecondsSince1970: 1_700_000_000_000 + seconds * 1000), trust: .trusted)
}

/// Four accounts with a meter each, on one bus.
enum SampleSite {
    static let accountCount = 4

    static func gateway() throws -> GatewayID { try need(GatewayID(rawValue: "G-1")) }
    static func accountID(_ index: Int) throws -> AccountID { try need(AccountID(rawValue: "A-\(index)")) }
    static func circuitID(_ index: Int) throws -> CircuitID { try need(CircuitID(rawValue: "M-\(index)")) }
    static func meterID(_ index: Int) throws -> MeterID { try need(MeterID(rawValue: "M-\(index)")) }

    static func account(_ index: Int) throws -> Account {
        Account(
            id: try accountID(index), customerNumber: "C-\(index)", issuer: "office",
            settings: try AccountSettings(
                price: try need(Price(decimal: "0.6180")), alarm1: Money(microunits: 10_000_000),
                alarm2: Money(microunits: 5_000_000), hoardingCap: Money(microunits: 1_000_000_000_000)))
    }

    static func site() throws -> StoredSite {
        let bus = try need(BusID(rawValue: "bus1"))
        let indices = 0..<accountCount
        return StoredSite(
            meters: try indices.map {
                SiteMeter(
                    id: try meterID($0), address: try need(UnitAddress(bus: bus, unit: UInt8($0 + 1))),
                    profile: "eastron-sdm120")
            },
            accounts: try indices.map(account),
            circuits: try indices.map {
                StoredCircuit(
                    id: try circuitID($0), account: try accountID($0), meter: try meterID($0), ratedPerHour: 13_800,
                    breaker: BreakerAddress(device: try need(UnitAddress(bus: bus, unit: UInt8($0 + 1))), point: 1))
            })
    }
}
