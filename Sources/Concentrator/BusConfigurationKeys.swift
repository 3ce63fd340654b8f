internal import ConfigurationReader
internal import FieldBus
internal import Metering

extension GatewayConfiguration {
    static let busKeys = ["id", "port", "baud", "format"] + LineAllowances.keys
}

/// Who moves RTS, as the configuration says it.
private enum DrivingWord: String, CaseIterable {
    case automatic, kernel, program
}

private enum RTSWord: String, CaseIterable {
    case high, low
}

extension LineAllowances {
    static let keys = [
        "extra_silence_us", "pause_in_answer_ms", "rs485", "rts_on_send", "rts_before_ms", "rts_after_ms",
    ]

    /// Reads what a bus needs beside its rate; every key has a default.
    static func read(_ bus: ConfigurationMapping) -> LineAllowances? {
        let usualPause = Int(usualPauseInAnswer.wholeMilliseconds)
        guard let silence = bus.integer("extra_silence_us", in: 0...200_000, default: 0),
            let pause = bus.integer("pause_in_answer_ms", in: 5...1_000, default: usualPause),
            let driving: DrivingWord = bus.choice("rs485", default: .automatic),
            let level: RTSWord = bus.choice("rts_on_send", default: .high),
            let before = bus.integer("rts_before_ms", in: 0...100, default: 0),
            let after = bus.integer("rts_after_ms", in: 0...100, default: 0)
        else { return nil }
        let timing = LineDriving.RTSTiming(
            isHighOnSend: level == .high, before: .milliseconds(before), after: .milliseconds(after))
        let chosen: LineDriving
        switch driving {
        case .automatic:
            chosen = .automatic
            for key in ["rts_on_send", "rts_before_ms", "rts_after_ms"] {
                bus[key]?.refuse(
                    "\(key) has no effect here", "add 'rs485: kernel' or 'rs485: program', or leave it out")
            }
        case .kernel: chosen = .kernel(timing)
        case .program: chosen = .program(timing)
        }
        return LineAllowances(
            extraSilence: .microseconds(silence), pauseInAnswer: .milliseconds(pause), driving: chosen)
    }
}
