import Foundation
import Metering
import Storage
import Testing
import UplinkProtocol

@Suite("Readings asked for by meter and time")
struct CurveTests {
    private let directory: TemporaryDirectory
    private let meter: MeterID

    init() throws {
        directory = try TemporaryDirectory()
        meter = try #require(MeterID(rawValue: "M-3"))
    }

    private func store(largestBytes: Int64 = 16 << 20) throws -> TelemetryStore {
        try TelemetryStore(path: directory.path + "/telemetry.db", newEpoch: "t1", largestBytes: largestBytes)
    }

    @Test("the span that was asked for comes back as it was written, from any segment")
    func span() throws {
        let store = try store(largestBytes: 1 << 20)
        var model = LoadModel(meters: 16)
        var written: [Reading] = []
        for scan in 0..<200 {
            let readings = try model.scan(at: moment(Int64(scan) * 300))
            written += readings.filter { $0.meter == meter }
            try store.commit(readings: readings, lastAccepted: [:])
        }
        let (from, to) = (moment(60 * 300).wall, moment(150 * 300).wall)
        let found = try store.readings(of: meter, from: from, to: to, limit: 1000)
        let expected = written.filter { $0.at.wall >= from && $0.at.wall < to }
        #expect(found == expected)
        #expect(found.count == 90)
        #expect(try store.readings(of: meter, from: from, to: to, limit: 5) == Array(found.prefix(5)))
        let all = WallTime(millisecondsSince1970: .max)
        #expect(try store.readings(of: meter, from: .init(millisecondsSince1970: 0), to: all, limit: 1000) == written)
        #expect(
            try store.readings(of: try #require(MeterID(rawValue: "none")), from: from, to: to, limit: 10).isEmpty)
    }

    @Test("freezes have the counters, the first of a period stays, old ones go")
    func freezes() throws {
        let store = try store()
        var model = LoadModel(meters: 4)
        func freeze(_ period: Int64, at seconds: Int64) throws -> Freeze {
            let readings = try model.scan(at: moment(seconds)).filter { $0.meter == meter }
            let reading = try #require(readings.first)
            return try #require(Freeze(.day, period: period, of: reading))
        }
        let first = try freeze(1000, at: 0)
        let areCounters = first.reading.values.keys.allSatisfy { $0.quantity.isCounter }
        #expect(areCounters)
        try store.commit(readings: [], lastAccepted: [:], freezes: [first, try freeze(1000, at: 60)])
        let second = try freeze(1001, at: 86_400)
        try store.commit(readings: [], lastAccepted: [:], freezes: [second])
        func found(_ store: TelemetryStore) throws -> [Reading] {
            try store.freezes(
                of: meter, kind: .day, from: .init(millisecondsSince1970: 0),
                to: .init(millisecondsSince1970: .max), limit: 10)
        }
        #expect(try found(store) == [first.reading, second.reading])
        try store.close()
        let again = try self.store()
        #expect(try found(again) == [first.reading, second.reading])
        let late = try freeze(1401, at: 86_400 * 401)
        try again.commit(readings: [], lastAccepted: [:], freezes: [late])
        #expect(try found(again) == [second.reading, late.reading])
    }

    @Test("freezes leave half of the file to readings: the oldest hours go first, days and months stay")
    func freezesAreBounded() throws {
        let store = try store(largestBytes: 192 * 1024)
        var model = LoadModel(meters: 8)
        for tenHours in 0..<Int64(75) {
            var (readings, freezes): ([Reading], [Freeze]) = ([], [])
            for hour in tenHours * 10..<tenHours * 10 + 10 {
                let scan = try model.scan(at: moment(hour * 3600))
                readings += scan
                freezes += scan.compactMap { Freeze(.hour, period: hour, of: $0) }
                if hour % 24 == 0 { freezes += scan.compactMap { Freeze(.day, period: hour / 24, of: $0) } }
                if hour % 720 == 0 { freezes += scan.compactMap { Freeze(.month, period: hour / 720, of: $0) } }
            }
            try store.commit(readings: readings, lastAccepted: [:], freezes: freezes)
        }
        let all = WallTime(millisecondsSince1970: .max)
        func found(_ kind: Freeze.Kind) throws -> [Reading] {
            try store.freezes(of: meter, kind: kind, from: .init(millisecondsSince1970: 0), to: all, limit: 2000)
        }
        let hours = try found(.hour)
        #expect(hours.last?.at.wall == moment(749 * 3600).wall + .milliseconds(180))
        #expect((50..<700).contains(hours.count), "\(hours.count) hours are left")
        #expect(try found(.day).count == 32)
        #expect(try found(.month).count == 2)
        // Readings nobody had: in their half, not pushed out.
        let waiting = try store.records(after: 0, limit: .max).count
        #expect(waiting > 1000, "\(waiting) readings wait")
        #expect(store.lastSequence == 6000)
    }

    @Test("a file of freezes alone goes on as well: when no hours are left days go, then months")
    func freezesAlone() throws {
        let store = try store(largestBytes: 64 * 1024)
        var model = LoadModel(meters: 20)
        for month in 0..<Int64(12) {
            var freezes: [Freeze] = []
            for day in month * 30..<month * 30 + 30 {
                let scan = try model.scan(at: moment(day * 86_400))
                freezes += scan.compactMap { Freeze(month < 6 ? .day : .month, period: day, of: $0) }
            }
            try store.commit(readings: [], lastAccepted: [:], freezes: freezes)
        }
        let all = WallTime(millisecondsSince1970: .max)
        func found(_ kind: Freeze.Kind) throws -> [Reading] {
            try store.freezes(of: meter, kind: kind, from: .init(millisecondsSince1970: 0), to: all, limit: 2000)
        }
        #expect(try found(.day).isEmpty)
        #expect(try found(.month).last?.at.wall == moment(359 * 86_400).wall + .milliseconds(180))
    }

    @Test("an acknowledgement is kept with the next commit, and with the end")
    func acknowledgement() throws {
        var model = LoadModel(meters: 4)
        let first = try store()
        try first.commit(readings: try model.scan(at: moment(0)), lastAccepted: [:])
        try first.advanceCursor(of: "push", through: 3)
        try first.advanceCursor(of: "push", through: 2)
        try first.advanceCursor(of: "push", through: 99)
        #expect(try first.cursor(of: "push") == 3)
        try first.close()
        let second = try store()
        #expect(try second.cursor(of: "push") == 3)
        try second.advanceCursor(of: "push", through: 4)
        try second.commit(readings: try model.scan(at: moment(300)), lastAccepted: [:])
        #expect(try second.cursor(of: "push") == 4)
    }
}
