import Prepaid

/// The safety rules of a circuit, word by word: `overload 3 kW delay 5s`, `forbids heaters`, `reports heaters`,
/// `allows 1500 W`, `releases 3 after 5m`.
struct ScenarioSafety {
    private var limit: Int64?
    private var delay = OverloadSettings.standardDelay
    private var mode: ProtectionMode?
    private var allowed: [LearnedAppliance] = []
    private var release = ReleasePolicy.standard

    mutating func take(_ words: inout ScenarioWords) throws -> Bool {
        switch words.first {
        case "overload":
            _ = words.take("overload")
            limit = try words.power()
        case "delay":
            _ = words.take("delay")
            delay = try words.duration()
        case "forbids", "reports":
            mode = words.take("forbids") ? .trip : .alarm
            if mode == .alarm { _ = words.take("reports") }
            try words.require("heaters")
        case "allows":
            _ = words.take("allows")
            allowed.append(LearnedAppliance(name: "\(allowed.count + 1)", activeMilliwatts: try words.power()))
        case "releases":
            _ = words.take("releases")
            let count = Int(try words.integer())
            try words.require("after")
            guard let policy = ReleasePolicy(delay: try words.duration(), releasesPerDay: count) else {
                throw ScenarioProblem("so often, or after so long, nothing is released")
            }
            release = policy
        default: return false
        }
        return true
    }

    func overload() throws -> OverloadSettings? {
        try limit.map { try OverloadSettings(limitMilliwatts: $0, delay: delay, release: release) }
    }

    func malignant() throws -> MalignantLoadSettings? {
        try mode.map { try MalignantLoadSettings(mode: $0, allowed: allowed, release: release) }
    }
}
