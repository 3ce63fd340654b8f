import Metering
import Prepaid

/// The true time of a scenario, and what the gateway's clocks make of it.
struct ScenarioClock {
    var zone = TimeZoneTable.utc
    /// True time.
    private(set) var time: WallTime?
    private var bootedAt: WallTime?
    private var bootNumber = 1
    /// How far the wall clock is ahead of the true time.
    private var error: Duration = .zero
    private(set) var trust: ClockTrust = .trusted
    private var untrustedSince: MonotonicTime?

    func now() throws -> Timestamp {
        guard let time, let bootedAt else {
            throw ScenarioProblem("the scenario has no date yet; begin with a line like '2026-06-01 08:00 ...'")
        }
        return Timestamp(
            boot: BootID(rawValue: "boot-\(bootNumber)"), monotonic: MonotonicTime.zero + (time - bootedAt),
            wall: time + error, trust: trust)
    }

    func untrustedFor() throws -> Duration {
        guard let untrustedSince else { return .zero }
        return try now().monotonic - untrustedSince
    }

    mutating func advance(by duration: Duration) throws {
        guard let time else { throw ScenarioProblem("the scenario has no date yet") }
        self.time = time + duration
    }

    /// Takes the time that a line may begin with: `08:00`, `08:00:05`, `2026-06-01 08:00`, `+5s`.
    mutating func take(_ words: inout ScenarioWords) throws {
        guard let first = words.first else { return }
        if first.hasPrefix("+"), let duration = ScenarioWords.duration(String(first.dropFirst())) {
            _ = try words.next("time")
            return try advance(by: duration)
        }
        guard first.first?.isNumber == true else { return }
        let moment = try self.moment(&words)
        if let time, moment < time { throw ScenarioProblem("the time goes back; use + where an hour comes twice") }
        if time == nil { bootedAt = moment + .seconds(-86_400) }
        time = moment
    }

    /// A moment of the day that it is, or of a day that is named; on the true clock.
    func moment(_ words: inout ScenarioWords) throws -> WallTime {
        var word = try words.next("time")
        var day = time.map { zone.day(containing: $0) }
        if let named = CivilDate(iso: word) {
            day = named
            word = try words.next("time of day")
        }
        let parts = word.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let minute = MinuteOfDay(text: parts.prefix(2).joined(separator: ":")),
            let second = parts.count == 3 ? Int64(parts[2]) : 0, (0..<60).contains(second)
        else { throw ScenarioProblem("'\(word)' is no time; write 08:00, 08:00:05 or +5s") }
        guard let day else { throw ScenarioProblem("the first time of a scenario needs its date: 2026-06-01 \(word)") }
        let milliseconds = Int64(minute.minutes) * 60_000 + second * 1_000
        return zone.moment(of: LocalTime(date: day, millisecondOfDay: milliseconds))
    }

    /// `clock trusted | holdover | untrusted | right | shows DATE TIME | jumps forward 1h | jumps back 1h`
    mutating func set(_ words: inout ScenarioWords) throws {
        let word = try words.next("what happens to the clock")
        if let trust = ClockTrust(rawValue: word) {
            self.trust = trust
            let monotonic = try now().monotonic
            untrustedSince = trust == .untrusted ? untrustedSince ?? monotonic : nil
            return
        }
        guard let time else { throw ScenarioProblem("the scenario has no date yet") }
        switch word {
        case "right": error = .zero
        case "shows": error = try moment(&words) - time
        case "jumps":
            let isForward = words.take("forward")
            if !isForward { try words.require("back") }
            let duration = try words.duration()
            error = isForward ? error + duration : error - duration
        default: throw ScenarioProblem("the clock cannot '\(word)'")
        }
    }

    mutating func reboot() throws {
        bootNumber += 1
        bootedAt = time
        if untrustedSince != nil { untrustedSince = .zero }
    }
}
