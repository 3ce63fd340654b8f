import BusSurvey
import FieldBus
import Foundation
import MeterProfiles
import MeterSimulation
import Metering
import Testing

@testable import Concentrator

private func found(_ job: ScanJob) async throws -> (devices: [FoundDevice], isComplete: Bool, progress: [ScanProgress])
{
    var progress: [ScanProgress] = []
    for await event in job.events {
        switch event {
        case .progress(let here): progress.append(here)
        case .found: break
        case .ended(let devices, let last, let isComplete): return (devices, isComplete, progress + [last])
        case .failed(let reason): throw GatewayProblem.device(reason)
        }
    }
    throw CancellationError()
}

@Suite("What may be seen of a bus while it runs", .serialized, .timeLimit(.minutes(5)))
struct BusWatchTests {
    private static let block = "acrel-ddsy1352-block"

    /// M-1 and M-2 are installed and polled, the others hang on the line only.
    private func bench() throws -> BusBench {
        try BusBench(
            [("M-1", 1, Self.block), ("M-2", 2, Self.block), ("X-5", 5, Self.block), ("X-9", 9, Self.block)],
            baud: 115_200, installed: 2)
    }

    private func range(_ units: [UInt8]) -> ScanRange {
        let own = SerialFormat(baud: 115_200, parity: .none, stopBits: 1)
        let other = SerialFormat(baud: 9600, parity: .even, stopBits: 1)
        return ScanRange(formats: [own, other], units: units, timeout: .milliseconds(120))
    }

    @Test("a scan finds what is not installed while the installed are polled on, and names a shared address")
    func scan() async throws {
        let bench = try bench()
        defer { bench.stop() }
        bench.adapter.set(.sharedAddress, on: "X-9", true)
        bench.start()
        _ = try await bench.answer(of: "M-1")
        let job = ScanJob(range(Array(1...10)), profiles: bench.profiles.all)
        bench.mailbox.start(job)
        let (devices, isComplete, progress) = try await found(job)
        #expect(isComplete)
        #expect(progress.last?.addressesDone == 20)
        // A busy machine may lose an answer.
        let clean = devices.filter { [.oneDevice, .poorLine].contains($0.evidence.verdict) }
        #expect(clean.map(\.unit) == [1, 2, 5])
        #expect(clean.allSatisfy { $0.model == .identified(Self.block) && $0.serial.baud == 115_200 })
        let shared = try #require(devices.first { $0.unit == 9 })
        #expect([.twoDevices, .perhapsTwoDevices].contains(shared.evidence.verdict), "\(shared.evidence)")
        // Live polling went on, in its own format.
        _ = try await bench.answer(of: "M-1")
        _ = try await bench.answer(of: "M-2")
        let tally = bench.watch.snapshot(at: .zero).tally
        #expect(tally.transactions[.scan] > 20)
        #expect(tally.transactions[.normal] > 0)
        #expect(tally.units[5] == nil)
    }

    @Test("a scan that is aborted tells what it found so far, and the next one may start")
    func abort() async throws {
        let bench = try bench()
        defer { bench.stop() }
        bench.start()
        let job = ScanJob(range(Array(1...247)), profiles: bench.profiles.all)
        bench.mailbox.start(job)
        for await event in job.events {
            if case .found = event { job.abort() }
            if case .ended(let devices, _, let isComplete) = event {
                #expect(!isComplete)
                #expect(devices.map(\.unit).contains(1))
            }
        }
        let second = ScanJob(range([5]), profiles: bench.profiles.all)
        bench.mailbox.start(second)
        #expect(try await found(second).devices.map(\.unit) == [5])
    }

    @Test("a second scan of the same bus is refused, the first goes on")
    func second() async throws {
        let bench = try bench()
        defer { bench.stop() }
        bench.start()
        let first = ScanJob(range(Array(1...12)), profiles: bench.profiles.all)
        bench.mailbox.start(first)
        var events = first.events.makeAsyncIterator()
        _ = await events.next()
        let other = ScanJob(range([1]), profiles: bench.profiles.all)
        bench.mailbox.start(other)
        await #expect(throws: GatewayProblem.self) { _ = try await found(other) }
        #expect(try await found(first).isComplete)
    }

    @Test("a trace has every transaction in order; one that is not read loses, and says how many")
    func trace() async throws {
        let bench = try bench()
        defer { bench.stop() }
        let trace = BusTrace()
        let number = try #require(bench.watch.follow(trace))
        let slow = BusTrace(mostWaiting: 8)
        let slowNumber = try #require(bench.watch.follow(slow))
        bench.start()
        var seen = 0
        var units: Set<UInt8> = []
        reading: for await item in trace.items {
            guard case .transaction(let traced) = item else { continue }
            seen += 1
            units.insert(traced.transaction.unit)
            if seen == 20 { break reading }
        }
        #expect(units == [1, 2])
        bench.watch.unfollow(number)
        var inOrder: [MonotonicTime] = []
        var lost: Int?
        losing: for await item in slow.items {
            switch item {
            case .transaction(let traced): inOrder.append(traced.transaction.sentAt)
            case .lost(let count):
                lost = count
                break losing
            case .stillHere: break
            }
        }
        bench.watch.unfollow(slowNumber)
        #expect(inOrder.count == 8)
        #expect(inOrder == inOrder.sorted())
        #expect(lost ?? 0 > 0)
    }

    @Test("no more may watch than there is room for, and who leaves makes room")
    func room() throws {
        let bench = try bench()
        defer { bench.stop() }
        let numbers = (0..<BusWatch.mostTraces).compactMap { _ in bench.watch.follow(BusTrace()) }
        #expect(numbers.count == BusWatch.mostTraces)
        #expect(bench.watch.follow(BusTrace()) == nil)
        bench.watch.unfollow(numbers[3])
        #expect(bench.watch.follow(BusTrace()) != nil)
    }
}
