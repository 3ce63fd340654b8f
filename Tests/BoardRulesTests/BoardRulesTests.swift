import BoardRules
import Metering
import Testing

private func at(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }

@Suite("Contacts, lights and relays of a box")
struct BoardRulesTests {
    @Test("a contact that bounces is one change, from its last edge on")
    func bounce() {
        var contact = Debounce(quiet: .milliseconds(50), isActive: false)
        for (level, moment) in [(true, 0), (false, 3), (true, 5), (false, 9), (true, 12)] as [(Bool, Int64)] {
            #expect(contact.edge(to: level, at: at(moment)) == nil)
        }
        #expect(contact.nextLook == at(62))
        #expect(contact.settle(at: at(61)) == nil)
        #expect(contact.settle(at: at(62)) == Debounce.Change(isActive: true, since: at(12)))
        #expect(contact.isActive)
        #expect(contact.nextLook == nil)
        #expect(contact.settle(at: at(500)) == nil)
    }

    @Test("a spike that goes back is no change")
    func spike() {
        var contact = Debounce(quiet: .milliseconds(50), isActive: false)
        _ = contact.edge(to: true, at: at(0))
        _ = contact.edge(to: false, at: at(1))
        #expect(contact.settle(at: at(100)) == nil)
        #expect(!contact.isActive)
    }

    @Test("a change that had settled is told with the edge after it, however late anybody looks")
    func late() {
        var contact = Debounce(quiet: .milliseconds(50), isActive: false)
        _ = contact.edge(to: true, at: at(0))
        #expect(contact.edge(to: false, at: at(1_000)) == Debounce.Change(isActive: true, since: at(0)))
        #expect(contact.settle(at: at(1_050)) == Debounce.Change(isActive: false, since: at(1_000)))
    }

    @Test(
        "a pattern is lit for its share of the time",
        arguments: [
            (LightPattern.off, 0), (.on, 2_000), (.flash, 100), (.slowBlink, 1_000), (.fastBlink, 1_000),
        ])
    func patterns(pattern: LightPattern, litMilliseconds: Int) {
        #expect((0..<2_000).count { pattern.isLit(at: at(Int64($0))) } == litMilliseconds)
    }

    @Test("slow and fast can be told apart")
    func rhythm() {
        func changes(_ pattern: LightPattern) -> Int {
            (1..<2_000).count { pattern.isLit(at: at(Int64($0))) != pattern.isLit(at: at(Int64($0) - 1)) }
        }
        #expect(changes(.slowBlink) == 3)
        #expect(changes(.fastBlink) == 19)
    }

    @Test("what the lights tell")
    func lights() {
        var box = BoxCondition()
        func shown() -> [LightPattern] { BoardLight.allCases.map { box.pattern(of: $0) } }
        #expect(shown() == [.flash, .off, .off, .off])
        (box.meters, box.answering, box.uplink) = (3, 3, .connected)
        #expect(shown() == [.flash, .on, .on, .off])
        (box.answering, box.uplink, box.isClockTrusted) = (2, .trying, false)
        #expect(shown() == [.flash, .slowBlink, .slowBlink, .slowBlink])
        (box.lostBuses, box.uplink, box.isMoneyHeld) = (1, .refused, true)
        #expect(shown() == [.flash, .fastBlink, .fastBlink, .fastBlink])
        (box.isTurning, box.isPowerFailing) = (false, true)
        #expect(shown() == [.off, .fastBlink, .fastBlink, .on])
    }

    @Test("a latching relay gets one pulse on one coil")
    func latching() {
        let (open, close) = (BoardLine(name: "OPEN"), BoardLine(name: "CLOSE"))
        let relay = BoardRelay(
            point: 1, drive: .latching(open: open, close: close, pulse: .milliseconds(80)),
            feedback: BoardLine(name: "AUX"), travelTime: .milliseconds(100))
        #expect(
            relay.steps(toward: true) == [
                .set(open, isActive: false), .set(close, isActive: true), .wait(.milliseconds(80)),
                .set(close, isActive: false), .wait(.milliseconds(100)),
            ])
        #expect(
            relay.steps(toward: false) == [
                .set(close, isActive: false), .set(open, isActive: true), .wait(.milliseconds(80)),
                .set(open, isActive: false), .wait(.milliseconds(100)),
            ])
        #expect(relay.isClosed(feedback: true, output: nil) == true)
        #expect(relay.isClosed(feedback: nil, output: true) == nil)
        #expect(relay.isClosedWithoutPower == nil)
    }

    @Test("a holding relay follows its line, either way round; feedback outweighs the line", arguments: [true, false])
    func holding(isClosedWhileActive: Bool) {
        let line = BoardLine(name: "K1")
        let relay = BoardRelay(
            point: 2, drive: .holding(line, isClosedWhileActive: isClosedWhileActive), feedback: nil,
            travelTime: .milliseconds(20))
        #expect(
            relay.steps(toward: true) == [.set(line, isActive: isClosedWhileActive), .wait(.milliseconds(20))])
        #expect(
            relay.steps(toward: false) == [.set(line, isActive: !isClosedWhileActive), .wait(.milliseconds(20))])
        #expect(relay.isClosed(feedback: nil, output: true) == isClosedWhileActive)
        let watched = BoardRelay(
            point: 2, drive: relay.drive, feedback: BoardLine(name: "AUX"), travelTime: relay.travelTime)
        #expect(watched.isClosed(feedback: false, output: isClosedWhileActive) == false)
        #expect(watched.isClosed(feedback: nil, output: isClosedWhileActive) == nil)
        #expect(relay.isClosed(feedback: nil, output: nil) == nil)
        #expect(relay.isClosedWithoutPower == !isClosedWhileActive)
    }

    @Test("the button counts once it is held, and once")
    func button() {
        var button = ResetButton()
        button.take(isPressed: true, at: at(0))
        #expect(button.isHeld(at: at(2_999)) == false)
        button.take(isPressed: false, at: at(2_999))
        #expect(button.isHeld(at: at(5_000)) == false)
        button.take(isPressed: true, at: at(6_000))
        #expect(button.nextLook == at(9_000))
        #expect(button.isHeld(at: at(9_000)) == true)
        #expect(button.isHeld(at: at(20_000)) == false)
    }

    @Test(
        "a line without a name goes by its chip and offset",
        arguments: [("gpiochip0:17", true), ("gpiochip0", false), ("K1:17", false), ("gpiochip0:x", false)])
    func places(name: String, isPlace: Bool) {
        #expect((BoardLine(name: name).chipAndOffset != nil) == isPlace)
    }
}
