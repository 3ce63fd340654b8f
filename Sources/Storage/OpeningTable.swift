internal import GRDB
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// Which records tell of the last openings of each circuit.
enum OpeningTable {
    /// Openings remembered of a circuit.
    static let most = 10

    /// Notes the record of an event that opens a breaker, or that found it open. Orders that repeat one
    /// which is not confirmed yet are the same opening.
    static func note(_ event: Event, sequence: Int64, in database: Database) throws {
        guard case .circuit(let circuit) = event.subject else { return }
        let isOrder = event.code == .breakerCommanded && event.detail["position"] == BreakerPosition.open.rawValue
        guard isOrder || event.code == .openedElsewhere else { return }
        let row = try Row.fetchOne(
            database, sql: "SELECT key, intended FROM circuit WHERE id = ?", arguments: [circuit.rawValue])
        guard let row, let key: Int64 = row.read("key") else {
            throw StorageError.refused("the circuit \(circuit) does not exist")
        }
        if isOrder, row.read("intended") == BreakerPosition.open.rawValue { return }
        try database.execute(sql: "INSERT INTO opening (sequence, circuit) VALUES (?, ?)", arguments: [sequence, key])
        try RowSeal.seal(.opening, where: "sequence", is: sequence, in: database)
        try database.execute(
            sql: """
                DELETE FROM opening WHERE circuit = ? AND sequence NOT IN
                    (SELECT sequence FROM opening WHERE circuit = ? ORDER BY sequence DESC LIMIT \(most))
                """, arguments: [key, key])
    }

    /// The records of a circuit's last openings, the newest first.
    static func records(of circuit: CircuitID, in database: Database) throws -> [LedgerRecord] {
        try LedgerRow.fetch(
            database,
            where: """
                ledger.sequence IN (SELECT opening.sequence FROM opening
                    JOIN circuit ON circuit.key = opening.circuit WHERE circuit.id = ?)
                ORDER BY ledger.sequence DESC
                """, [circuit.rawValue])
    }
}
