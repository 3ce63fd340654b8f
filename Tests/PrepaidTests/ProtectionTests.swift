import Foundation
import Metering
import Testing

@testable import Prepaid

/// One circuit under safety rules, polled by hand.
private struct ProtectionBench {
    var group: SupplyGroup
    let circuit: CircuitID
    let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(3_600))
    var counter: Int64 = 1_000
    var events: [Event] = []
    var orders: [BreakerOrder] = []

    init(
        overload: OverloadSettings? = nil, malignant: MalignantLoadSettings? = nil, timer: TimerTable = .unused,
        memory: BreakerMemory = BreakerMemory(confirmed: .closed)
    ) throws {
        circuit = try #require(CircuitID(rawValue: "c1"))
        let state = CircuitState(
            circuit: try AccountFixture.circuit("c1"), posted: AccountFixture.mark(1_000, 0),
            lastAccepted: AccountFixture.mark(1_000, 0), memory: memory,
            rules: CircuitRules(timer: timer, overload: overload, malignant: malignant))
        group = SupplyGroup(account: try AccountFixture.open(balance: "500"), circuits: [state])
        for second in [1, 2] as [Int64] { read(0, at: second) }
    }

    /// One poll: the power in W and var. An order is carried out at once.
    mutating func read(_ watts: Int64, _ vars: Int64? = 0, at second: Int64) {
        keep(
            group.take(
                counter: counter, activePower: watts * 1_000, reactivePower: vars.map { $0 * 1_000 }, of: circuit,
                now: AccountFixture.at(second), site: site), at: second)
    }

    mutating func tick(at second: Int64) {
        keep(group.tick(now: AccountFixture.at(second), site: site), at: second)
    }

    mutating func release(at second: Int64) {
        keep(group.releaseLockout(of: circuit, now: AccountFixture.at(second), site: site), at: second)
    }

    private mutating func keep(_ outcome: GroupOutcome, at second: Int64) {
        events += outcome.change.events
        orders += outcome.orders
        guard let order = outcome.orders.first else { return }
        keep(
            group.orderEnded(circuit, readBack: order.position, now: AccountFixture.at(second), site: site), at: second)
    }

    var isOpen: Bool { group.circuits[0].reconciler.memory.confirmed == .open }
    var memory: BreakerMemory { group.circuits[0].reconciler.memory }
    func count(_ code: EventCode) -> Int { events.count { $0.code == code } }
}

@Suite("A circuit under overload protection")
struct OverloadProtectionTests {
    private static func settings(releases: Int = 3) throws -> OverloadSettings {
        try OverloadSettings(
            limitMilliwatts: 3_000_000, delay: .seconds(5),
            release: try #require(ReleasePolicy(delay: .seconds(300), releasesPerDay: releases)),
            clearAfter: .seconds(3_600))
    }

    @Test("trips when every reading of the delay is above the limit, and not before")
    func delay() throws {
        var bench = try ProtectionBench(overload: Self.settings())
        bench.read(3_500, at: 10)
        bench.read(3_500, at: 14)
        #expect(!bench.isOpen, "four seconds are not five")
        bench.read(2_900, at: 15)
        bench.read(3_500, at: 16)
        bench.read(3_500, at: 20)
        #expect(!bench.isOpen, "the delay begins anew")
        bench.read(3_500, at: 21)
        #expect(bench.isOpen)
        #expect(bench.orders.last?.rule == .overload)
        let trip = try #require(bench.events.first { $0.code == .overloadTripped })
        #expect(trip.detail["limit_mw"] == "3000000" && trip.detail["lasting_ms"] == "5000")
    }

    @Test("equal to the limit is no overload; one wild reading neither; garbage neither")
    func limits() throws {
        var bench = try ProtectionBench(overload: Self.settings())
        for second in 10..<40 as Range<Int64> { bench.read(3_000, at: second) }
        bench.read(9_000, at: 41)
        bench.read(100, at: 42)
        // Ten times what the circuit can carry is no power.
        for second in 50..<60 as Range<Int64> { bench.read(2_000_000, at: second) }
        #expect(!bench.isOpen && bench.orders.isEmpty)
    }

