internal import MeterProfiles

/// How long things take on a line in one format.
struct LineTiming {
    let character: Duration
    /// Between two frames.
    let silence: Duration
    /// The longest pause within an answer that does not end it.
    let pauseInAnswer: Duration

    /// A network may hand over an answer in pieces, and hold one back until the other is acknowledged.
    private static let pauseInNetwork: Duration = .milliseconds(300)

    init(_ format: SerialFormat, _ allowances: LineAllowances, at address: PortAddress?) {
        var pause = allowances.pauseInAnswer
        if case .network = address { pause = max(pause, Self.pauseInNetwork) }
        pauseInAnswer = pause
        // Modbus TCP has no characters that take time, and no silence between frames.
        if case .network(_, _, .tcp) = address {
            (character, silence) = (.zero, allowances.extraSilence)
        } else {
            character = format.duration(ofCharacters: 1)
            silence = allowances.extraSilence + format.interFrameSilence
        }
    }
}
