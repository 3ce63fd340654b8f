internal import MeterProfiles
internal import Metering

/// Which units may still answer a question that was given up. An RTU answer carries no register address:
/// a late one looks like the answer to the next question of the same function and length. A device
/// answers in order, so an answer of another shape proves that nothing older is to come.
struct UnsettledAnswers {
    /// What tells two answers apart.
    struct Shape: Hashable {
        let function: UInt8
        let length: Int
    }

    private struct Question {
        let request: [UInt8]
        let shape: Shape
        /// The request's last character.
        let outAt: MonotonicTime
        let expectedUntil: MonotonicTime
    }

    private var questions: [UInt8: [Question]] = [:]
    private var slowest: [UInt8: Duration] = [:]

    /// An answer is expected for twice the slowest ever seen from its unit, but no shorter than this.
    let shortestPatience: Duration
    /// The most that twice the slowest answer counts.
    static let longestPatience: Duration = .seconds(10)
    private static let mostQuestions = 4

    init(shortestPatience: Duration) { self.shortestPatience = shortestPatience }

    /// A question was given up.
    mutating func missed(unit: UInt8, request: [UInt8], shape: Shape, outAt: MonotonicTime) {
        let patience = max(shortestPatience, min((slowest[unit] ?? .zero) * 2, Self.longestPatience))
        var open = (questions[unit] ?? []).filter { $0.request != request && $0.expectedUntil > outAt }
        open.append(Question(request: request, shape: shape, outAt: outAt, expectedUntil: outAt + patience))
        questions[unit] = open.suffix(Self.mostQuestions)
    }

    /// A question was answered in time.
    mutating func answered(
        unit: UInt8, request: [UInt8], shape: Shape, outAt: MonotonicTime, turnaround: Duration
    ) {
        slowest[unit, default: .zero].raise(to: turnaround)
        guard !questions.isEmpty, let open = questions[unit] else { return }
        if open.contains(where: { $0.shape == shape && $0.expectedUntil > outAt }) {
            // It may have been the late answer to the same question: then this one's is still to come.
            missed(unit: unit, request: request, shape: shape, outAt: outAt)
        } else {
            questions[unit] = nil
        }
    }

    /// A read that settles `unit` before `read` is asked, because a late answer could be taken for its
    /// answer: at the same place, of a length that nothing late has. Nil where there is no danger.
    mutating func settlingRead(
        unit: UInt8, before read: ReadRequest, request: [UInt8], at now: @autoclosure () -> MonotonicTime
    ) -> ReadRequest? {
        guard !questions.isEmpty, var open = questions[unit] else { return nil }
        let now = now()
        open.removeAll { $0.expectedUntil <= now }
        questions[unit] = open.isEmpty ? nil : open
        let shapes = Set(open.map(\.shape))
        guard open.contains(where: { $0.request != request && $0.shape == Shape(read) }) else { return nil }
        let step = read.table == .coil || read.table == .discreteInput ? 8 : 1
        for number in 0...Self.mostQuestions {
            guard let other = ReadRequest(table: read.table, address: read.address, count: 1 + number * step) else {
                continue
            }
            if !shapes.contains(Shape(other)) { return other }
        }
        return nil
    }

    /// A whole frame came that answers nothing that is asked now.
    mutating func arrived(_ frame: [UInt8], at now: MonotonicTime, lastAsked: UInt8?) -> LineNote {
        let unit = frame[0]
        let shape = Shape(function: frame[1], length: frame.count)
        let isException = frame[1] >= 0x80
        guard
            let index = questions[unit]?.firstIndex(where: {
                $0.expectedUntil > now && ($0.shape == shape || isException && $0.shape.function | 0x80 == frame[1])
            }), let question = questions[unit]?.remove(at: index)
        else { return unit == lastAsked ? .secondAnswer(unit: unit) : .foreignFrame(unit: unit) }
        if questions[unit]?.isEmpty ?? false { questions[unit] = nil }
        let after = now - question.outAt
        slowest[unit, default: .zero].raise(to: after)
        return .lateAnswer(unit: unit, after: after)
    }

    mutating func forget() { questions = [:] }
}

extension UnsettledAnswers.Shape {
    init(_ read: ReadRequest) { self.init(function: read.table.rawValue, length: read.characters.response) }
}

extension Duration {
    fileprivate mutating func raise(to other: Duration) { if other > self { self = other } }
}
