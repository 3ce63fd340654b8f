internal import Metering
internal import Storage
private import Synchronization
internal import UplinkProtocol

/// The telemetry log on its way to one consumer that takes records in any order: live readings go before an
/// older backlog.
final class OutgoingTelemetry: Sendable {
    private let telemetry: TelemetryService
    private let consumer: String
    private let batchRecords: Int
    private let state = Mutex<TelemetryLanes?>(nil)
    /// Rings when a live lane is opened.
    let opened = Bell()

    init(telemetry: TelemetryService, consumer: String, batchRecords: Int) {
        self.telemetry = telemetry
        self.consumer = consumer
        self.batchRecords = batchRecords
    }

    /// The oldest entries that are not acknowledged, up to where the live lane began.
    /// - Parameter sent: the last of those that are under way, or nil: what follows them comes.
    func backlog(limit: Int, behind sent: Int64? = nil) async throws(StorageError) -> [TelemetryEntry] {
        _ = try await currentLanes()
        let last = await telemetry.lastSequence()
        let (hasOpened, cursor, end) = state.withLock { lanes in
            (lanes?.look(last: last) ?? false, lanes?.cursor ?? 0, lanes?.backlogEnd)
        }
        if hasOpened { opened.ring() }
        let entries = try await telemetry.entries(after: max(cursor, sent ?? 0), limit: limit)
        // A gap that reaches into the live lane is told here: nothing else tells of its beginning.
        let ours = entries.prefix { entry in end.map { entry.sequence <= $0 || entry.isGap } ?? true }
        if ours.isEmpty, sent == nil, let end, !entries.isEmpty {
            try await acknowledgedBacklog(through: end)
        }
        return Array(ours)
    }

    /// What is newer than the backlog; empty while there is none.
    func live(limit: Int) async throws(StorageError) -> [TelemetryEntry] {
        _ = try await currentLanes()
        guard let position = state.withLock({ $0?.sendLive() }) else { return [] }
        return try await telemetry.entries(after: position, limit: limit)
    }

    var isLive: Bool { state.withLock { $0?.livePosition != nil } }

    func acknowledgedBacklog(through sequence: Int64) async throws(StorageError) {
        try await acknowledged { $0.acknowledgedBacklog(through: sequence) }
    }

    func acknowledgedLive(through sequence: Int64) async throws(StorageError) {
        try await acknowledged { $0.acknowledgedLive(through: sequence) }
    }

    private func acknowledged(_ change: @Sendable (inout TelemetryLanes) -> Void) async throws(StorageError) {
        _ = try await currentLanes()
        let cursor = state.withLock { lanes -> Int64 in
            guard var changed = lanes else { return 0 }
            change(&changed)
            lanes = changed
            return changed.cursor
        }
        try await telemetry.advance(consumer, through: cursor)
    }

    private func currentLanes() async throws(StorageError) -> TelemetryLanes {
        if let lanes = state.withLock({ $0 }) { return lanes }
        let fresh = TelemetryLanes(cursor: try await telemetry.cursor(of: consumer), liveRecords: batchRecords)
        return state.withLock { state in
            let lanes = state ?? fresh
            state = lanes
            return lanes
        }
    }
}
