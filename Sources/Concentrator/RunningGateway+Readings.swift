internal import Logging
public import Metering
public import Storage

/// How closely readings are wanted.
public enum ReadingStep: String, Sendable, CaseIterable {
    /// As they were kept, with every value.
    case interval
    /// The counters at the first reading of an hour, a local day, a local month.
    case hour, day, month
}

extension RunningGateway {
    /// Publishes and commits readings as time goes by, until the task is cancelled.
    func keepReadings() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            let evicted = await telemetry.turn(at: clock.now())
            guard evicted > 0 else { continue }
            logger.warning("readings nobody had acknowledged were evicted", metadata: ["count": "\(evicted)"])
        }
    }

    /// The readings of a meter in a span of time, oldest first.
    public func readings(
        of meter: MeterID, step: ReadingStep, from: WallTime, to: WallTime, limit: Int
    ) async throws(StorageError) -> [Reading] {
        let kind: Freeze.Kind
        switch step {
        case .interval: return try await telemetry.readings(of: meter, from: from, to: to, limit: limit)
        case .hour: kind = .hour
        case .day: kind = .day
        case .month: kind = .month
        }
        return try await telemetry.freezes(of: meter, kind: kind, from: from, to: to, limit: limit)
    }

    /// The share of due readings that was obtained: since the start or midnight, and on the day before.
    public func collection() async -> (
        today: IntervalSampler.Collection, yesterday: IntervalSampler.Collection?
    ) {
        await telemetry.collection(at: clock.now())
    }
}
