internal import GRDB
internal import UplinkProtocol

/// The documents of what was set, by kind and subject.
enum SettingTable {
    /// Writes a document where it differs from what is kept.
    static func put(_ setting: Setting, in database: Database) throws {
        let document = setting.document?.canonicalText
        let select = try database.cachedStatement(
            sql: "SELECT key, document FROM setting WHERE kind = ? AND subject = ?")
        if let row = try Row.fetchOne(select, arguments: [setting.kind.rawValue, setting.subject]) {
            let key: Int64 = try row.need("key")
            guard row.read("document", as: String.self) != document else { return }
            try database.cachedStatement(
                sql: "UPDATE setting SET document = ?, version = version + 1 WHERE key = ?"
            ).execute(arguments: [document, key])
            try RowSeal.seal(.setting, where: "key", is: key, in: database)
        } else if document != nil {
            try database.execute(
                sql: "INSERT INTO setting (kind, subject, version, document) VALUES (?, ?, 1, ?)",
                arguments: [setting.kind.rawValue, setting.subject, document])
            try RowSeal.seal(.setting, where: "key", is: database.lastInsertedRowID, in: database)
        }
    }

    /// Every document that is in force.
    static func load(_ database: Database) throws -> StoredSettings {
        var settings = StoredSettings()
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM setting ORDER BY key")
        while let row = try rows.next() {
            try RowSeal.check(row, of: .setting)
            let name: String = try row.need("kind")
            let subject: String = try row.need("subject")
            guard let kind = SettingKind(rawValue: name) else {
                throw DamagedContent("the setting '\(name)' of \(subject) is of no known kind")
            }
            guard let text: String = row.read("document") else { continue }
            do {
                try settings.take(kind, subject: subject, document: try StrictJSON.parse(text))
            } catch { throw DamagedContent("the setting '\(name)' of \(subject): \(error)") }
        }
        return settings
    }
}
