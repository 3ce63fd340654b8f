internal import GRDB
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// A record that was withheld and comes whole after all. Its hash was checked: it can be no other.
extension RecordIntake {
    func complete(_ sequence: Int64, _ json: JSONValue) throws {
        let record: LedgerRecord
        do { record = try LedgerRecord(json: json) } catch { throw BatchProblem.malformed("\(error)") }
        try database.execute(
            sql: "UPDATE record SET bytes = ? WHERE gateway = ? AND epoch = ? AND log = 'ledger' AND sequence = ?",
            arguments: [json.canonicalText, batch.gateway.rawValue, batch.epoch, sequence])
        try database.execute(
            sql: "DELETE FROM withheld WHERE gateway = ? AND epoch = ? AND sequence = ?",
            arguments: [batch.gateway.rawValue, batch.epoch, sequence])
        guard try isLatest(record) else { return }
        try follow(record)
    }

    /// Whether no later record says something newer of the same.
    private func isLatest(_ record: LedgerRecord) throws -> Bool {
        let place: String
        let subject: String
        switch record.body {
        case .posting(let posting): (place, subject) = ("$.posting.account", posting.account.rawValue)
        case .event(let event): (place, subject) = ("$.event.subject", event.subject.description)
        case .command(let command): (place, subject) = ("$.command.id", command.id)
        }
        let later = try Int.fetchOne(
            database,
            sql: """
                SELECT 1 FROM record WHERE gateway = ? AND epoch = ? AND log = 'ledger' AND sequence > ?
                    AND json_extract(bytes, ?) = ? LIMIT 1
                """, arguments: [batch.gateway.rawValue, batch.epoch, record.sequence, place, subject])
        return later == nil
    }
}
