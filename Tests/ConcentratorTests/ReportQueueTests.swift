import Metering
import Prepaid
import Testing

@testable import Concentrator

@Suite("Reports that wait for the ledger")
struct ReportQueueTests {
    private let at = Timestamp(
        boot: BootID(rawValue: "b"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 0), trust: .trusted)

    private func meter(_ number: Int) throws -> MeterID { try #require(MeterID(rawValue: "M-\(number)")) }

    private func order(_ number: Int) throws -> BusReport {
        let bus = try #require(BusID(rawValue: "bus1"))
        return .orderEnded(
            BreakerOrder(
                circuit: try #require(CircuitID(rawValue: "C-\(number)")),
                breaker: BreakerAddress(device: try #require(UnitAddress(bus: bus, unit: 1)), point: 1),
                position: .open, rule: .noCredit, decidedAt: .zero), readBack: nil, at: at)
    }

    private func word(_ report: BusReport?) -> String {
        switch report {
        case .answered(let meter, _, _, _): "answered \(meter)"
        case .lost(let meter, _): "lost \(meter)"
        case .orderEnded(let order, _, _): "ended \(order.circuit)"
        default: "other"
        }
    }

    private func words(_ queue: ReportQueue, _ count: Int) async -> [String] {
        var words: [String] = []
        for _ in 0..<count { words.append(word(await queue.next())) }
        return words
    }

    @Test("are taken in their order; the oldest values give way to what comes, and are counted")
    func values() async throws {
        let queue = ReportQueue(most: 4)
        queue.put(.lost(try meter(0), at: at))
        queue.put(try order(0))
        for number in 1...5 { queue.put(.answered(try meter(number), values: nil, positions: [:], at: at)) }
        #expect(queue.losses == ReportQueue.Losses(values: 3, events: 0))
        #expect(await words(queue, 4) == ["lost M-0", "ended C-0", "answered M-4", "answered M-5"])
    }

    @Test("what happens once stays while there is any room, the end of an order always")
    func events() async throws {
        let queue = ReportQueue(most: 4)
        queue.put(.answered(try meter(0), values: nil, positions: [:], at: at))
        for number in 1...8 { queue.put(.lost(try meter(number), at: at)) }
        #expect(queue.losses == ReportQueue.Losses(values: 1, events: 0))
        queue.put(.answered(try meter(9), values: nil, positions: [:], at: at))
        #expect(queue.losses == ReportQueue.Losses(values: 2, events: 0), "a value does not push out what happened")
        for number in 1...3 { queue.put(try order(number)) }
        #expect(queue.losses == ReportQueue.Losses(values: 2, events: 3))
        #expect(
            await words(queue, 8)
                == (4...8).map { "lost M-\($0)" } + (1...3).map { "ended C-\($0)" })
    }

    @Test("wake whoever waits, and no longer when the task is cancelled")
    func waiting() async throws {
        let queue = ReportQueue(most: 4)
        async let first = queue.next()
        queue.put(.lost(try meter(1), at: at))
        #expect(word(await first) == "lost M-1")
        let waiting = Task { await queue.next() == nil }
        waiting.cancel()
        #expect(await waiting.value)
    }

    @Test("go through in any number")
    func many() async throws {
        let queue = ReportQueue()
        for number in 0..<3_000 {
            queue.put(.lost(try meter(number), at: at))
            queue.put(.lost(try meter(number), at: at))
            #expect(word(await queue.next()).hasPrefix("lost"))
        }
        #expect(queue.losses == ReportQueue.Losses())
        #expect(await words(queue, 3_000).last == "lost M-2999")
    }
}

@Suite("A bell")
struct BellTests {
    @Test("that does not ring is not waited for longer than was said, however short that is")
    func shortest() async {
        let bell = Bell()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<2_000 { await bell.wait(after: 0, longest: .zero) } }
            }
        }
        #expect(bell.rings == 0)
    }

    @Test("that rang since the look is not waited for, nor by a task that is cancelled")
    func rung() async {
        let bell = Bell()
        let heard = bell.rings
        bell.ring()
        await bell.wait(after: heard, longest: .seconds(3_600))
        let waiting = Task { await bell.wait(after: 1, longest: .seconds(3_600)) }
        waiting.cancel()
        await waiting.value
    }
}
