/// The tables of `telemetry.db`. Keys lead with the sequence, so that a commit touches few pages.
enum TelemetryLayout {
    /// "MKTM" is what marks the file.
    static let layout = DatabaseLayout(applicationID: 0x4D4B_544D, steps: [first])

    private static let first = """
        CREATE TABLE telemetry_head (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            epoch TEXT NOT NULL,
            last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0)
        ) STRICT;
        CREATE TABLE boot (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE meter (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        -- The channels of a reading, in the order of their packed values.
        CREATE TABLE channels (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE reading (
            sequence INTEGER PRIMARY KEY,
            meter INTEGER NOT NULL,
            channels INTEGER NOT NULL,
            boot INTEGER NOT NULL,
            monotonic INTEGER NOT NULL,
            wall INTEGER NOT NULL,
            trust INTEGER NOT NULL CHECK (trust BETWEEN 0 AND 2),
            packed BLOB NOT NULL
        ) STRICT;
        -- What was evicted before it was acknowledged: a record in the log like any other.
        CREATE TABLE gap (
            sequence INTEGER PRIMARY KEY,
            count INTEGER NOT NULL CHECK (count > 0),
            reason TEXT NOT NULL
        ) STRICT;
        -- The last counter value that may be billed, by circuit: one row, overwritten in place.
        CREATE TABLE last_accepted (
            circuit TEXT PRIMARY KEY,
            value INTEGER NOT NULL,
            boot INTEGER NOT NULL,
            monotonic INTEGER NOT NULL,
            wall INTEGER NOT NULL,
            trust INTEGER NOT NULL CHECK (trust BETWEEN 0 AND 2)
        ) STRICT;
        CREATE TABLE cursor (
            consumer TEXT PRIMARY KEY,
            through INTEGER NOT NULL CHECK (through >= 0),
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;
        """
}
