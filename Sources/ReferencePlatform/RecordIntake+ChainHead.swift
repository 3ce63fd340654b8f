internal import GRDB
internal import Metering
internal import UplinkProtocol

/// The head of the gateway's ledger travels with every batch, so that a ledger that was cut, restored or
/// rewritten is noticed.
extension RecordIntake {
    /// A batch of the ledger names the head of the very ledger its records are of.
    func checkHeadOfLedger() throws {
        let head = batch.chainHead
        guard head.sequence >= batch.last else {
            throw BatchProblem.doesNotFollow(
                "the ledger's head is record \(head.sequence), before record \(batch.last) of the same batch")
        }
        guard let known = try knownHash(head.sequence, epoch: batch.epoch), known != head.hash else { return }
        throw BatchProblem.doesNotFollow("the ledger's head, record \(head.sequence), is another one than was taken")
    }

    /// Readings are taken whatever the ledger is like; what is wrong with it is noted.
    func watchLedger() throws {
        let head = batch.chainHead
        let gateway = batch.gateway.rawValue
        let epochs = try Row.fetchAll(
            database, sql: "SELECT epoch, through FROM progress WHERE gateway = ? AND log = 'ledger'",
            arguments: [gateway])
        let isTaken = try epochs.contains { try knownHash(head.sequence, epoch: $0["epoch"]) == head.hash }
        // Beyond what was taken nothing can be said: those records are still to come.
        if !isTaken, !epochs.isEmpty, epochs.allSatisfy({ $0["through"] >= head.sequence }) {
            try note("the ledger's head, record \(head.sequence), is another one than was taken")
        }
        let last = try Int64.fetchOne(
            database, sql: "SELECT sequence FROM head WHERE gateway = ?", arguments: [gateway])
        // A batch that is sent again has the head it was made with.
        guard !isRepeat else { return }
        if isTaken, let last, head.sequence < last {
            try note("the ledger went back from record \(last) to record \(head.sequence)")
        }
        try database.execute(
            sql: "INSERT OR REPLACE INTO head VALUES (?, ?)", arguments: [gateway, head.sequence])
    }

    private func note(_ what: String) throws {
        try PlatformStore.noteFault(of: batch.gateway, what, now: now, in: database)
    }

    /// The hash of a record that was taken; nil where there is none.
    private func knownHash(_ sequence: Int64, epoch: String) throws -> ChainHash? {
        if sequence == 0 { return ChainHash.genesis(gateway: batch.gateway.rawValue, epoch: epoch) }
        return try String.fetchOne(
            database,
            sql: "SELECT bytes FROM record WHERE gateway = ? AND epoch = ? AND log = 'ledger' AND sequence = ?",
            arguments: [batch.gateway.rawValue, epoch, sequence]
        ).map { try Self.hash($0) }
    }
}
