import Metering
import Testing

/// A 60 A single-phase circuit on a meter that counts 0.01 kWh and rolls over at 1,000,000 kWh.
private let rules = CounterRules(modulus: 1_000_000_000, step: 10, ratedPerHour: 13_800)

@Suite("What a counter's move means")
struct CounterTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let previous: Int64
        let current: Int64
        let elapsed: Duration?
        let move: CounterMove
        var testDescription: String { name }
    }

    static let table: [Row] = [
        Row(name: "no use", previous: 500, current: 500, elapsed: .seconds(5), move: .normal(delta: 0)),
        Row(name: "one step", previous: 500, current: 510, elapsed: .seconds(1), move: .normal(delta: 10)),
        Row(
            name: "an hour at 1.2 times rated and two steps", previous: 0, current: 16_580, elapsed: .seconds(3600),
            move: .normal(delta: 16_580)),
        Row(
            name: "one Wh above that", previous: 0, current: 16_581, elapsed: .seconds(3600),
            move: .unexplained(.tooFast)),
        Row(name: "backwards", previous: 500, current: 490, elapsed: .seconds(5), move: .unexplained(.backwards)),
        Row(
            name: "zero after non-zero", previous: 500, current: 0, elapsed: .seconds(5),
            move: .unexplained(.zeroAfterNonZero)),
        Row(
            name: "roll-over", previous: 999_999_990, current: 10, elapsed: .seconds(60),
            move: .rollOver(delta: 20)),
        Row(
            name: "roll-over that lands on zero", previous: 999_999_990, current: 0, elapsed: .seconds(60),
            move: .rollOver(delta: 10)),
        Row(
            name: "roll-over that would need more than the circuit can draw", previous: 999_000_000, current: 10,
            elapsed: .seconds(60), move: .unexplained(.backwards)),
        Row(
            name: "time unknown, small move", previous: 500, current: 520, elapsed: nil, move: .normal(delta: 20)),
        Row(
            name: "time unknown, larger move", previous: 500, current: 9_000, elapsed: nil,
            move: .pending(delta: 8_500)),
        Row(
            name: "time unknown, a roll-over is not believed", previous: 999_999_990, current: 10, elapsed: nil,
            move: .unexplained(.backwards)),
        Row(
            name: "the 81,250 kWh reading of a heat pump", previous: 81_250_000, current: 0, elapsed: .seconds(30),
            move: .unexplained(.zeroAfterNonZero)),
    ]

    @Test("a move is classified as the table says", arguments: table)
    func classified(row: Row) {
        #expect(rules.judge(previous: row.previous, current: row.current, elapsed: row.elapsed) == row.move)
    }

    @Test("a meter without a roll-over never rolls over")
    func noModulus() {
        let rules = CounterRules(modulus: nil, step: 1, ratedPerHour: 13_800)
        #expect(rules.judge(previous: 999_999, current: 1, elapsed: .seconds(9_999_999)) == .unexplained(.backwards))
    }

    @Test("extreme inputs are clamped, never trapped", arguments: [Int64.min, -1, 0, 1, Int64.max])
    func extremes(value: Int64) {
        let rules = CounterRules(modulus: .max, step: .max, ratedPerHour: .max)
        for other in [Int64.min, -1, 0, 1, Int64.max] {
            _ = rules.judge(previous: value, current: other, elapsed: .seconds(Int64.max))
            _ = rules.judge(previous: value, current: other, elapsed: nil)
        }
    }
}
