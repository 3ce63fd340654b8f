import Board
import FieldBus
import Foundation
import Logging
import MeterProfiles
import MeterSimulation
import Metering
import Storage
import Synchronization
import Testing

@testable import Concentrator
@testable import Prepaid

/// The adapter with the simulated meters behind it.
final class Adapter: Sendable {
    private let host: Mutex<SimulatorHost>
    /// Requests on the line when each order ended.
    private let countsAtOrderEnd = Mutex<[Int]>([])

    init(_ host: SimulatorHost) { self.host = Mutex(host) }

    var requestCount: Int { host.withLock { $0.lineStatistics.first?.requests ?? 0 } }
    var lastCountAtOrderEnd: Int? { countsAtOrderEnd.withLock { $0.last } }

    func orderEnded() { countsAtOrderEnd.withLock { $0.append(requestCount) } }

    func set(_ fault: Fault, on name: String, _ isOn: Bool) {
        host.withLock {
            $0.withWorld { world in
                _ = world.with(name) { if isOn { $0.faults.insert(fault) } else { $0.faults.remove(fault) } }
            }
        }
    }

    func pullOut() { host.withLock { $0.stop() } }
    func plugIn(_ other: SimulatorHost) { host.withLock { $0 = other } }
}

/// A simulated bus with the service that polls it, and what it reported.
final class BusBench: Sendable {
    let plan: WorldPlan
    let profiles: ProfileLibrary
    let mailbox = BusMailbox()
    let watch: BusWatch
    let reports: AsyncStream<BusReport>
    private let service: BusService
    private let task = Mutex<Task<Void, Never>?>(nil)
    let adapter: Adapter

    /// - Parameters:
    ///   - devices: (name, unit, profile).
    ///   - installed: how many of them the site knows; all where nothing is said.
    ///   - normal: how often the normal class is wanted.
    ///   - learned: what devices were found to refuse in an earlier run.
    init(
        _ devices: [(String, UInt8, String)], baud: Int, installed: Int? = nil,
        normal: Duration = .milliseconds(100), learned: [StoredHoles] = []
    ) throws {
        let link = FileManager.default.temporaryDirectory.appending(path: "bus-\(UUID().uuidString.prefix(8))").path
        var text = """
            seed: 5
            buses:
              - name: bus1
                link: \(link)
                baud: \(baud)
                format: 8N1
                turnaround_us: [500, 1500]
                devices:

            """
        for (name, unit, profile) in devices {
            text += "      - { name: \(name), unit: \(unit), profile: \(profile), energy_wh: 20000 }\n"
        }
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "etc/profiles")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .map { (name: $0.lastPathComponent, text: try String(contentsOf: $0, encoding: .utf8)) }
        profiles = try ProfileLibrary(files: files)
        plan = try WorldPlan(file: "bench", text: text)
        let adapter = Adapter(try SimulatorHost(plan: plan, profiles: profiles))
        self.adapter = adapter
        let bus = try #require(BusID(rawValue: "bus1"))
        let serial = SerialFormat(baud: baud, parity: .none, stopBits: 1)
        let configuration = BusConfiguration(id: bus, port: link, serial: serial)
        let clock = GatewayClock(system: try SystemClock(), source: .assumed)
        watch = BusWatch(configuration: configuration, now: clock.monotonicNow())
        let (stream, continuation) = AsyncStream.makeStream(of: BusReport.self)
        reports = stream
        service = BusService(
            configuration: configuration,
            port: BusPort(bus: bus, path: link, serial: serial), mailbox: mailbox, profiles: profiles,
            periods: .init(fast: .milliseconds(50), normal: normal, slow: normal * 4),
            clock: clock, progress: Progress(), watch: watch,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            report: { report in
                if case .orderEnded = report { adapter.orderEnded() }
                continuation.yield(report)
            })
        mailbox.setLearned(learned)
        mailbox.setDevices(
            try devices.prefix(installed ?? devices.count).map { name, unit, profile in
                SiteMeter(
                    id: try meter(name), address: try #require(UnitAddress(bus: bus, unit: unit)), profile: profile)
            })
    }

    func start() { task.withLock { $0 = Task { [service] in await service.run() } } }

    func stop() {
        task.withLock { $0?.cancel() }
        mailbox.wake()
        adapter.pullOut()
    }

    /// The adapter is plugged in again elsewhere, under its stable name.
    func plugIn() throws { adapter.plugIn(try SimulatorHost(plan: plan, profiles: profiles)) }

    /// Waits for a report.
    func first<Value>(_ wanted: (BusReport) -> Value?) async throws -> Value {
        for await report in reports { if let value = wanted(report) { return value } }
        throw CancellationError()
    }

    func answer(of name: String) async throws -> [Channel: Int64] {
        let wanted = try meter(name)
        return try await first { report in
            if case .answered(wanted, let values, _, _) = report { values } else { nil }
        }
    }
}

