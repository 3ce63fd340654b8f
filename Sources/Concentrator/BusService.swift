internal import BusSurvey
public import FieldBus
public import Logging
public import MeterProfiles
public import Metering
internal import Prepaid

/// Polls the devices of one bus and moves its breakers: between any two requests orders come first, then
/// what the schedule says.
public struct BusService: Sendable {
    let configuration: BusConfiguration
    let port: BusPort
    let mailbox: BusMailbox
    let profiles: ProfileLibrary
    let periods: PollSchedule.Periods
    let clock: GatewayClock
    let progress: Progress
    let watch: BusWatch
    let logger: Logger
    /// Takes what happened, in order.
    let report: @Sendable (BusReport) -> Void
    /// What follows each frame on this line.
    let silence: Duration
    private let name: String

    private static let firstReopenPause: Duration = .milliseconds(500)
    private static let longestReopenPause: Duration = .seconds(5)
    /// How often the watchdog is told that the loop turns.
    private static let betweenSigns: Duration = .milliseconds(200)

    /// - Parameter report: takes what happened, in order; must return at once.
    public init(
        configuration: BusConfiguration, port: BusPort, mailbox: BusMailbox, profiles: ProfileLibrary,
        periods: PollSchedule.Periods, clock: GatewayClock, progress: Progress, watch: BusWatch,
        logger: Logger,
        report: @escaping @Sendable (BusReport) -> Void
    ) {
        self.configuration = configuration
        self.port = port
        self.mailbox = mailbox
        self.profiles = profiles
        self.periods = periods
        self.clock = clock
        self.progress = progress
        self.watch = watch
        self.logger = logger
        self.report = report
        silence = configuration.serial.interFrameSilence
        name = Self.loopName(configuration.id)
    }

    /// By which the watchdog knows it.
    static func loopName(_ bus: BusID) -> String { "bus \(bus)" }

    /// Runs until the task is cancelled: on the port's own thread, for a change of threads costs more
    /// than a request.
    public func run() async { await run(on: port) }

    private func run(on port: isolated BusPort) async {
        var state = BusState(profiles: profiles, periods: periods)
        var opening = Opening()
        var lastSign: MonotonicTime?
        watch.opened(port.isOpen)
        while !Task.isCancelled {
            let now = clock.monotonicNow()
            if lastSign.map({ now - $0 >= Self.betweenSigns }) ?? true {
                sign(at: now)
                lastSign = now
            }
            var rest: Duration?
            if port.isOpen || open(port, &opening, &state) {
                if let news = mailbox.takeNews() { take(news, into: &state) }
                takeScan(into: &state)
                rest = turn(&state, on: port)
            } else {
                rest = opening.nextPause()
            }
            if let rest { await mailbox.wait(longest: rest) }
        }
        giveUpScan(&state, "the daemon stops")
        giveUpErrands(&state)
        mailbox.close()
        watch.close()
        port.close()
    }

    /// How opening the port goes.
    private struct Opening {
        var pause = BusService.firstReopenPause
        /// It failed, and that was said.
        var isLost = false

        mutating func nextPause() -> Duration {
            defer { pause = min(pause * 2, BusService.longestReopenPause) }
            return pause
        }
    }

    /// - Returns: false when it cannot be opened.
    private func open(_ port: isolated BusPort, _ opening: inout Opening, _ state: inout BusState) -> Bool {
        do {
            try port.open()
            state.busReturned()
            watch.opened(true)
            if opening.isLost { report(.busFound(configuration.id, at: clock.now())) }
            opening = Opening()
            return true
        } catch {
            watch.opened(false)
            giveUpScan(&state, "\(error)")
            if !opening.isLost {
                opening.isLost = true
                logger.error("the port cannot be opened; trying again", metadata: ["reason": "\(error)"])
                report(.busLost(configuration.id, reason: "\(error)", at: clock.now()))
            }
            giveUpOrders()
            giveUpErrands(&state)
            return false
        }
    }

    func sign(at now: MonotonicTime) { progress.moved(.poll, name, at: now) }

    private func take(_ news: BusMailbox.News, into state: inout BusState) {
        let now = clock.monotonicNow()
        if let terms = news.terms {
            state.profiles = terms.profiles
            state.schedule.set(periods: terms.periods, now: now)
        }
        if let meters = news.devices {
            watch.setDevices(meters)
            state.take(meters, serial: configuration.serial, now: now, learned: mailbox.learnedHoles)
        }
        if let fast = news.fast { state.schedule.setFast(fast) }
        if let boundary = news.boundary { state.schedule.readClose(to: boundary, .normal) }
        state.schedule.readNow(news.asked, at: now)
    }

    /// What goes next: orders, then one transaction of an errand, of a scan, or of a poll.
    /// - Returns: nil when something was done, else how long the bus may rest.
    private func turn(_ state: inout BusState, on port: isolated BusPort) -> Duration? {
        carryOutOrders(state, on: port)
        guard let errandWaits = errandTurn(&state, on: port) else { return nil }
        let next = state.schedule.next(at: max(clock.monotonicNow(), port.freeAt))
        guard let scanWaits = scanTurn(&state, on: port, before: next) else { return nil }
        guard case .idle(let until) = next else {
            poll(next, &state, on: port)
            return nil
        }
        // A line that nobody uses is listened to as well.
        guard port.settle() else { return nil }
        return min(max(until - clock.monotonicNow(), .milliseconds(1)), scanWaits, errandWaits)
    }

    /// Waits until the line is free.
    /// - Returns: false when the port is lost, or an order has come meanwhile: it goes first.
    func mayAsk(on port: isolated BusPort) -> Bool { port.settle() && !mailbox.hasOrders }
}
