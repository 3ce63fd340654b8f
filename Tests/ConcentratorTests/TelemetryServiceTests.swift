import Foundation
import Metering
import Storage
import Testing
import UplinkProtocol

@testable import Concentrator

@Suite("Readings on their way upstream before they are written")
struct TelemetryServiceTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mk-\(UUID().uuidString.prefix(8))")
    private let (first, second): (MeterID, MeterID)

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        first = try #require(MeterID(rawValue: "M-1"))
        second = try #require(MeterID(rawValue: "M-2"))
    }

    private func service() async throws -> TelemetryService {
        let store = try TelemetryStore(path: folder.appending(path: "telemetry.db").path, newEpoch: "t1")
        let service = TelemetryService(
            store: store, interval: .seconds(300), commitInterval: .seconds(1500), zone: .utc, changed: Bell())
        await service.follow([first, second], at: Self.moment(0))
        return service
    }

    private static func moment(_ seconds: Int64) -> Timestamp {
        Timestamp(
            boot: BootID(rawValue: "b"), monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000 + 123_456),
            wall: WallTime(millisecondsSince1970: 1_790_000_100_000 + seconds * 1000), trust: .trusted)
    }

    private func reading(_ meter: MeterID, _ seconds: Int64) -> Reading {
        Reading(meter: meter, at: Self.moment(seconds), values: [Channel(.energyImport): 1000 + seconds])
    }

    private func records(_ service: TelemetryService, after sequence: Int64 = 0) async throws -> [String] {
        try await service.entries(after: sequence, limit: 100).map { $0.record.json.canonicalText }
    }

    @Test("a scan is there for consumers when its last meter is read, and is the same once it is written")
    func prompt() async throws {
        let service = try await service()
        await service.add(reading(first, 1), marks: [:])
        #expect(try await records(service).isEmpty, "the other meter's is waited for")
        await service.add(reading(second, 2), marks: [:])
        let live = try await records(service)
        #expect(live.count == 2)
        #expect(await service.lastSequence() == 2)
        try await service.advance("push", through: 2)
        #expect(try await service.cursor(of: "push") == 2)
        _ = await service.commit()
        #expect(try await records(service) == live)
        #expect(await service.queued(for: "push") == 0)
        await service.close()
    }

    @Test("a meter that does not answer holds the others' readings up for seconds only")
    func silentMeter() async throws {
        let service = try await service()
        await service.add(reading(first, 1), marks: [:])
        _ = await service.turn(at: Self.moment(3))
        #expect(try await records(service).isEmpty)
        _ = await service.turn(at: Self.moment(7))
        #expect(try await records(service).count == 1)
        // Nothing was written for it: the first commit is due ten seconds after the first turn.
        #expect(await service.queued(for: "push") == 1)
        await service.close()
    }

    @Test("after a sudden end no number is used twice, and those that were not written are a gap")
    func suddenEnd() async throws {
        do {
            let service = try await service()
            await service.add(reading(first, 1), marks: [:])
            await service.add(reading(second, 2), marks: [:])
            _ = await service.commit()
            await service.add(reading(first, 301), marks: [:])
            await service.add(reading(second, 302), marks: [:])
            #expect(try await records(service, after: 2).count == 2)
            // Let go without a word.
        }
        let service = try await service()
        let entries = try await service.entries(after: 0, limit: 100)
        #expect(entries.prefix(2).map(\.sequence) == [1, 2])
        let more = try await service.entries(after: 2, limit: 100)
        guard case .gap(let sequence, let count, _)? = more.first, more.count == 1 else {
            Issue.record("no gap: \(more)")
            return
        }
        #expect(sequence > 4 && sequence == 2 + count)
        await service.add(reading(first, 601), marks: [:])
        await service.add(reading(second, 602), marks: [:])
        let fresh = try await records(service, after: sequence)
        #expect(fresh.count == 2)
        #expect(await service.lastSequence() == sequence + 2)
        await service.close()
        // After an end in order nothing is missing.
        let last = try await self.service()
        #expect(await last.lastSequence() == sequence + 2)
        #expect(try await records(last, after: sequence) == fresh)
        await last.close()
    }
}
