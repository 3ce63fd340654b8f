private import Synchronization

/// Which messages are under way, by the number the library gave them, and who waits for them.
final class Deliveries: Sendable {
    private struct Delivery {
        var underWay: Set<Int32> = []
        var waiter: CheckedContinuation<Bool, Never>?
    }

    private struct State {
        var next = 0
        var deliveries: [Int: Delivery] = [:]
        var owners: [Int32: Int] = [:]
        /// Acknowledged before `sent` was told their numbers.
        var early: Set<Int32> = []
        var isStopped = false
    }

    private let state = Mutex(State())

    func begin() -> Int {
        state.withLock { state in
            state.next += 1
            state.deliveries[state.next] = Delivery()
            return state.next
        }
    }

    func sent(_ number: Int32, of delivery: Int) {
        state.withLock { state in
            guard state.early.remove(number) == nil else { return }
            state.owners[number] = delivery
            state.deliveries[delivery]?.underWay.insert(number)
        }
    }

    func delivered(_ number: Int32) {
        let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard let owner = state.owners.removeValue(forKey: number) else {
                // Numbers are few and soon used again: what nobody asks for may not gather.
                if state.early.count < 4096 { state.early.insert(number) }
                return nil
            }
            state.deliveries[owner]?.underWay.remove(number)
            guard let delivery = state.deliveries[owner], delivery.underWay.isEmpty, delivery.waiter != nil else {
                return nil
            }
            return state.deliveries.removeValue(forKey: owner)?.waiter
        }
        waiter?.resume(returning: true)
    }

    /// Returns when all of a delivery is acknowledged; false when it was stopped before.
    func end(of delivery: Int) async -> Bool {
        await withCheckedContinuation { waiter in
            let isOver: Bool? = state.withLock { state in
                if state.isStopped { return false }
                guard let known = state.deliveries[delivery], !known.underWay.isEmpty else {
                    state.deliveries[delivery] = nil
                    return true
                }
                state.deliveries[delivery]?.waiter = waiter
                return nil
            }
            if let isOver { waiter.resume(returning: isOver) }
        }
    }

    func stop() {
        let waiters = state.withLock { state in
            state.isStopped = true
            defer { state.deliveries = [:] }
            return state.deliveries.values.compactMap(\.waiter)
        }
        for waiter in waiters { waiter.resume(returning: false) }
    }
}
