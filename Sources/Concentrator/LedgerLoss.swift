internal import Logging
internal import Storage

/// What follows where the ledger must be opened anew before anything is written to it.
struct LedgerLoss: Sendable {
    let directory: DataDirectory
    let failure: FailureBox
    let logger: Logger

    /// Notes damage for the next start, which opens with a look at the end of the chain alone, and ends the daemon.
    @discardableResult
    func follow(_ error: StorageError) -> GatewayProblem {
        if case .damaged(_, let fault) = error {
            do { try directory.noteDamage(fault) } catch {
                logger.critical("damage cannot be noted", metadata: ["reason": "\(error)"])
            }
        }
        let problem = GatewayProblem.ledgerLost(error.description)
        failure.set(problem)
        return problem
    }
}
