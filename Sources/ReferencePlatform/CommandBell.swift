internal import Metering
private import Synchronization

/// Wakes the long polls of a gateway when a command is issued for it.
final class CommandBell: Sendable {
    private typealias Waiter = CheckedContinuation<Void, Never>
    private let waiters = Mutex<(next: Int, byGateway: [GatewayID: [Int: Waiter]])>((0, [:]))

    func ring(_ gateway: GatewayID) {
        let woken = waiters.withLock { $0.byGateway.removeValue(forKey: gateway) ?? [:] }
        for waiter in woken.values { waiter.resume() }
    }

    /// Returns when the bell of the gateway rings, or after `seconds`.
    func wait(for gateway: GatewayID, seconds: Int64) async {
        let number = waiters.withLock { state in
            state.next += 1
            return state.next
        }
        let timer = Task {
            try? await Task.sleep(for: .seconds(seconds))
            self.release(gateway, number)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                waiters.withLock { $0.byGateway[gateway, default: [:]][number] = waiter }
                if Task.isCancelled { release(gateway, number) }
            }
        } onCancel: {
            release(gateway, number)
        }
        timer.cancel()
    }

    private func release(_ gateway: GatewayID, _ number: Int) {
        waiters.withLock { $0.byGateway[gateway]?.removeValue(forKey: number) }?.resume()
    }
}
