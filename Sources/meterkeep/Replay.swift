import ArgumentParser
import Foundation
import Metering
import Prepaid

struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the malignant-load detection over recorded data and say why it decided as it did.",
        discussion: """
            The file is CSV with a header: time_s or timestamp, active_power_w, and reactive_power_var or \
            apparent_power_va; other columns are passed over. What a trip had in its event as evidence can be \
            replayed too. Nothing is sent to the daemon.
            """)

    @Argument(help: "The recording.") var file: String
    @Option(name: .customLong("band"), help: "A forbidden band in W, like 200-12000; up to six.")
    var bands: [String] = []
    @Option(help: "The power factor above which a load is a heater.") var powerFactor: String = "0.995"
    @Option(help: "For how long a load must stay on, in seconds.") var dwell: Int = 8
    @Option(help: "Judge the recording as a poll of so many seconds would have seen it.") var poll: Int?
    @Option(name: .customLong("allow"), help: "A learned appliance in W, like 1500; may be repeated.")
    var allowed: [Int64] = []
    @Flag(help: "Only alarms and trips.") var brief = false

    func run() throws {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            complain("\(file) cannot be read as UTF-8 text; check its name and its encoding")
            throw ExitCode(65)
        }
        do {
            var recording = try RecordedPower(csv: text)
            if let poll { recording = recording.polled(every: .seconds(max(1, poll))) }
            let replay = MalignantReplay(settings: try settings(), showsHarmless: !brief)
            for line in replay.report(on: recording) { print(line) }
        } catch let problem as RecordingProblem {
            complain("\(file): \(problem)")
            throw ExitCode(65)
        } catch let problems as SettingProblems {
            complain("\(problems)")
            throw ExitCode(64)
        }
    }

    private func settings() throws -> MalignantLoadSettings {
        let forbidden = try bands.map { text in
            let ends = text.split(separator: "-").compactMap { Int64($0) }
            guard ends.count == 2, let from = ends.first, let to = ends.last, max(from, to) < 1_000_000_000 else {
                throw ValidationError("'\(text)' is no band of power; write it like 200-12000")
            }
            return ForbiddenBand(fromMilliwatts: from * 1_000, toMilliwatts: to * 1_000)
        }
        guard let limit = PowerFactor(text: powerFactor) else {
            throw ValidationError("'\(powerFactor)' is no power factor; write it like 0.995")
        }
        let appliances = allowed.map {
            LearnedAppliance(name: "\($0) W", activeMilliwatts: min(max($0, 0), 1_000_000) * 1_000)
        }
        return try MalignantLoadSettings(
            mode: .trip, bands: forbidden.isEmpty ? [MalignantLoadSettings.standardBand] : forbidden,
            powerFactorLimitMillionths: limit.millionths, dwell: .seconds(dwell), allowed: appliances)
    }
}
