import Metering
import Prepaid
import Testing

private func seconds(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

private func circuits(_ count: Int, from first: Int = 1) throws -> [CircuitID] {
    try (first..<first + count).map { try #require(CircuitID(rawValue: "c\($0)")) }
}

@Suite("Closings are staggered")
struct ClosingPlannerTests {
    @Test("each circuit closes once, a gap apart, in an order of chance")
    func staggered() throws {
        var orders: Set<[CircuitID]> = []
        for seed in 0..<8 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var planner = ClosingPlanner(gap: .seconds(2))
            planner.replaceWaiting(with: Set(try circuits(6)))
            var order: [CircuitID] = []
            for second in 0..<12 as Range<Int64> {
                guard let next = planner.next(now: seconds(second), using: &generator) else {
                    #expect(second % 2 == 1)
                    continue
                }
                order.append(next)
                #expect(planner.nextMoment(now: seconds(second)) == (order.count == 6 ? nil : seconds(second + 2)))
            }
            #expect(Set(order) == Set(try circuits(6)) && order.count == 6)
            orders.insert(order)
        }
        #expect(orders.count > 4)
    }

    @Test("a single one does not wait, and one that withdrew is not chosen")
    func single() throws {
        var generator = SeededGenerator(seed: 1)
        var planner = ClosingPlanner(gap: .seconds(500))
        #expect(planner.next(now: seconds(0), using: &generator) == nil)
        let two = try circuits(2)
        planner.replaceWaiting(with: Set(two))
        planner.replaceWaiting(with: [two[1]])
        #expect(planner.next(now: seconds(0), using: &generator) == two[1])
        planner.replaceWaiting(with: [two[0]])
        #expect(planner.nextMoment(now: seconds(0)) == seconds(60), "the gap is bounded")
    }
}

@Suite("The mass guard")
struct MassGuardTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let site: Int
        let due: Int
        let isHeld: Bool
        var testDescription: String { "\(due) of \(site) \(isHeld ? "are held" : "may go")" }
    }

    @Test(
        "holds more than a tenth of the circuits, and at least five",
        arguments: [
            Row(site: 3, due: 3, isHeld: false), Row(site: 8, due: 4, isHeld: false),
            Row(site: 8, due: 5, isHeld: true),
            Row(site: 50, due: 5, isHeld: false), Row(site: 50, due: 6, isHeld: true),
            Row(site: 59, due: 5, isHeld: false), Row(site: 59, due: 6, isHeld: true),
            Row(site: 200, due: 20, isHeld: false), Row(site: 200, due: 21, isHeld: true),
        ])
    func threshold(row: Row) throws {
        var mass = MassGuard(circuitCount: row.site)
        let due = Set(try circuits(row.due))
        #expect(mass.admit(due, now: seconds(0)) == (row.isHeld ? [] : due))
        #expect(mass.isHeld == row.isHeld)
    }

    @Test("counts what was opened within ten minutes, one after another")
    func slowly() throws {
        var mass = MassGuard(circuitCount: 20)
        let due = try circuits(10)
        for index in 0..<4 {
            #expect(mass.admit([due[index]], now: seconds(Int64(index) * 149)) == [due[index]])
        }
        #expect(mass.admit([due[4]], now: seconds(599)).isEmpty)
        #expect(mass.isHeld)
        var spread = MassGuard(circuitCount: 20)
        for index in 0..<10 {
            #expect(spread.admit([due[index]], now: seconds(Int64(index) * 150)) == [due[index]])
        }
    }

    @Test("who paid is not counted; when all have paid there is nothing to hold")
    func paid() throws {
        var mass = MassGuard(circuitCount: 10)
        let due = try circuits(6)
        _ = mass.admit(Set(due), now: seconds(0))
        #expect(mass.isHeld)
        #expect(mass.admit(Set(due.prefix(1)), now: seconds(5)).isEmpty, "still held for the one that is left")
        #expect(mass.admit([], now: seconds(10)).isEmpty)
        #expect(!mass.isHeld)
        #expect(mass.admit(Set(due.prefix(1)), now: seconds(15)).count == 1)
    }

    @Test("waits for a person however long it takes, then lets go what is due, and watches on")
    func confirmed() throws {
        var mass = MassGuard(circuitCount: 10)
        let due = try circuits(6)
        #expect(mass.admit(Set(due), now: seconds(0)).isEmpty)
        #expect(mass.admit(Set(due), now: seconds(90_000)).isEmpty)
        mass.confirm()
        #expect(mass.admit(Set(due), now: seconds(90_001)) == Set(due))
        let others = Set(try circuits(5, from: 20))
        #expect(mass.admit(others.union(due), now: seconds(90_002)) == Set(due), "new ones are held again")
    }
}

@Suite("What a wanted move waits for")
struct SwitchingGateTests {
    private func rules(dwell: Int64 = 0, user: Bool = false) throws -> SwitchingRules {
        try SwitchingRules(minimumDwell: .seconds(dwell), needsUserToClose: user)
    }

