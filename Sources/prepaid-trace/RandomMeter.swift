import Metering

/// A meter as it really is: its register, and what chance makes it show.
struct RandomMeter {
    var rules: CounterRules
    private(set) var register: Int64
    private var readAt: WallTime
    private var glitchesLeft = 0

    init(rules: CounterRules, register: Int64, at time: WallTime) {
        self.rules = rules
        self.register = register
        readAt = time
    }

    /// Uses what chance lets it since the last look.
    mutating func use(until time: WallTime, _ generator: inout SplitMix) {
        let elapsed = max(0, (time - readAt).wholeMilliseconds)
        readAt = time
        let largest = rules.ratedPerHour * min(elapsed, 90 * 86_400_000) / 3_600_000
        let used = generator.once(in: 4) ? 0 : generator.number(0...max(0, largest))
        register += used
        if let modulus = rules.modulus { register %= modulus }
    }

    mutating func shown(_ generator: inout SplitMix) -> Int64 {
        if glitchesLeft == 0, generator.once(in: 300) { glitchesLeft = Int(generator.number(1...4)) }
        let stepped = register - register % rules.step
        guard glitchesLeft > 0 else { return stepped }
        glitchesLeft -= 1
        switch generator.number(0...5) {
        case 0, 1: return 0
        case 2: return generator.number(0...(rules.modulus ?? 1_000_000_000) + 5)
        case 3: return -generator.number(1...1_000)
        case 4: return stepped + generator.number(1_000_000...9_000_000)
        default: return max(0, stepped - generator.number(1...50_000))
        }
    }

    /// Someone has set the register back, or another meter is in its place.
    mutating func reset(to register: Int64, at time: WallTime) {
        self.register = register
        readAt = time
        glitchesLeft = 0
    }
}
