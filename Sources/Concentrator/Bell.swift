private import Synchronization

/// Wakes all loops that wait for something to grow. A ring between a look and the wait is not slept through:
/// take `rings` before the look.
public final class Bell: Sendable {
    private struct State {
        var rings = 0
        var next = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// How often it rang.
    public var rings: Int { state.withLock { $0.rings } }

    public func ring() {
        let woken = state.withLock { state in
            state.rings += 1
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in woken { waiter.resume() }
    }

    /// Returns when it has rung more often than `heard`, after `longest`, or when the task is cancelled.
    public func wait(after heard: Int, longest: Duration) async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        var timer: Task<Void, Never>?
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let hasRung = state.withLock { state in
                    state.waiters[number] = waiter
                    return state.rings > heard
                }
                if hasRung || Task.isCancelled { return release(number) }
                // Not before: it might be over before there is anybody to wake.
                timer = Task {
                    try? await Task.sleep(for: longest)
                    self.release(number)
                }
            }
        } onCancel: {
            release(number)
        }
        timer?.cancel()
    }

    private func release(_ number: Int) {
        state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
    }
}
