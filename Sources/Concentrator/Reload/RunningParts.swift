internal import Metering

/// Parts of the gateway that are ended and begun anew while the others run.
actor RunningParts {
    enum Part: Hashable, Sendable {
        case bus(BusID)
        /// What the box has of its own.
        case board
        case uplink
        case pull
        case broker
    }

    private struct Running {
        let task: Task<Void, Never>
        let wake: @Sendable () -> Void

        func cancel() {
            task.cancel()
            wake()
        }
    }

    private var running: [Part: Running] = [:]
    private var isOver = false

    /// - Parameters:
    ///   - wake: has a part that rests look whether it was cancelled.
    ///   - body: returns soon after it was cancelled.
    func start(
        _ part: Part, wake: @escaping @Sendable () -> Void = {}, _ body: @escaping @Sendable () async -> Void
    ) {
        guard !isOver else { return }
        running[part] = Running(task: Task.detached { await body() }, wake: wake)
    }

    /// Returns when the part has ended.
    func stop(_ part: Part) async {
        guard let ending = running.removeValue(forKey: part) else { return }
        ending.cancel()
        await ending.task.value
    }

    /// Returns when the task is cancelled and every part has ended.
    func run() async {
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
        isOver = true
        let ending = Array(running.values)
        running = [:]
        for part in ending { part.cancel() }
        for part in ending { await part.task.value }
    }
}
