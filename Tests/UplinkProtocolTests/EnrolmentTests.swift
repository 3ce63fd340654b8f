import Metering
import Testing
import UplinkProtocol

/// A generator whose numbers are known.
private struct Counting: RandomNumberGenerator {
    var value: UInt64 = 0
    mutating func next() -> UInt64 {
        value += 7
        return value
    }
}

@Suite("Pairing codes")
struct PairingCodeTests {
    private let authority: [UInt8] = Array("an authority".utf8)

    private func code() -> PairingCode {
        var generator = Counting()
        return PairingCode(authority: authority, using: &generator)
    }

    @Test("what is given out is read again, in small letters, without dashes and with spaces too")
    func roundTrip() throws {
        let text = code().text
        #expect(text.count == 34)
        #expect(text.split(separator: "-").count == 7)
        let typed = [
            text, text.lowercased(), text.filter { $0 != "-" }, " \(text) ", text.replacing("-", with: " "),
            text.replacing("1", with: "l").replacing("0", with: "o"),
        ]
        for typed in typed { #expect(try PairingCode(typed) == code()) }
        #expect(code().names(authority: authority))
        #expect(!code().names(authority: Array("another".utf8)))
    }

    @Test("each character that is mistyped, and each two neighbours exchanged, is noticed in nearly every case")
    func mistyped() {
        let characters = Array(code().text.filter { $0 != "-" })
        let letters = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        var taken = 0
        var tried = 0
        for index in characters.indices {
            for letter in letters where letter != characters[index] {
                var changed = characters
                changed[index] = letter
                tried += 1
                if (try? PairingCode(String(changed))) != nil { taken += 1 }
            }
        }
        // Ten bits of check: one in a thousand passes here, and is then a secret nobody gave out.
        #expect(tried == 28 * 31)
        #expect(taken <= 4)
    }

    @Test(
        "texts that are no code",
        arguments: [
            ("", PairingCodeProblem.length(0)), ("ABCD", .length(4)), ("ABCU", .character("U")),
            ("ABC!", .character("!")), ("ABÇD", .character("Ç")),
            ("0000-0000-0000-0000-0000-0000-0000", .mistyped),
            (String(repeating: "0", count: 29), .length(29)),
        ])
    func refused(text: String, problem: PairingCodeProblem) {
        #expect(throws: problem) { try PairingCode(text) }
    }
}

@Suite("What a platform says to a box that shows a code")
struct PairingOfferTests {
    private static let now = WallTime(millisecondsSince1970: 1_000_000)
    private static let ours = ChainHash.of([1])
    private static let others = ChainHash.of([2])

    struct Case: CustomTestStringConvertible, Sendable {
        var gateway = "G-1"
        var key = PairingOfferTests.ours
        var expires: Int64 = 1_000_001
        var wrong: Int64 = 0
        var usedBy: ChainHash?
        let verdict: PairingOffer.Verdict
        var testDescription: String { "\(gateway), expires \(expires), \(wrong) wrong, \(verdict)" }
    }

    @Test(
        "its verdict, in the order in which it is checked",
        arguments: [
            Case(verdict: .issue),
            Case(gateway: "G-2", verdict: .refuse(.wrongGateway)),
            Case(gateway: "G-2", usedBy: ours, verdict: .refuse(.wrongGateway)),
            Case(key: others, usedBy: ours, verdict: .refuse(.usedCode)),
            Case(usedBy: ours, verdict: .repeatAnswer),
            Case(expires: 1, usedBy: ours, verdict: .repeatAnswer),
            Case(expires: 1_000_000, verdict: .refuse(.expiredCode)),
            Case(wrong: 4, verdict: .issue),
            Case(wrong: 5, verdict: .refuse(.expiredCode)),
        ])
    func verdict(test: Case) throws {
        let gateway = try #require(GatewayID(rawValue: "G-1"))
        let offer = PairingOffer(
            gateway: gateway, expiresAt: WallTime(millisecondsSince1970: test.expires), wrongGateways: test.wrong,
            usedBy: test.usedBy)
        let asking = try #require(GatewayID(rawValue: test.gateway))
        #expect(offer.judge(gateway: asking, key: test.key, now: Self.now) == test.verdict)
    }

    @Test("ten wrong secrets in a minute close it until the first of them is a minute old")
    func attempts() {
        var limit = AttemptLimit()
        for second in 0..<10 {
            let now = Self.now + .seconds(second)
            #expect(limit.pause(now: now) == nil)
            limit.noteWrong(now: now)
        }
        #expect(limit.pause(now: Self.now + .seconds(10)) == .seconds(50))
        #expect(limit.pause(now: Self.now + .seconds(60)) == nil)
        // A clock that was put back does not close it for good.
        var other = AttemptLimit()
        for _ in 0..<10 { other.noteWrong(now: Self.now + .seconds(86_400)) }
        #expect(other.pause(now: Self.now) == nil)
    }
}

@Suite("When the next certificate is asked for")
struct CertificateLifeTests {
    private static let life = CertificateLife(
        from: WallTime(millisecondsSince1970: 0), until: WallTime(millisecondsSince1970: 90 * 86_400_000))

    private func task(day: Int64, trust: ClockTrust = .trusted) -> CertificateLife.Task {
        Self.life.task(
            at: Timestamp(
                boot: BootID(rawValue: "b"), monotonic: .zero,
                wall: WallTime(millisecondsSince1970: day * 86_400_000 - 1_000), trust: trust))
    }

    @Test("an hour at a time until two thirds are over, then about a hundred times")
    func tasks() {
        #expect(task(day: 1) == .wait(.seconds(3_600)))
        #expect(task(day: 60) == .wait(.seconds(1)))
        #expect(task(day: 61) == .renew(again: .seconds(3_600)))
        #expect(task(day: 200) == .renew(again: .seconds(3_600)))
        #expect(task(day: 61, trust: .holdover) == .renew(again: .seconds(3_600)))
        #expect(task(day: 61, trust: .untrusted) == .wait(.seconds(60)))
        #expect(Self.life.alarmDue == WallTime(millisecondsSince1970: 81 * 86_400_000))
        let short = CertificateLife(from: Self.life.from, until: WallTime(millisecondsSince1970: 30_000))
        #expect(
            short.task(
                at: Timestamp(
                    boot: BootID(rawValue: "b"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 20_000),
                    trust: .trusted)) == .renew(again: .seconds(1)))
    }

    @Test("certificates from the edge of time do no harm")
    func edges() {
        let ends: [Int64] = [.min, -1, 0, 1, .max]
        for from in ends {
            for until in ends {
                let life = CertificateLife(
                    from: WallTime(millisecondsSince1970: from), until: WallTime(millisecondsSince1970: until))
                for now in ends {
                    let task = life.task(
                        at: Timestamp(
                            boot: BootID(rawValue: "b"), monotonic: .zero, wall: WallTime(millisecondsSince1970: now),
                            trust: .trusted))
                    switch task {
                    case .wait(let pause), .renew(let pause): #expect((.seconds(1) ... .seconds(3_600)).contains(pause))
                    }
                }
            }
        }
    }
}
