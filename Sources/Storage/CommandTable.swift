internal import GRDB
internal import UplinkProtocol

/// Every command ever received, by its id.
enum CommandTable {
    static func insert(_ command: AnsweredCommand, into database: Database) throws {
        let record = command.record
        let detail = JSONValue.object(record.detail.mapValues(JSONValue.string)).canonicalText
        try database.execute(
            sql: "INSERT INTO command VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                record.id, command.position, record.kind, String(decoding: command.received, as: UTF8.self),
                record.state.rawValue, record.outcome, detail,
            ])
    }

    static func find(_ id: String, in database: Database) throws -> CommandRecord? {
        let row = try Row.fetchOne(database, sql: "SELECT * FROM command WHERE id = ?", arguments: [id])
        guard let row else { return nil }
        guard let state = CommandState(rawValue: try row.need("state")),
            let detail = try? StrictJSON.parse(try row.need("detail") as String).object
        else { throw StorageError.damaged(path: "ledger.db", reason: "the command '\(id)' cannot be read") }
        return CommandRecord(
            id: id, kind: try row.need("kind"), state: state, outcome: try row.need("outcome"),
            detail: detail.compactMapValues(\.string))
    }
}
