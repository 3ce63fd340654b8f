internal import Foundation
internal import GRDB
internal import UplinkProtocol

/// Tables whose rows are not records of the chain. Each row carries a checksum, its seal, so that a
/// flipped bit in a price or a limit is found as surely as one in a posting.
enum SealedTable: String, CaseIterable {
    case boot, actor, book, meter, account, circuit, command, recharge, opening, cursor, setting, withheld
    case sealedMonth = "sealed_month"
    case name
    case telemetryHead = "telemetry_head"

    static let ofLedger: [SealedTable] = [
        .boot, .actor, .book, .meter, .account, .circuit, .command, .recharge, .opening, .cursor,
        .sealedMonth, .setting, .withheld,
    ]

    /// The primary key.
    var key: String {
        switch self {
        case .boot, .actor, .book, .meter, .command, .name: "id"
        case .telemetryHead: "only_row"
        case .account, .circuit, .setting: "key"
        case .recharge, .opening, .withheld: "sequence"
        case .cursor: "consumer"
        case .sealedMonth: "last_sequence"
        }
    }
}

enum RowSeal {
    /// Writes the seal of a row that was inserted or changed.
    static func seal(
        _ table: SealedTable, where column: String, is value: some DatabaseValueConvertible, in database: Database
    ) throws {
        let select = try database.cachedStatement(sql: "SELECT * FROM \(table.rawValue) WHERE \(column) = ?")
        guard let row = try Row.fetchOne(select, arguments: [value]) else {
            throw StorageError.refused("there is no \(table.rawValue) '\(value)'")
        }
        try database.cachedStatement(sql: "UPDATE \(table.rawValue) SET seal = ? WHERE \(column) = ?")
            .execute(arguments: [digest(of: row, table: table), value])
    }

    /// Throws where a row read with all its columns is not as it was written.
    static func check(_ row: Row, of table: SealedTable) throws {
        guard row.read("seal", as: Int64.self) == digest(of: row, table: table) else {
            let key: DatabaseValue = row[table.key] ?? .null
            throw DamagedContent("the \(table.rawValue) \(key) was changed by something other than this program")
        }
    }

    /// The first 63 bits of the SHA-256 of the row's values as canonical JSON, the table's name first.
    private static func digest(of row: Row, table: SealedTable) -> Int64 {
        var values: [JSONValue] = [.string(table.rawValue)]
        for (column, value) in row where column != "seal" { values.append(json(value)) }
        let bytes = ChainHash.of(JSONValue.array(values).canonicalBytes()).bytes
        return bytes.prefix(8).reduce(0) { $0 << 8 | Int64($1) } & .max
    }

    private static func json(_ value: DatabaseValue) -> JSONValue {
        switch value.storage {
        case .null: .null
        case .int64(let number): .integer(number)
        case .string(let text): .string(text)
        // Neither is in any sealed table: a tag makes sure that it never passes for what was written.
        case .double(let number): .array([.string("\(number)")])
        case .blob(let data): .array(data.map { .integer(Int64($0)) })
        }
    }
}
