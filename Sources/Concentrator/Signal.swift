private import Synchronization

/// Wakes one waiting loop. A raise that nobody waits for is remembered.
public final class Signal: Sendable {
    private struct State {
        var isRaised = false
        var waiter: CheckedContinuation<Void, Never>?
        var number = 0
    }

    private let state = Mutex(State())

    public init() {}

    public func raise() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isRaised = true }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when the signal is raised, or after `longest`.
    public func wait(longest: Duration) async {
        var timer: Task<Void, Never>?
        await withCheckedContinuation { continuation in
            let number: Int? = state.withLock { state in
                if state.isRaised {
                    state.isRaised = false
                    return nil
                }
                state.number += 1
                state.waiter = continuation
                return state.number
            }
            guard let number else {
                continuation.resume()
                return
            }
            timer = Task {
                try? await Task.sleep(for: longest)
                self.release(number)
            }
        }
        timer?.cancel()
    }

    private func release(_ number: Int) {
        let waiter = state.withLock { state in
            guard state.number == number else { return nil as CheckedContinuation<Void, Never>? }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
