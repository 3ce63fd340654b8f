internal import GRDB

/// What a device of a model was found to refuse, in words of its reader.
public struct StoredHoles: Hashable, Sendable {
    public let meter: String
    public let profile: String
    public let holes: String

    public init(meter: String, profile: String, holes: String) {
        self.meter = meter
        self.profile = profile
        self.holes = holes
    }
}

extension TelemetryStore {
    /// Keeps what was learned of a device in place of what was kept of it.
    public func keep(_ learned: StoredHoles) throws(StorageError) {
        try handle.write { database in
            try database.execute(
                sql: """
                    INSERT INTO learned_holes (meter, profile, holes) VALUES (?, ?, ?)
                    ON CONFLICT (meter) DO UPDATE SET profile = excluded.profile, holes = excluded.holes
                    """, arguments: [learned.meter, learned.profile, learned.holes])
        }
    }

    /// What was learned of every device.
    public func learnedHoles() throws(StorageError) -> [StoredHoles] {
        try handle.read { database in
            try Row.fetchAll(database, sql: "SELECT meter, profile, holes FROM learned_holes").map { row in
                StoredHoles(
                    meter: try row.need("meter"), profile: try row.need("profile"), holes: try row.need("holes"))
            }
        }
    }
}
