public import Metering
public import Prepaid
private import Synchronization

/// What the site has for one bus: breaker orders, which go before everything else, and changes to what
/// is polled. The bus looks here between any two transactions.
public final class BusMailbox: Sendable {
    private struct State {
        var orders: [BreakerOrder] = []
        var devices: [SiteMeter]?
        var fast: Set<MeterID>?
        var scan: ScanJob?
        var isClosed = false
    }

    private let state = Mutex(State())
    private let signal = Signal()

    public init() {}

    public func send(_ order: BreakerOrder) { change { $0.orders.append(order) } }
    public func setDevices(_ devices: [SiteMeter]) { change { $0.devices = devices } }
    public func setFast(_ meters: Set<MeterID>) { change { $0.fast = meters } }

    /// Asks for a scan beside live polling. One that waits already is given up.
    public func start(_ scan: ScanJob) {
        let refused = state.withLock { state in
            if state.isClosed { return Optional(scan) }
            defer { state.scan = scan }
            return state.scan
        }
        refused?.tell(.failed(refused === scan ? "the daemon stops" : "another scan was asked for"))
        signal.raise()
    }

    /// Nobody takes anything out any more: a scan that waits, or comes later, is given up.
    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.scan = nil }
            return state.scan
        }
        waiting?.tell(.failed("the daemon stops"))
    }

    func takeScan() -> ScanJob? {
        state.withLock { state in
            defer { state.scan = nil }
            return state.scan
        }
    }

    func takeOrder() -> BreakerOrder? {
        state.withLock { $0.orders.isEmpty ? nil : $0.orders.removeFirst() }
    }

    func takeChanges() -> (devices: [SiteMeter]?, fast: Set<MeterID>?) {
        state.withLock { state in
            defer { (state.devices, state.fast) = (nil, nil) }
            return (state.devices, state.fast)
        }
    }

    /// Wakes the bus, as at a stop.
    public func wake() { signal.raise() }

    /// Returns when something is sent, or after `longest`.
    func wait(longest: Duration) async { await signal.wait(longest: longest) }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        signal.raise()
    }
}
