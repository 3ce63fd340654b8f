/// Who switches an RS485 transceiver between sending and receiving.
public enum LineDriving: Hashable, Sendable {
    /// The adapter by itself, as nearly all do.
    case automatic
    /// The kernel's UART driver, with RTS (serial-rs485 of the kernel's documentation).
    case kernel(RTSTiming)
    /// This program, with RTS: for UARTs whose driver cannot.
    case program(RTSTiming)

    /// How RTS goes with sending.
    public struct RTSTiming: Hashable, Sendable {
        /// RTS is high while sending; low otherwise.
        public let isHighOnSend: Bool
        /// From RTS to the first bit, and from the last bit to RTS; whole milliseconds where the kernel keeps them.
        public let before: Duration
        public let after: Duration

        public init(isHighOnSend: Bool, before: Duration, after: Duration) {
            self.isHighOnSend = isHighOnSend
            self.before = before
            self.after = after
        }
    }
}

/// What a bus needs beside its rate and format.
public struct LineAllowances: Hashable, Sendable {
    /// Kept beside the 3.5 characters of silence.
    public let extraSilence: Duration
    /// The longest pause within an answer that does not end it, a character apart: slow converters, devices
    /// that send more than one stop bit.
    public let pauseInAnswer: Duration
    /// How long at least an answer that did not come in time is expected yet.
    public let lateAnswerPatience: Duration
    public let driving: LineDriving

    /// USB adapters and UARTs deliver in bursts.
    public static let usualPauseInAnswer: Duration = .milliseconds(40)

    public init(
        extraSilence: Duration = .zero, pauseInAnswer: Duration = Self.usualPauseInAnswer,
        lateAnswerPatience: Duration = .seconds(1), driving: LineDriving = .automatic
    ) {
        self.extraSilence = max(.zero, extraSilence)
        self.pauseInAnswer = max(.milliseconds(5), pauseInAnswer)
        self.lateAnswerPatience = max(.milliseconds(100), lateAnswerPatience)
        self.driving = driving
    }
}