    @Test("closes again after its time, three times a day; then a person must")
    func releases() throws {
        var bench = try ProtectionBench(overload: Self.settings())
        var second: Int64 = 100
        for trip in 1...4 {
            for step in 0...5 as ClosedRange<Int64> { bench.read(5_000, at: second + step) }
            #expect(bench.isOpen, "trip \(trip)")
            bench.tick(at: second + 304)
            #expect(bench.isOpen, "four seconds too early")
            bench.tick(at: second + 306)
            #expect(bench.isOpen == (trip == 4), "trip \(trip)")
            second += 600
        }
        #expect(bench.count(.overloadTripped) == 4)
        bench.tick(at: second + 2_000)
        #expect(bench.isOpen)
        bench.release(at: second + 2_001)
        #expect(!bench.isOpen)
        #expect(bench.count(.lockoutReleased) == 4)
    }

    @Test("an hour without overload forgets the trips before it")
    func cleared() throws {
        var bench = try ProtectionBench(overload: Self.settings(releases: 1))
        for second in 10...15 as ClosedRange<Int64> { bench.read(5_000, at: second) }
        bench.tick(at: 316)
        #expect(!bench.isOpen)
        bench.tick(at: 316 + 3_600)
        #expect(bench.count(.overloadCountCleared) == 1)
        for second in 4_000...4_005 as ClosedRange<Int64> { bench.read(5_000, at: second) }
        bench.tick(at: 4_306)
        #expect(!bench.isOpen, "it was the first trip again")
    }

    @Test("goes on where it was after a restart")
    func restart() throws {
        var bench = try ProtectionBench(overload: Self.settings())
        for second in 10...15 as ClosedRange<Int64> { bench.read(5_000, at: second) }
        #expect(bench.memory.lockout == .overload)
        var next = try ProtectionBench(overload: Self.settings(), memory: bench.memory)
        next.tick(at: 100)
        #expect(next.isOpen)
        next.tick(at: 316)
        #expect(!next.isOpen)
        bench.group.set(rules: .standard, of: bench.circuit)
        bench.tick(at: 30)
        #expect(bench.memory.lockout == nil && !bench.isOpen, "a rule that is no longer set holds no breaker")
    }

    @Test("acts where the ledger cannot be written, and remembers that it did")
    func withoutLedger() throws {
        var bench = try ProtectionBench(overload: Self.settings())
        bench.read(5_000, at: 10)
        var tried = bench.group
        let outcome = tried.take(
            counter: bench.counter, activePower: 5_000_000, of: bench.circuit, now: AccountFixture.at(15),
            site: bench.site)
        #expect(outcome.orders.first?.actsWithoutLedger == true)
        bench.group.keepOrders(outcome.orders, ended: nil, of: tried)
        #expect(bench.group.circuits[0].reconciler.memory.lockout == .overload)
        bench.tick(at: 16)
        #expect(bench.group.circuits[0].decision?.rule == .overload)
    }
}

