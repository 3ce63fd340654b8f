internal import GRDB

/// The tables of `telemetry.db`. Keys lead with the sequence, so that a commit touches few pages.
enum TelemetryLayout {
    /// "MKTM" is what marks the file.
    static let layout = DatabaseLayout(
        applicationID: 0x4D4B_544D, pageBytes: 1024, steps: [first, second], afterStep: [2: sealHead])

    /// Numbers up to `reserved` may have gone upstream from memory: they are never given to anything else.
    private static let second = "ALTER TABLE telemetry_head ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0"

    private static let sealHead: @Sendable (Database) throws -> Void = { database in
        guard try Int.fetchOne(database, sql: "SELECT count(*) FROM telemetry_head") == 1 else { return }
        try RowSeal.seal(.telemetryHead, where: "only_row", is: 1, in: database)
    }

    private static let first = """
        -- One row: what holds for the whole file. `seal`, here and below: a checksum of the row.
        CREATE TABLE telemetry_head (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            epoch TEXT NOT NULL,
            last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0),
            -- The last counter value of each circuit that may be billed, packed.
            accepted BLOB NOT NULL,
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        -- Names that repeat, kept once: boots, meters, circuits, and the channels of a reading in the order
        -- of its packed values.
        CREATE TABLE name (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        -- Readings with the sequence numbers `last` - `count` + 1 to `last`. The values are differences, so
        -- a block is read from the start of its segment, the block whose `last` is `segment`.
        CREATE TABLE block (
            last INTEGER PRIMARY KEY,
            count INTEGER NOT NULL CHECK (count > 0),
            segment INTEGER NOT NULL CHECK (segment <= last),
            packed BLOB NOT NULL
        ) STRICT;

        -- What was evicted before it was acknowledged: a record in the log like any other.
        CREATE TABLE gap (
            sequence INTEGER PRIMARY KEY,
            count INTEGER NOT NULL CHECK (count > 0),
            reason TEXT NOT NULL
        ) STRICT;

        -- The counters of the first reading of an hour (1), a day (2), a month (3), packed in full.
        CREATE TABLE freeze (
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
            period INTEGER NOT NULL,
            meter INTEGER NOT NULL,
            packed BLOB NOT NULL,
            PRIMARY KEY (kind, period, meter)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE cursor (
            consumer TEXT PRIMARY KEY,
            through INTEGER NOT NULL CHECK (through >= 0),
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;

        -- What each device was found to refuse. Worth little: it is learned again.
        CREATE TABLE learned_holes (
            meter TEXT PRIMARY KEY,
            profile TEXT NOT NULL,
            holes TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
}
