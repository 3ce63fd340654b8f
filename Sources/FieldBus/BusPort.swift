private import CLinux
public import MeterProfiles
public import Metering
private import Threading

/// One RS485 port and its only owner, on a thread of its own. libmodbus opens the line, sets its
/// format and sends; the silence between frames, the answer and its checks are kept here.
public actor BusPort {
    public nonisolated let path: String
    public nonisolated let serial: SerialFormat

    private let executor: ThreadExecutor
    private let allowances: LineAllowances
    private let address: PortAddress?
    /// What the line is set to: `serial`, except while a scan asks in another format.
    private(set) var format: SerialFormat
    private(set) var timing: LineTiming
    private(set) var line: (any BusLine)?
    var silence = LineSilence()
    var unsettled: UnsettledAnswers
    var lastAsked: UInt8?
    var lineEchoes = false
    /// The most characters that came at once at an answer's start: until then a device seems silent.
    var largestFirstBurst: Int?
    var buffer = [UInt8](repeating: 0, count: 512)
    /// What the line said while nothing was asked: it goes with the next transaction.
    var notesBefore: [LineNote] = []

    /// A line that babbles while nothing is asked says the same again and again.
    static let mostNotesBefore = 64
    /// A second device of one address answers this soon after the first, where it did not speak into it.
    private static let patienceForSecondAnswer: Duration = .milliseconds(30)

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter path: a serial port, or a network address as `PortAddress` reads it.
    public init(bus: BusID, path: String, serial: SerialFormat, allowances: LineAllowances = LineAllowances()) {
        self.path = path
        self.serial = serial
        self.allowances = allowances
        address = PortAddress(path)
        format = serial
        timing = LineTiming(serial, allowances, at: address)
        unsettled = UnsettledAnswers(shortestPatience: allowances.lateAnswerPatience)
        executor = ThreadExecutor(name: "bus-\(bus)")
    }

    public var isOpen: Bool { line != nil }

    var isNetwork: Bool { if case .network = address { true } else { false } }

    /// Opens the port and keeps other programs away from it.
    public func open() throws(PortError) {
        guard line == nil else { return }
        clinux_sharpen_timers_of_this_thread()
        switch address {
        case .serial(let path): line = try SerialLine(path: path, serial: serial, driving: allowances.driving)
        case .network(let host, let port, let framing):
            line = try NetworkLine(host: host, port: port, framing: framing)
        case nil: throw .malformed(address: path)
        }
        largestFirstBurst = nil
        take(serial)
        silence.begin(at: SerialLine.now() + timing.silence)
    }

    public func close() {
        line = nil
        unsettled.forget()
    }

    /// When the line may be used next, as far as is known.
    public var freeAt: MonotonicTime { silence.endsAt }

    /// Waits until the next request may go out. What is asked then goes at once: to be called before that
    /// is decided.
    /// - Returns: false when the port is lost.
    public func settle() -> Bool {
        guard let line else { return false }
        let isThere = awaitSilence(line) == nil
        if !isThere { close() }
        return isThere
    }

    /// Reads registers or bits. Where a late answer of this unit could be taken for the answer, a short
    /// read of another length goes first; what it costs is in the transaction.
    /// - Parameter timeout: until the first byte of the answer, counted from the request's last byte.
    public func read(unit: UInt8, _ request: ReadRequest, timeout: Duration) -> BusTransaction {
        let bytes = RTUFrame.request(unit: unit, read: request)
        let settling = unsettled.settlingRead(unit: unit, before: request, request: bytes, at: SerialLine.now())
        guard let settling else { return exchange(bytes, expected: .values(request), timeout: timeout) }
        let first = exchange(
            RTUFrame.request(unit: unit, read: settling), expected: .values(settling), timeout: timeout)
        switch first.result {
        case .success, .failure(.exception):
            var second = exchange(bytes, expected: .values(request), timeout: timeout, began: first.sentAt)
            second.notes = first.notes + second.notes
            return second
        case .failure: return first
        }
    }

    /// Writes; done means that the device repeated the write, not that anything moved.
    public func write(unit: UInt8, _ write: RelayWrite, timeout: Duration) -> BusTransaction {
        exchange(RTUFrame.request(unit: unit, write: write), expected: .echo, timeout: timeout)
    }

    /// Asks as a scan does: in any format, and listening a little longer for a second device of the same
    /// address. The line has its own format again afterwards.
    public func probe(
        unit: UInt8, _ request: ReadRequest, in other: SerialFormat, timeout: Duration
    ) -> BusTransaction {
        let bytes = RTUFrame.request(unit: unit, read: request)
        if other != format, let reason = change(to: other) { return unsent(bytes, reason) }
        var transaction = exchange(bytes, expected: .values(request), timeout: timeout)
        if !transaction.received.isEmpty, let line {
            silence.begin(at: max(silence.endsAt, SerialLine.now() + Self.patienceForSecondAnswer))
            if let reason = awaitSilence(line) { return unsent(bytes, reason) }
            transaction.notes += notesBefore
            notesBefore = []
        }
        if format != serial, line != nil, let reason = change(to: serial) { return unsent(bytes, reason) }
        return transaction
    }

    /// Changes the line's format between two frames.
    /// - Returns: the reason when the port is lost.
    private func change(to other: SerialFormat) -> String? {
        guard let line else { return "not open" }
        // Whatever still comes in the format so far would be noise in the other.
        let notes = notesBefore
        if let reason = awaitSilence(line) ?? line.set(other) { return reason }
        notesBefore = notes
        let before = timing.silence
        take(other)
        silence.begin(at: SerialLine.now() + max(before, timing.silence))
        return nil
    }

    private func take(_ format: SerialFormat) {
        self.format = format
        timing = LineTiming(format, allowances, at: address)
    }
}