@Suite("A circuit under malignant-load protection")
struct MalignantProtectionTests {
    private static func settings(_ mode: ProtectionMode, allowed: [LearnedAppliance] = []) throws
        -> MalignantLoadSettings
    {
        try MalignantLoadSettings(
            mode: mode, allowed: allowed,
            release: try #require(ReleasePolicy(delay: .seconds(60), releasesPerDay: 2)))
    }

    private static func kettle(_ bench: inout ProtectionBench, from second: Int64, watts: Int64 = 2_000) {
        for step in 0...20 as ClosedRange<Int64> where !bench.isOpen { bench.read(watts + 100, 35, at: second + step) }
    }

    @Test("a kettle is found however often power is read", arguments: [100, 200, 300, 500, 1_000, 3_000, 5_000])
    func everyRate(milliseconds: Int64) throws {
        var detector = MalignantLoadDetector(settings: try MalignantLoadSettings(mode: .trip))
        var findings: [MalignantFinding] = []
        for number in 0..<(60_000 / milliseconds) {
            let at = MonotonicTime(nanoseconds: number * milliseconds * 1_000_000)
            let isOn = number * milliseconds >= 20_000
            findings += detector.observe(
                PowerSample(
                    at: at, activeMilliwatts: isOn ? 2_100_000 : 300_000, reactiveMillivars: isOn ? 38_000 : 30_000))
        }
        #expect(findings.map(\.verdict) == [.resistive])
        #expect(findings.map(\.action) == [.trip])
    }

    @Test("a kettle beside other loads trips it, with the evidence")
    func kettle() throws {
        var bench = try ProtectionBench(malignant: Self.settings(.trip))
        for second in 10..<40 as Range<Int64> { bench.read(100, 30, at: second) }
        Self.kettle(&bench, from: 40)
        #expect(bench.isOpen && bench.orders.last?.rule == .malignantLoad)
        let trip = try #require(bench.events.first { $0.code == .malignantTripped })
        #expect(trip.detail["verdict"] == "resistive" && trip.detail["power_mw"] == "2000000")
        #expect(trip.detail["evidence"]?.split(separator: " ").count ?? 0 > 8)
        #expect(trip.detail["reason"]?.contains("a heater") == true)
    }

    @Test("it closes again after its time, so often a day, then a person must")
    func releases() throws {
        var bench = try ProtectionBench(malignant: Self.settings(.trip))
        var second: Int64 = 10
        for trip in 1...3 {
            for step in 0..<20 as Range<Int64> { bench.read(100, 30, at: second + step) }
            Self.kettle(&bench, from: second + 20)
            #expect(bench.isOpen, "trip \(trip)")
            bench.tick(at: second + 120)
            #expect(bench.isOpen == (trip == 3), "trip \(trip)")
            second += 200
        }
        bench.release(at: second)
        #expect(!bench.isOpen)
    }

    @Test("alarm mode opens nothing, and what was learned raises none")
    func milder() throws {
        var alarm = try ProtectionBench(malignant: Self.settings(.alarm))
        for second in 10..<40 as Range<Int64> { alarm.read(100, 30, at: second) }
        Self.kettle(&alarm, from: 40)
        #expect(!alarm.isOpen && alarm.count(.malignantAlarm) == 1)
        var learned = try ProtectionBench(
            malignant: Self.settings(
                .trip, allowed: [LearnedAppliance(name: "iron", activeMilliwatts: 1_950_000)]))
        for second in 10..<40 as Range<Int64> { learned.read(100, 30, at: second) }
        Self.kettle(&learned, from: 40)
        #expect(!learned.isOpen && learned.count(.malignantAlarm) == 0)
    }

    @Test("a motor, a power supply and a slow change are none of its business")
    func harmless() throws {
        var bench = try ProtectionBench(malignant: Self.settings(.trip))
        for second in 10..<40 as Range<Int64> { bench.read(100, 30, at: second) }
        // A motor: a start at five times its power, then 800 W at 0.8.
        bench.read(4_100, 3_000, at: 40)
        for second in 41..<70 as Range<Int64> { bench.read(900, 630, at: second) }
        for second in 70..<100 as Range<Int64> { bench.read(100, 30, at: second) }
        // A power supply: 500 W at 0.6.
        for second in 100..<140 as Range<Int64> { bench.read(600, 700, at: second) }
        // A dimmer turned up slowly.
        for second in 140..<260 as Range<Int64> { bench.read(600 + (second - 140) * 5, 700, at: second) }
        #expect(!bench.isOpen && bench.count(.malignantTripped) == 0)
    }
}

@Suite("Recorded appliances")
struct RecordedApplianceTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "Fixtures/appliances")

    @Test("a kettle and a water heater are found among a vacuum cleaner, at every poll", arguments: [1, 2, 3, 5])
    func together(period: Int) throws {
        let text = try String(
            contentsOf: Self.folder.appending(path: "kettle_vacuum_water_heater.csv"), encoding: .utf8)
        let recording = try RecordedPower(csv: text).polled(every: .seconds(period))
        let replay = MalignantReplay(settings: try MalignantLoadSettings(mode: .trip))
        let trips = replay.findings(in: recording).filter { $0.action == .trip }
        #expect(trips.count == 3)
        // The vacuum cleaner takes 700 W; kettle and heater more than 1 kW.
        #expect(trips.allSatisfy { $0.step.activeMilliwatts > 1_000_000 })
        #expect(replay.report(on: recording).last?.contains("3 would trip") == true)
    }

    @Test("what is no recording is refused with line and remedy")
    func refused() {
        let cases = [
            ("", "no header"), ("a,b\n1,2", "no column time_s"), ("time_s,active_power_w\n1", "1 cells"),
            ("time_s,active_power_w\n2,5\n1,5", "not after the line before"),
            ("time_s,active_power_w\n1,1e3", "no number"),
            ("timestamp,active_power_w\n2026-02-30 00:00:00,5", "timestamp"),
        ]
        for (text, what) in cases {
            let problem = #expect(throws: RecordingProblem.self) { try RecordedPower(csv: text) }
            #expect(problem?.description.contains(what) == true, "\(text): \(problem?.description ?? "")")
        }
    }
}
