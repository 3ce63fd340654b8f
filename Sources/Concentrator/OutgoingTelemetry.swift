internal import Metering
internal import Storage
private import Synchronization
internal import UplinkProtocol

/// The telemetry log on its way to one consumer that takes records in any order: live readings go before an
/// older backlog.
final class OutgoingTelemetry: Sendable {
    private struct State {
        var lanes: TelemetryLanes?
        /// Read ahead for the backlog: the store unpacks a whole segment for each look.
        var ahead: [TelemetryRecord] = []
    }

    private let telemetry: TelemetryService
    private let consumer: String
    private let batchRecords: Int
    private let state = Mutex(State())
    /// Rings when a live lane is opened.
    let opened = Bell()

    private static let readAhead = 2_000

    init(telemetry: TelemetryService, consumer: String, batchRecords: Int) {
        self.telemetry = telemetry
        self.consumer = consumer
        self.batchRecords = batchRecords
    }

    /// The oldest records that are not acknowledged, up to where the live lane began.
    func backlog(limit: Int) async throws(StorageError) -> [TelemetryRecord] {
        _ = try await currentLanes()
        let last = await telemetry.lastSequence()
        let (hasOpened, cursor, end, kept) = state.withLock { state in
            let hasOpened = state.lanes?.look(last: last) ?? false
            let cursor = state.lanes?.cursor ?? 0
            state.ahead.removeAll { $0.sequence <= cursor }
            return (hasOpened, cursor, state.lanes?.backlogEnd, state.ahead)
        }
        if hasOpened { opened.ring() }
        var records = kept
        if records.isEmpty {
            records = try await telemetry.records(after: cursor, limit: max(limit, end == nil ? limit : Self.readAhead))
        }
        // A gap that reaches into the live lane is told here: nothing else tells of its beginning.
        let isOurs = { (record: TelemetryRecord) in end.map { record.sequence <= $0 || record.isGap } ?? true }
        let ours = Array(records.prefix(while: isOurs))
        state.withLock { [ours] in $0.ahead = ours }
        if ours.isEmpty, let end, !records.isEmpty {
            try await acknowledgedBacklog(through: end)
        }
        return Array(ours.prefix(limit))
    }

    /// What is newer than the backlog; empty while there is none.
    func live(limit: Int) async throws(StorageError) -> [TelemetryRecord] {
        guard let position = try await currentLanes().livePosition else { return [] }
        return try await telemetry.records(after: position, limit: limit)
    }

    var isLive: Bool { state.withLock { $0.lanes?.livePosition != nil } }

    func acknowledgedBacklog(through sequence: Int64) async throws(StorageError) {
        try await acknowledged { $0.acknowledgedBacklog(through: sequence) }
    }

    func acknowledgedLive(from first: Int64, through sequence: Int64) async throws(StorageError) {
        try await acknowledged { $0.acknowledgedLive(from: first, through: sequence) }
    }

    private func acknowledged(_ change: @Sendable (inout TelemetryLanes) -> Void) async throws(StorageError) {
        _ = try await currentLanes()
        let cursor = state.withLock { state -> Int64 in
            guard var lanes = state.lanes else { return 0 }
            change(&lanes)
            state.lanes = lanes
            return lanes.cursor
        }
        try await telemetry.advance(consumer, through: cursor)
    }

    private func currentLanes() async throws(StorageError) -> TelemetryLanes {
        if let lanes = state.withLock({ $0.lanes }) { return lanes }
        let fresh = TelemetryLanes(cursor: try await telemetry.cursor(of: consumer), liveRecords: batchRecords)
        return state.withLock { state in
            let lanes = state.lanes ?? fresh
            state.lanes = lanes
            return lanes
        }
    }
}

extension TelemetryRecord {
    var isGap: Bool {
        if case .gap = body { return true }
        return false
    }
}
