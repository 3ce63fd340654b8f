import Foundation
import Metering
import Prepaid
import ReferencePlatform
import Testing
import UplinkProtocol

let noon = WallTime(millisecondsSince1970: 1_795_262_400_000)

/// A platform's store in a folder that is gone with the test.
final class TemporaryStore {
    let store: PlatformStore
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "platform-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        store = try PlatformStore(path: folder.appending(path: "platform.db").path)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

/// The ledger of a gateway `G-1` in which account A-1 is recharged by one unit at a time.
struct GatewayLedger {
    let gateway: GatewayID
    let account: AccountID
    let epoch: String
    private(set) var records: [LedgerRecord] = []

    init(epoch: String = "e1", recharges: Int64 = 0) throws {
        gateway = try #require(GatewayID(rawValue: "G-1"))
        account = try #require(AccountID(rawValue: "A-1"))
        self.epoch = epoch
        for _ in 0..<recharges { recharge() }
    }

    var head: ChainHead {
        ChainHead(
            sequence: Int64(records.count),
            hash: records.last?.hash ?? .genesis(gateway: gateway.rawValue, epoch: epoch))
    }

    static func moment(_ seconds: Int64) -> Timestamp {
        Timestamp(
            boot: BootID(rawValue: "boot-1"), monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
            wall: WallTime(millisecondsSince1970: noon.millisecondsSince1970 + seconds * 1000), trust: .trusted)
    }

    mutating func append(_ body: LedgerRecord.Body) {
        let sequence = Int64(records.count) + 1
        records.append(
            LedgerRecord(
                sequence: sequence, at: Self.moment(sequence), actor: "platform", body: body, previous: head.hash))
    }

    mutating func recharge(microunits: Int64 = 1_000_000) {
        let number = Int64(records.count) + 1
        append(
            .posting(
                Posting(
                    account: account, cause: .recharge, debit: .payments, credit: .customer(account),
                    amount: Money(microunits: microunits), balanceAfter: Money(microunits: number * microunits),
                    carryTenthsAfter: 0, rechargeNumber: number)))
    }

    /// The records from `first` to `last`, under the head the ledger has, or the one given.
    func batch(_ range: ClosedRange<Int64>, head: ChainHead? = nil) throws -> Batch {
        let sent = records.filter { range.contains($0.sequence) }.map { ($0.sequence, $0.json) }
        return try #require(
            Batch(gateway: gateway, epoch: epoch, log: .ledger, chainHead: head ?? self.head, records: sent))
    }

    /// One reading, sent under the head that the ledger has.
    func reading(_ sequence: Int64) throws -> Batch {
        let meter = try #require(MeterID(rawValue: "M-1"))
        let reading = Reading(meter: meter, at: Self.moment(sequence), values: [Channel(.energyImport): 5 * sequence])
        return try #require(
            Batch(
                gateway: gateway, epoch: epoch, log: .telemetry, chainHead: head,
                records: [(sequence, TelemetryRecord(sequence: sequence, body: .reading(reading)).json)]))
    }
}
