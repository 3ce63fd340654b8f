private import CLinux
private import Dispatch
private import Foundation
private import Synchronization

/// Runs an actor on one thread of its own, so that what blocks there (a serial port, an fsync) blocks
/// nothing else. The thread ends with the executor.
public final class ThreadExecutor: SerialExecutor {
    private let state: ThreadState

    /// - Parameter name: as `ps -L` shows it; 15 characters are kept.
    public init(name: String) {
        let state = ThreadState()
        self.state = state
        let thread = Thread {
            clinux_name_this_thread(name)
            state.run()
        }
        thread.stackSize = 512 * 1024
        thread.start()
    }

    deinit { state.stop() }

    public func enqueue(_ job: consuming ExecutorJob) {
        state.add(UnownedJob(job), executor: asUnownedSerialExecutor())
    }
}

/// The queue between those who enqueue and the thread. It outlives the executor until the thread ends.
private final class ThreadState: Sendable {
    private struct Item {
        let job: UnownedJob
        let executor: UnownedSerialExecutor
    }

    private let items = Mutex<(waiting: [Item], isStopped: Bool)>(([], false))
    private let signal = DispatchSemaphore(value: 0)

    func add(_ job: UnownedJob, executor: UnownedSerialExecutor) {
        items.withLock { $0.waiting.append(Item(job: job, executor: executor)) }
        signal.signal()
    }

    func stop() {
        items.withLock { $0.isStopped = true }
        signal.signal()
    }

    func run() {
        while true {
            signal.wait()
            let (batch, isStopped) = items.withLock { items in
                defer { items.waiting.removeAll(keepingCapacity: true) }
                return (items.waiting, items.isStopped)
            }
            for item in batch { item.job.runSynchronously(on: item.executor) }
            if isStopped { return }
        }
    }
}
