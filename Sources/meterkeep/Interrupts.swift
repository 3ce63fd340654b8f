import Foundation
import UnixSignals

/// Runs `body`; the first of the signals is handed to `onInterrupt`, the second ends the program.
/// - Parameter last: said before the program ends.
func heedingInterrupts<Value>(
    of signals: [UnixSignal] = [.sigint], last: String? = nil, _ onInterrupt: @escaping @Sendable () async -> Void,
    _ body: () async throws -> Value
) async rethrows -> Value {
    let arriving = await UnixSignalsSequence(trapping: signals)
    let watcher = Task {
        var isFirst = true
        for await _ in arriving {
            if !isFirst {
                if let last { complain(last) }
                Foundation.exit(130)
            }
            isFirst = false
            await onInterrupt()
        }
    }
    defer { watcher.cancel() }
    return try await body()
}