private func meter(_ name: String) throws -> MeterID { try #require(MeterID(rawValue: name)) }

@Suite("One bus, from its port to its reports", .serialized, .timeLimit(.minutes(5)))
struct BusServiceTests {
    @Test("devices are read, lost when they fall silent, and found when they answer")
    func lostAndFound() async throws {
        let bench = try BusBench(
            [("M-1", 1, "acrel-ddsy1352-block"), ("M-2", 2, "acrel-ddsy1352-block")], baud: 115_200)
        defer { bench.stop() }
        bench.start()
        #expect(try await bench.answer(of: "M-1")[Channel(.energyImport)] == 20_000)
        #expect(try await bench.answer(of: "M-2")[Channel(.energyImport)] == 20_000)
        let second = try meter("M-2")
        bench.adapter.set(.dead, on: "M-2", true)
        try await bench.first { if case .lost(second, _) = $0 { () } else { nil } }
        _ = try await bench.answer(of: "M-1")
        bench.adapter.set(.dead, on: "M-2", false)
        try await bench.first { if case .found(second, _) = $0 { () } else { nil } }
        _ = try await bench.answer(of: "M-2")
    }

    @Test("a breaker order waits for one request at most, not for the rest of a poll (neuron)")
    func orderFirst() async throws {
        let bench = try BusBench([("E-1", 1, "eastron-sdm630"), ("R-1", 100, "waveshare-relay-8")], baud: 19_200)
        defer { bench.stop() }
        let profile = try #require(bench.profiles["eastron-sdm630"])
        let serial = SerialFormat(baud: 19_200, parity: .none, stopBits: 1)
        let bus = try #require(BusID(rawValue: "bus1"))
        let address = try #require(UnitAddress(bus: bus, unit: 1))
        let device = PolledDevice(
            SiteMeter(id: try meter("E-1"), address: address, profile: profile.id), profile: profile, serial: serial,
            turnaround: .milliseconds(1))
        #expect((device.plans[.slow]?.requests.count ?? 0) >= 3)
        bench.start()
        _ = try await bench.answer(of: "E-1")
        let breaker = BreakerAddress(device: try #require(UnitAddress(bus: bus, unit: 100)), point: 3)
        let circuit = try #require(CircuitID(rawValue: "C-1"))
        for turn in 0..<8 {
            let position: BreakerPosition = turn.isMultiple(of: 2) ? .open : .closed
            // Somewhere within the next poll.
            let start = bench.adapter.requestCount
            while bench.adapter.requestCount < start + 1 + turn % 4 { await Task.yield() }
            let order = BreakerOrder(
                circuit: circuit, breaker: breaker, position: position, rule: .forcedOff,
                decidedAt: try SystemClock().monotonicNow())
            bench.mailbox.send(order)
            let before = bench.adapter.requestCount
            let readBack = try await bench.first { report in
                if case .orderEnded(order, let readBack, _) = report { readBack } else { nil }
            }
            #expect(readBack == position)
            let after = try #require(bench.adapter.lastCountAtOrderEnd)
            // The one in flight, the write, the read-back.
            #expect(after - before <= 3)
            _ = try await bench.answer(of: "E-1")
        }
    }

    @Test("before a tariff or freeze boundary, and right after it, every device is read again")
    func boundary() async throws {
        let bench = try BusBench(
            [("M-1", 1, "acrel-ddsy1352-block"), ("M-2", 2, "acrel-ddsy1352-block")], baud: 115_200,
            normal: .seconds(3600))
        defer { bench.stop() }
        bench.start()
        for name in ["M-1", "M-2"] { _ = try await bench.answer(of: name) }
        let clock = try SystemClock()
        // The minute before it has begun, and it comes soon.
        let boundary = clock.monotonicNow() + .milliseconds(500)
        bench.mailbox.setBoundary(boundary)
        for name in ["M-1", "M-2"] { _ = try await bench.answer(of: name) }
        for name in ["M-1", "M-2"] { _ = try await bench.answer(of: name) }
        #expect(clock.monotonicNow() >= boundary)
        // Nothing else is due for an hour.
        #expect(bench.adapter.requestCount < 30)
    }

    @Test("what a device was found to refuse in an earlier run is not asked for again")
    func storedHoles() async throws {
        let kept = StoredHoles(meter: "M-1", profile: "eastron-sdm120", holes: "M4:342")
        let other = StoredHoles(meter: "M-2", profile: "eastron-sdm630", holes: "M4:342")
        let bench = try BusBench(
            [("M-1", 1, "eastron-sdm120"), ("M-2", 2, "eastron-sdm120")], baud: 115_200, learned: [kept, other])
        defer { bench.stop() }
        bench.start()
        let without = try await bench.answer(of: "M-1")
        #expect(without[Channel(.energyTotal)] == nil)
        #expect(without[Channel(.voltage)] != nil)
        // What was learned of another model says nothing of this one.
        #expect(try await bench.answer(of: "M-2")[Channel(.energyTotal)] == 20_000)
    }

    @Test("an adapter that is pulled out and plugged in again is in use again (edgex 636)")
    func unplugged() async throws {
        let bench = try BusBench([("M-1", 1, "acrel-ddsy1352-block")], baud: 115_200)
        defer { bench.stop() }
        bench.start()
        _ = try await bench.answer(of: "M-1")
        bench.adapter.pullOut()
        try await bench.first { if case .busLost = $0 { () } else { nil } }
        try bench.plugIn()
        try await bench.first { if case .busFound = $0 { () } else { nil } }
        _ = try await bench.answer(of: "M-1")
    }
}
