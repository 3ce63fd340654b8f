internal import Foundation
internal import GRDB
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// What an older ledger file says of the site: all of it where the file is sound, what can be read where it
/// is not.
struct LedgerSalvage {
    var site = StoredSite(meters: [], accounts: [], circuits: [])
    var settings: [Setting] = []
    var commands: [AnsweredCommand] = []
    var epoch = ""
    var lastSequence: Int64 = 0
    /// Rows that are not as they were written, by table and key.
    var suspects: [String] = []

    /// Reads a copy of a file, which is changed: seals of damaged rows are made anew, so that the rest of the
    /// row can be read.
    static func read(copy path: String) -> LedgerSalvage {
        var salvage = LedgerSalvage()
        do {
            let queue = try DatabaseQueue(path: path)
            try queue.write { try salvage.take($0) }
            try queue.close()
        } catch {
            salvage.suspects.append("file: \(error)")
        }
        return salvage
    }

    private mutating func take(_ database: Database) throws {
        if let head = try Row.fetchOne(database, sql: "SELECT epoch, last_sequence FROM ledger_head") {
            epoch = head.read("epoch") ?? ""
            lastSequence = head.read("last_sequence") ?? 0
        }
        for table in SealedTable.ofLedger { try reseal(table, in: database) }
        try takeBalances(database)
        site = try SiteTables.load(database)
        settings = try Row.fetchAll(database, sql: "SELECT kind, subject, document FROM setting ORDER BY key")
            .compactMap { row in
                guard let kind = SettingKind(rawValue: try row.need("kind")), let text: String = row.read("document")
                else { return nil }
                return Setting(kind, of: try row.need("subject"), try StrictJSON.parse(text))
            }
        commands = try CommandTable.all(database)
    }

    private mutating func reseal(_ table: SealedTable, in database: Database) throws {
        for row in try Row.fetchAll(database, sql: "SELECT * FROM \(table.rawValue)") {
            if (try? RowSeal.check(row, of: table)) != nil { continue }
            let key: DatabaseValue = row[table.key] ?? .null
            suspects.append("\(table.rawValue) \(key)")
            try RowSeal.seal(table, where: table.key, is: key, in: database)
        }
    }

    /// An account's balance is what its last entry left.
    private mutating func takeBalances(_ database: Database) throws {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT account.key, account.id, account.balance, ledger.balance_after, ledger.carry_after
                FROM account JOIN ledger ON ledger.sequence =
                    (SELECT max(sequence) FROM ledger WHERE account = account.key)
                WHERE account.balance <> ledger.balance_after
                """)
        for row in rows {
            let key: Int64 = try row.need("key")
            suspects.append("balance of account \(row.read("id") ?? "\(key)")")
            try database.execute(
                sql: "UPDATE account SET balance = ?, carry_tenths = ? WHERE key = ?",
                arguments: [row.read("balance_after", as: Int64.self), row.read("carry_after", as: Int64.self), key])
            try RowSeal.seal(.account, where: "key", is: key, in: database)
        }
    }
}
