private import Board
public import BusSurvey
internal import FieldBus
public import MeterProfiles
internal import Metering
private import Synchronization

/// What a scan tells those who wait for it.
public enum ScanEvent: Sendable {
    case progress(ScanProgress)
    case found(FoundDevice)
    /// The end: everything it found, and whether it looked everywhere.
    case ended([FoundDevice], ScanProgress, isComplete: Bool)
    /// The port went away, or another scan runs on this bus.
    case failed(String)
}

/// A scan that was asked for: where it looks, and where its news go.
public final class ScanJob: Sendable {
    public let range: ScanRange
    public let events: AsyncStream<ScanEvent>
    let profiles: [MeterProfile]
    private let continuation: AsyncStream<ScanEvent>.Continuation
    private let isAborted = Atomic(false)

    /// News that wait for a reader at most; devices found are in the last of them too.
    private static let mostWaiting = 1024

    public init(_ range: ScanRange, profiles: [MeterProfile]) {
        self.range = range
        self.profiles = profiles
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.mostWaiting))
    }

    /// Ends it after the probe in flight; what it found so far is told.
    public func abort() { isAborted.store(true, ordering: .relaxed) }

    var mustEnd: Bool { isAborted.load(ordering: .relaxed) }

    func tell(_ event: ScanEvent) {
        continuation.yield(event)
        switch event {
        case .ended, .failed: continuation.finish()
        case .progress, .found: break
        }
    }
}

/// A scan under way on a port, one probe at a time.
struct RunningScan {
    let job: ScanJob
    private var scan: BusScan
    private var share: ScanShare
    private var lastAskedAt: MonotonicTime
    private var lastToldAt: MonotonicTime
    /// The unit it asks was heard twice since its last probe.
    private var heardTwice = false

    private static let betweenNews: Duration = .milliseconds(500)

    /// What one turn did.
    enum Turn {
        case asked(BusTransaction, in: SerialFormat)
        /// Not before this.
        case notYet(MonotonicTime)
        case ended
    }

    init(_ job: ScanJob, now: MonotonicTime) {
        self.job = job
        scan = BusScan(job.range, profiles: job.profiles, now: now)
        share = ScanShare(now: now)
        (lastAskedAt, lastToldAt) = (now, now)
        job.tell(.progress(scan.progress(at: now)))
    }

    /// Sends one probe where its time has come.
    /// - Parameter isIdle: nothing else waits for the line.
    mutating func turn(on port: isolated BusPort, isIdle: Bool, now: @Sendable () -> MonotonicTime) -> Turn {
        let start = now()
        guard let probe = scan.probe, !job.mustEnd else {
            job.tell(.ended(scan.devices, scan.progress(at: start), isComplete: scan.probe == nil))
            return .ended
        }
        let askableFrom = lastAskedAt + probe.pause
        if start < askableFrom { return .notYet(askableFrom) }
        let cost = probe.request.duration(serial: probe.serial, turnaround: probe.timeout)
        guard share.mayAsk(cost, isIdle: isIdle, at: start) else { return .notYet(start + .milliseconds(50)) }
        let transaction = port.probe(
            unit: probe.unit, probe.request, in: probe.serial, timeout: probe.timeout)
        let end = now()
        lastAskedAt = end
        share.spent(end - start, isIdle: isIdle)
        heed(transaction.notes)
        if case .failure(.portLost(let reason)) = transaction.result {
            job.tell(.failed("the port was lost: \(reason)"))
            return .ended
        }
        if let found = scan.take(ProbeOutcome(transaction.result), answeredTwice: heardTwice) {
            job.tell(.found(found))
        }
        heardTwice = false
        if end - lastToldAt >= Self.betweenNews {
            lastToldAt = end
            job.tell(.progress(scan.progress(at: end)))
        }
        return .asked(transaction, in: probe.serial)
    }

    /// What other transactions showed on the line meanwhile.
    mutating func heed(_ notes: [LineNote]) {
        for note in notes {
            switch note {
            case .secondAnswer(let unit): if unit == scan.probe?.unit { heardTwice = true }
            case .lateAnswer(let unit, _), .foreignFrame(let unit): scan.heardLate(unit: unit)
            case .noise, .localEcho: break
            }
        }
    }
}

extension ProbeOutcome {
    init(_ result: Result<[UInt16], BusFault>) {
        self =
            switch result {
            case .success(let words): .values(words)
            case .failure(.exception(let code)): .exception(code: code)
            case .failure(.badFrame): .broken
            case .failure(.wrongAnswer): .strange
            case .failure(.timeout), .failure(.portLost): .silence
            }
    }
}

/// A scan on a port that no daemon uses.
public struct StandaloneScan {
    public init() {}

    /// Runs until the scan ends; the job's events tell what it finds.
    /// - Throws: when the port cannot be opened.
    public func run(_ job: ScanJob, bus: BusConfiguration) async throws(GatewayProblem) {
        let clock: SystemClock
        do { clock = try SystemClock() } catch {
            job.tell(.failed("\(error)"))
            throw .device("\(error)")
        }
        let port = BusPort(bus: bus.id, path: bus.port, serial: bus.serial)
        do { try await port.open() } catch {
            job.tell(.failed("\(error)"))
            throw .device("\(error)")
        }
        var running = RunningScan(job, now: clock.monotonicNow())
        scanning: while true {
            switch await running.turn(on: port, isIdle: true, now: clock.monotonicNow) {
            case .asked: continue
            case .notYet(let moment): try? await Task.sleep(for: max(.milliseconds(1), moment - clock.monotonicNow()))
            case .ended: break scanning
            }
        }
        await port.close()
    }
}