    @Test("safety and operators wait for no dwell; money and time do")
    func dwell() throws {
        var gate = SwitchingGate(rules: try rules(dwell: 30))
        gate.moved(to: .closed, by: .supply, now: seconds(0))
        for rule in BreakerRule.allCases where rule != .noAccount {
            let wait = gate.wait(for: .open, by: rule, isDirected: false, now: seconds(29))
            #expect(wait == (rule.actsAtOnce ? nil : .dwell(until: seconds(30))), "\(rule)")
            #expect(gate.wait(for: .open, by: rule, isDirected: false, now: seconds(30)) == nil)
        }
    }

    @Test("after a cut or a lockout the user must agree, after a timer or a reminder not")
    func user() throws {
        let afterwards: [(BreakerRule, Bool)] = [
            (.noCredit, true), (.overload, true), (.malignantLoad, true), (.accountClosed, true), (.timerOff, false),
            (.lowBalanceReminder, false), (.forcedOff, false), (.maintenanceLock, false),
        ]
        for (rule, needsUser) in afterwards {
            var gate = SwitchingGate(rules: try rules(user: true))
            gate.moved(to: .open, by: rule, now: seconds(0))
            let wait = gate.wait(for: .closed, by: .supply, isDirected: false, now: seconds(5))
            #expect(wait == (needsUser ? .user : nil), "\(rule)")
            #expect(gate.wait(for: .closed, by: .guarantee, isDirected: false, now: seconds(5)) == nil)
            gate.userAgreed()
            #expect(gate.wait(for: .closed, by: .supply, isDirected: false, now: seconds(5)) == nil)
            gate.moved(to: .closed, by: .supply, now: seconds(6))
            gate.moved(to: .open, by: .noCredit, now: seconds(7))
            #expect(gate.wait(for: .closed, by: .supply, isDirected: false, now: seconds(8)) == .user, "asked anew")
        }
        let restarted = SwitchingGate(rules: try rules(user: true))
        #expect(restarted.wait(for: .closed, by: .supply, isDirected: false, now: seconds(0)) == .user)
    }

    @Test("where moves are directed, closings wait for their turn and credit cuts for admission")
    func directed() throws {
        var gate = SwitchingGate(rules: .standard)
        for rule in BreakerRule.allCases {
            #expect(
                gate.wait(for: .open, by: rule, isDirected: true, now: seconds(0))
                    == (rule == .noCredit ? .admission : nil), "\(rule)")
            #expect(gate.wait(for: .closed, by: rule, isDirected: true, now: seconds(0)) == .turn)
        }
        gate.giveTurn()
        #expect(gate.wait(for: .closed, by: .supply, isDirected: true, now: seconds(0)) == nil)
        gate.withdraw()
        #expect(gate.wait(for: .closed, by: .supply, isDirected: true, now: seconds(0)) == .turn)
    }

    @Test("rules out of range are refused")
    func refused() {
        let error = #expect(throws: SettingProblems.self) {
            try SwitchingRules(minimumDwell: .seconds(3_601), travelTime: .seconds(-1))
        }
        #expect(error?.problems.map(\.field) == ["minimum_dwell", "travel_time"])
    }
}

@Suite("The low-balance reminder")
struct LowBalanceReminderTests {
    struct Step: Sendable {
        let second: Int64
        let level: AlarmLevel
        let isOpen: Bool
    }

    struct Story: Sendable, CustomTestStringConvertible {
        let name: String
        var isDone = false
        let steps: [Step]
        var testDescription: String { name }
    }

    static let stories: [Story] = [
        Story(
            name: "one opening of a minute when alarm 2 starts",
            steps: [
                Step(second: 0, level: .first, isOpen: false), Step(second: 10, level: .second, isOpen: true),
                Step(second: 69, level: .second, isOpen: true), Step(second: 70, level: .second, isOpen: false),
                Step(second: 9_000, level: .second, isOpen: false),
            ]),
        Story(
            name: "a restart does not repeat it", isDone: true,
            steps: [Step(second: 0, level: .second, isOpen: false), Step(second: 99, level: .second, isOpen: false)]),
        Story(
            name: "a recharge ends it, the next alarm 2 has its own",
            steps: [
                Step(second: 0, level: .second, isOpen: true), Step(second: 5, level: .none, isOpen: false),
                Step(second: 6, level: .second, isOpen: true),
            ]),
        Story(
            name: "arrears need none, nor the way back from them",
            steps: [
                Step(second: 0, level: .arrears, isOpen: false), Step(second: 5, level: .second, isOpen: false),
                Step(second: 6, level: .none, isOpen: false), Step(second: 7, level: .second, isOpen: true),
            ]),
    ]

    @Test("is made once", arguments: stories)
    func made(story: Story) {
        var reminder = LowBalanceReminder(isDone: story.isDone)
        for step in story.steps {
            reminder.follow(level: step.level, now: seconds(step.second))
            #expect(reminder.isRunning(now: seconds(step.second)) == step.isOpen, "at \(step.second)")
        }
    }
}
