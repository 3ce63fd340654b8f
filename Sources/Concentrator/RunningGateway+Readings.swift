internal import Logging
public import Metering
internal import Prepaid
public import Storage

/// How closely readings are wanted.
public enum ReadingStep: String, Sendable, CaseIterable {
    /// As they were kept, with every value.
    case interval
    /// The counters at the first reading of an hour, a local day, a local month.
    case hour, day, month
}

extension RunningGateway {
    /// A file that was begun in this run and is damaged again waits so long: a bad disk must not end the daemon
    /// over and over.
    private static let leastRunOfNewFile: Duration = .seconds(600)

    /// What this loop is late by, live readings come late by.
    private static let readingTurn: Duration = .milliseconds(250)

    /// Publishes and commits readings as time goes by, until the task is cancelled or the file must make room for a
    /// new one.
    func keepReadings() async {
        let started = clock.monotonicNow()
        var pause: Duration = .zero
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.readingTurn)
            let now = clock.now()
            let turn = await telemetry.turn(at: now)
            if turn.evicted > 0 {
                logger.warning(
                    "readings nobody had acknowledged were evicted", metadata: ["count": "\(turn.evicted)"])
                await site.note(evicted: turn.evicted, at: now)
            }
            if let news = turn.news { await tell(news, at: now) }
            guard let damage = turn.damage else { continue }
            let least = await telemetry.isFileNew ? Self.leastRunOfNewFile : .zero
            guard now.monotonic - started >= max(least, pause) else { continue }
            if await endForNewTelemetry(damage) { return }
            pause = now.monotonic - started + Self.leastRunOfNewFile
        }
    }

    private func tell(_ news: TelemetryCondition.News, at now: Timestamp) async {
        switch news {
        case .unusable(let error):
            let reason = error.words(ofTelemetry: directory.telemetryPath)
            logger.critical("readings cannot be written; all else goes on", metadata: ["reason": "\(reason)"])
            await site.note(Event(.telemetryUnusable, .gateway, ["reason": reason]), at: now)
        case .usableAgain:
            logger.notice("readings are written again")
            await site.note(Event(.telemetryUsableAgain, .gateway), at: now)
        }
    }

    /// Readings of another file have another epoch, which consumers take up with a new start; breakers stay as they
    /// are meanwhile.
    /// - Returns: false where the damaged file cannot be moved: the gateway goes on without.
    private func endForNewTelemetry(_ damage: StorageError) async -> Bool {
        do {
            let file = try await telemetry.moveAside(tag: Self.newEpoch())
            await noteMovedAside(to: file)
            failure.set(.telemetryLost(damage.words(ofTelemetry: directory.telemetryPath)))
            return true
        } catch {
            logger.error("damaged readings cannot be moved aside", metadata: ["reason": "\(error)"])
            return false
        }
    }

    func noteMovedAside(to file: String) async {
        await site.note(
            Event(.databaseMovedAside, .gateway, ["file": directory.telemetryPath, "moved_to": file]),
            at: clock.now())
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

    /// Why no readings are written at present, where, and what becomes of it; nil where they are.
    public func telemetryProblem() async -> String? { await telemetry.problem }

    /// The share of due readings that was obtained: since the start or midnight, and on the day before.
    public func collection() async -> (
        today: IntervalSampler.Collection, yesterday: IntervalSampler.Collection?
    ) {
        await telemetry.collection(at: clock.now())
    }
}
