internal import Metering
public import Storage

/// What a look at the time did with the readings.
public struct TelemetryTurn: Sendable {
    /// So many readings had to go that somebody had not acknowledged.
    public var evicted: Int64
    public var news: TelemetryCondition.News?
    /// Why the file must make room for another one; nil where it need not.
    public var damage: StorageError?
}

/// How it is with the file of the readings, and when it is opened again.
public struct TelemetryCondition: Sendable {
    public enum News: Hashable, Sendable {
        /// Nothing is written, for this reason.
        case unusable(StorageError)
        case usableAgain
    }

    /// Between a failure and the next opening; doubled each time.
    private static let firstPause: Duration = .seconds(2)
    private static let longestPause: Duration = .seconds(300)
    /// After so long without a failure the next one is a first one again.
    private static let confidence: Duration = .seconds(600)

    /// Why the last commit failed; nil where it did not.
    private(set) var problem: StorageError?
    /// Whether the failure was told.
    private(set) var isTold = false
    private var pause = firstPause
    private var openedAt: MonotonicTime?

    mutating func fail(_ error: StorageError) { problem = error }
    mutating func succeed() { problem = nil }

    /// Whether the file is to be opened again now.
    mutating func mayOpen(at now: MonotonicTime) -> Bool {
        if let openedAt {
            if now - openedAt >= Self.longestPause + Self.confidence { pause = Self.firstPause }
            guard now - openedAt >= pause else { return false }
            pause = min(pause * 2, Self.longestPause)
        }
        openedAt = now
        return true
    }

    /// What is to be told and was not yet.
    mutating func news() -> News? {
        guard isTold != (problem != nil) else { return nil }
        isTold = problem != nil
        return problem.map { .unusable($0) } ?? .usableAgain
    }
}

extension TelemetryService {
    /// Why no readings are written at present, where, and what becomes of it; nil where they are.
    public var problem: String? { condition.problem.map { $0.words(ofTelemetry: store.path) } }

    /// Whether the file was begun in this run.
    var isFileNew: Bool { store.isNew }

    /// Opens a file that takes no writes any more, as often as the pauses allow, and commits what has gathered.
    /// - Returns: how many unacknowledged readings had to go.
    func reopenWhereDue(at now: MonotonicTime) -> Int64 {
        guard let stopped = store.stopped else { return 0 }
        condition.fail(stopped)
        guard !stopped.needsAnotherFile, condition.isTold, condition.mayOpen(at: now) else { return 0 }
        let first = store.hasNumbers ? firstWaiting : nil
        do { try store.reopen() } catch {
            condition.fail(error)
            return 0
        }
        if let first { keepNumbers(first: first) }
        return commit()
    }

    /// The file may have more than was thought, where a commit failed at its very end, or less. Numbers that are
    /// given out stay with their readings.
    /// - Parameter first: the number of the first reading that waits.
    private func keepNumbers(first: Int64) {
        let written = store.lastSequence - (first - 1)
        guard written >= 0 else {
            skipped = -written
            return
        }
        let count = min(Int(clamping: written), waiting.count)
        waiting.removeFirst(count)
        published = max(0, published - count)
        skipped = 0
    }

    /// Moves a damaged file out of the way: the next start begins a new one.
    /// - Parameter tag: the end of its new name.
    /// - Returns: its new name.
    func moveAside(tag: String) throws(StorageError) -> String { try store.moveAside(tag: tag) }
}

extension StorageError {
    /// As `description`, for a file whose loss costs readings only.
    func words(ofTelemetry path: String) -> String {
        switch self {
        case .damaged(_, let reason): "\(path) is damaged: \(reason); it is moved aside, and readings start anew"
        case .mustReopen(let reason): "\(path): writing failed: \(reason); it is opened and checked again by itself"
        default: description
        }
    }
}
