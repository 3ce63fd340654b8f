internal import Metering
private import Synchronization

/// Wakes the long polls of a gateway when a command is issued for it.
final class CommandBell: Sendable {
    private typealias Waiter = CheckedContinuation<Void, Never>

    private struct State {
        var next = 0
        var waiters: [GatewayID: [Int: Waiter]] = [:]
        /// How often each bell rang: as many entries as gateways that were sent a command.
        var rings: [GatewayID: Int] = [:]
    }

    private let state = Mutex(State())

    func ring(_ gateway: GatewayID) {
        let woken = state.withLock { state in
            state.rings[gateway, default: 0] += 1
            return state.waiters.removeValue(forKey: gateway) ?? [:]
        }
        for waiter in woken.values { waiter.resume() }
    }

    /// How often the bell of the gateway has rung. Taken before the commands are looked up, so that one
    /// issued between the look and the wait is not slept through.
    func rings(for gateway: GatewayID) -> Int { state.withLock { $0.rings[gateway] ?? 0 } }

    /// Returns when the bell has rung more often than `heard`, or after `seconds`.
    func wait(for gateway: GatewayID, after heard: Int, seconds: Int64) async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        let timer = Task {
            try? await Task.sleep(for: .seconds(seconds))
            self.release(gateway, number)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let hasRung = state.withLock { state in
                    state.waiters[gateway, default: [:]][number] = waiter
                    return (state.rings[gateway] ?? 0) > heard
                }
                if hasRung || Task.isCancelled { release(gateway, number) }
            }
        } onCancel: {
            release(gateway, number)
        }
        timer.cancel()
    }

    private func release(_ gateway: GatewayID, _ number: Int) {
        state.withLock { $0.waiters[gateway]?.removeValue(forKey: number) }?.resume()
    }
}
