import Foundation
import Metering
import Prepaid
import ReferencePlatform
import Synchronization
import UplinkProtocol
import UplinkPull

/// Two logs in memory.
final class TableSource: PullSource {
    private struct State {
        var readings: [TelemetryRecord] = []
        var ledger: [(sequence: Int64, json: JSONValue)] = []
        var head = ChainHead(sequence: 0, hash: .genesis(gateway: "G-1", epoch: "e1"))
        var cursors: [String: Int64] = [:]
    }

    let gateway: GatewayID
    private let state = Mutex(State())

    init(gateway: GatewayID) { self.gateway = gateway }

    static let at = Timestamp(
        boot: BootID(rawValue: "boot-1"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 0), trust: .untrusted)

    func addReadings(_ range: ClosedRange<Int64>, meter: MeterID) {
        state.withLock { state in
            for sequence in range {
                let reading = Reading(meter: meter, at: Self.at, values: [Channel(.voltage): 230_000 + sequence])
                state.readings.append(TelemetryRecord(sequence: sequence, body: .reading(reading)))
            }
        }
    }

    /// As the store does it: the readings go, a gap record stands for them.
    func evict(through sequence: Int64) {
        state.withLock { state in
            state.readings.removeAll { $0.sequence <= sequence }
            let gap = TelemetryRecord(
                sequence: sequence, body: .gap(count: sequence, reason: "evicted: over the bound"))
            state.readings.insert(gap, at: 0)
        }
    }

    func addEvent() {
        state.withLock { state in
            let record = LedgerRecord(
                sequence: state.head.sequence + 1, at: Self.at, actor: "gateway",
                body: .event(.init(.daemonStarted, .gateway)), previous: state.head.hash)
            state.ledger.append((record.sequence, record.json))
            state.head = ChainHead(sequence: record.sequence, hash: record.hash)
        }
    }

    func log(_ log: UplinkProtocol.Log, for consumer: String) -> PullLog {
        state.withLock { state in
            let last = log == .ledger ? state.head.sequence : state.readings.last?.sequence ?? 0
            return PullLog(
                log: log, epoch: "e1", last: last, acknowledged: state.cursors["\(consumer) \(log)"] ?? 0)
        }
    }

    func page(
        of log: UplinkProtocol.Log, after sequence: Int64, limit: Int, byteLimit: Int
    ) -> PullPage {
        state.withLock { state in
            switch log {
            case .ledger: .ledger(Array(state.ledger.filter { $0.sequence > sequence }.prefix(limit)))
            case .telemetry: .telemetry(Self.readings(of: state, after: sequence, limit: limit))
            }
        }
    }

    func readings(after sequence: Int64, limit: Int) -> [TelemetryEntry] {
        state.withLock { Self.readings(of: $0, after: sequence, limit: limit) }
    }

    private static func readings(of state: State, after sequence: Int64, limit: Int) -> [TelemetryEntry] {
        state.readings.filter { $0.sequence > sequence }.prefix(limit).map(TelemetryEntry.init)
    }

    func chainHead() -> ChainHead { state.withLock { $0.head } }

    func acknowledge(_ log: UplinkProtocol.Log, through sequence: Int64, for consumer: String) {
        state.withLock { state in
            let key = "\(consumer) \(log)"
            state.cursors[key] = max(state.cursors[key] ?? 0, sequence)
        }
    }

    /// Something comes as soon as somebody waits for it.
    func waitForMore(of log: UplinkProtocol.Log, than sequence: Int64, seconds: Int64) {
        if let meter = MeterID(rawValue: "M-1"), log == .telemetry {
            addReadings((sequence + 1)...(sequence + 1), meter: meter)
        }
    }
}
