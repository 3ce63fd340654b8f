internal import GRDB

/// Names that repeat in every row, kept once, under a small integer.
enum NameTable {
    static func key(of name: String, in table: String, _ database: Database) throws -> (key: Int64, isNew: Bool) {
        let find = try database.cachedStatement(sql: "SELECT id FROM \(table) WHERE name = ?")
        if let key = try Int64.fetchOne(find, arguments: [name]) { return (key, false) }
        try database.cachedStatement(sql: "INSERT INTO \(table) (name) VALUES (?)").execute(arguments: [name])
        return (database.lastInsertedRowID, true)
    }
}
