internal import Metering

/// Moves RTS around what is sent, where this program does it: up, its time before, the frame, until the UART
/// is empty, its time after, down.
struct DirectionSwitch {
    let timing: LineDriving.RTSTiming
    /// Sets RTS high or low; false where the port has none.
    let setRTS: (Bool) -> Bool
    /// Waits until the UART has nothing more to send, where its driver knows.
    let drain: () -> Void
    let now: () -> MonotonicTime
    let sleep: (_ until: MonotonicTime) -> Void

    /// Leaves the line to the devices.
    /// - Returns: false where the port has no RTS.
    func listen() -> Bool { setRTS(!timing.isHighOnSend) }

    /// - Parameters:
    ///   - length: how long the frame takes on the wire.
    ///   - write: hands the frame over.
    func around<Outcome>(_ length: Duration, _ write: () -> Outcome) -> Outcome {
        _ = setRTS(timing.isHighOnSend)
        sleep(now() + timing.before)
        let start = now()
        let outcome = write()
        // A driver that says it is done may mean that its FIFO has taken all; the time alone is not enough
        // where the frame began late.
        sleep(start + length)
        drain()
        sleep(now() + timing.after)
        _ = listen()
        return outcome
    }
}
