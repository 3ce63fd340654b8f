import Prepaid
import Storage
import Testing
import UplinkProtocol

@testable import Concentrator

@Suite("Lost and refused readings leave a trace in the ledger")
struct ReadingLossTests {
    private func losses(_ bench: SiteBench) async throws -> [Event] {
        try await bench.site.events().filter { [.readingsEvicted, .readingsRefused].contains($0.code) }
    }

    @Test("the first is told at once, the rest of the hour with the end at the latest")
    func told() async throws {
        let bench = try await SiteBench(count: 1)
        for _ in 0..<50 { await bench.site.note(evicted: 7, at: bench.clock.now()) }
        for sequence in 10..<Int64(40) {
            await bench.site.note(refused: [Refusal(sequence: sequence, reason: "no such meter")])
        }
        await bench.site.note(refused: [])
        await bench.site.tick()
        let first = [
            Event(.readingsEvicted, .gateway, ["count": "7"]),
            Event(
                .readingsRefused, .gateway, ["count": "1", "first": "10", "last": "10", "reason": "no such meter"]),
        ]
        #expect(try await losses(bench) == first)
        await bench.site.tellLosses(at: bench.clock.now(), isEnding: true)
        let rest = [
            Event(.readingsEvicted, .gateway, ["count": "343"]),
            Event(
                .readingsRefused, .gateway,
                ["count": "29", "first": "11", "last": "39", "reason": "no such meter"]),
        ]
        #expect(try await losses(bench) == first + rest)
    }
}

extension SiteService {
    fileprivate func events() throws -> [Event] {
        try ledger.records(after: 0, limit: 10_000).compactMap { record -> Event? in
            guard case .event(let event) = record.body else { return nil }
            return event
        }
    }
}
