/// The tables of `ledger.db`. Amounts are micro-units, energy Wh (volume litres), times milliseconds.
enum LedgerLayout {
    /// "MKLG" is what marks the file.
    static let layout = DatabaseLayout(applicationID: 0x4D4B_4C47, steps: [first, settings, withheld])

    private static let first = """
        -- One row: what holds for the whole file.
        CREATE TABLE ledger_head (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            gateway TEXT NOT NULL,
            epoch TEXT NOT NULL,
            last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0),
            last_hash BLOB NOT NULL CHECK (length(last_hash) = 32),
            -- Why no money moves until a person has looked; NULL is as usual.
            held TEXT
        ) STRICT;

        -- Names that repeat in every row are kept once. `seal`, here and below: a checksum of the row.
        CREATE TABLE boot (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seal INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE actor (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seal INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE book (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seal INTEGER NOT NULL DEFAULT 0) STRICT;

        CREATE TABLE meter (
            id TEXT PRIMARY KEY,
            bus TEXT NOT NULL,
            unit INTEGER NOT NULL CHECK (unit BETWEEN 1 AND 247),
            profile TEXT NOT NULL,
            seal INTEGER NOT NULL DEFAULT 0,
            UNIQUE (bus, unit)
        ) STRICT;

        CREATE TABLE account (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            customer_number TEXT NOT NULL,
            issuer TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
            balance INTEGER NOT NULL,
            carry_tenths INTEGER NOT NULL CHECK (carry_tenths BETWEEN 0 AND 9),
            last_recharge INTEGER NOT NULL CHECK (last_recharge >= 0),
            alarm INTEGER NOT NULL CHECK (alarm BETWEEN 0 AND 4),
            price INTEGER NOT NULL CHECK (price >= 0),
            alarm_1 INTEGER NOT NULL,
            alarm_2 INTEGER NOT NULL CHECK (alarm_2 <= alarm_1),
            hysteresis INTEGER NOT NULL CHECK (hysteresis >= 0),
            overdraft_limit INTEGER NOT NULL CHECK (overdraft_limit >= 0),
            minimum_to_reclose INTEGER NOT NULL CHECK (minimum_to_reclose > 0),
            hoarding_cap INTEGER NOT NULL CHECK (hoarding_cap > 0),
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        CREATE TABLE circuit (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            account TEXT REFERENCES account (id),
            meter TEXT NOT NULL REFERENCES meter (id),
            rated_per_hour INTEGER NOT NULL CHECK (rated_per_hour > 0),
            breaker_bus TEXT,
            breaker_unit INTEGER CHECK (breaker_unit BETWEEN 1 AND 247),
            breaker_point INTEGER CHECK (breaker_point > 0),
            -- The counter at the last posting.
            posted_counter INTEGER CHECK (posted_counter >= 0),
            posted_boot INTEGER REFERENCES boot (id),
            posted_monotonic INTEGER,
            posted_wall INTEGER,
            posted_trust INTEGER CHECK (posted_trust BETWEEN 0 AND 2),
            -- What is remembered of the breaker.
            mode TEXT NOT NULL DEFAULT 'automatic' CHECK (mode IN ('automatic', 'guarantee', 'forced_off')),
            is_maintenance_locked INTEGER NOT NULL DEFAULT 0 CHECK (is_maintenance_locked IN (0, 1)),
            lockout TEXT CHECK (lockout IN ('overload', 'malignant_load')),
            intended TEXT CHECK (intended IN ('open', 'closed')),
            confirmed TEXT CHECK (confirmed IN ('open', 'closed')),
            is_opened_elsewhere INTEGER NOT NULL DEFAULT 0 CHECK (is_opened_elsewhere IN (0, 1)),
            is_reminder_done INTEGER NOT NULL DEFAULT 0 CHECK (is_reminder_done IN (0, 1)),
            timer_window TEXT,
            -- The lockouts of the safety rules with their trips of the last day, as JSON.
            overload TEXT,
            malignant TEXT,
            seal INTEGER NOT NULL DEFAULT 0,
            CHECK ((breaker_bus IS NULL) = (breaker_unit IS NULL) AND (breaker_bus IS NULL) = (breaker_point IS NULL)),
            UNIQUE (breaker_bus, breaker_unit, breaker_point)
        ) STRICT;

        -- The ledger log: append-only, each row with the hash of the row before. The columns hold exactly
        -- what the record's canonical JSON holds, so that its hash can be computed from them.
        CREATE TABLE ledger (
            sequence INTEGER PRIMARY KEY,
            previous BLOB NOT NULL CHECK (length(previous) = 32),
            boot INTEGER NOT NULL REFERENCES boot (id),
            monotonic INTEGER NOT NULL,
            wall INTEGER NOT NULL,
            trust INTEGER NOT NULL CHECK (trust BETWEEN 0 AND 2),
            actor INTEGER NOT NULL REFERENCES actor (id),
            -- A posting, where `account` is set.
            account INTEGER REFERENCES account (key),
            cause TEXT,
            debit INTEGER REFERENCES book (id),
            credit INTEGER REFERENCES book (id),
            amount INTEGER CHECK (amount >= 0),
            balance_after INTEGER,
            carry_after INTEGER,
            circuit INTEGER REFERENCES circuit (key),
            counter_from INTEGER,
            counter_to INTEGER,
            quantity INTEGER,
            price INTEGER,
            estimated INTEGER,
            recharge_number INTEGER,
            command TEXT,
            -- The record that a reversal undoes or that a decision about a disputed delta settles: once. It
            -- may be in the archive.
            concerns INTEGER CHECK (concerns < sequence),
            -- 1 sharp, 2 peak, 3 flat, 4 valley; the step from 1.
            rate INTEGER CHECK (rate BETWEEN 1 AND 4),
            step INTEGER CHECK (step BETWEEN 1 AND 6),
            -- Any other record: its canonical JSON body, under the name of its kind.
            kind TEXT CHECK (kind IN ('event', 'command')),
            body TEXT,
            CHECK ((account IS NULL) = (body IS NOT NULL)),
            CHECK (account IS NULL OR (debit IS NOT NULL AND credit IS NOT NULL AND debit <> credit)),
            CHECK (account IS NULL OR (cause IS NOT NULL AND amount IS NOT NULL AND balance_after IS NOT NULL)),
            CHECK (account IS NULL OR carry_after BETWEEN 0 AND 9)
        ) STRICT;
        CREATE INDEX ledger_by_account ON ledger (account, sequence) WHERE account IS NOT NULL;
        CREATE UNIQUE INDEX ledger_by_concern ON ledger (concerns) WHERE concerns IS NOT NULL;
        CREATE TRIGGER ledger_keeps_rows BEFORE UPDATE ON ledger
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
        CREATE TRIGGER ledger_loses_none BEFORE DELETE ON ledger
            WHEN OLD.sequence > ifnull((SELECT max(last_sequence) FROM sealed_month), 0)
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

        -- Stretches of the chain that are kept in archive files; their rows may be gone from the log.
        CREATE TABLE sealed_month (
            last_sequence INTEGER PRIMARY KEY,
            first_sequence INTEGER NOT NULL CHECK (first_sequence BETWEEN 1 AND last_sequence),
            previous BLOB NOT NULL CHECK (length(previous) = 32),
            last_hash BLOB NOT NULL CHECK (length(last_hash) = 32),
            file TEXT NOT NULL UNIQUE,
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        -- What each recharge number of an account was used for, by the record of its posting.
        CREATE TABLE recharge (
            sequence INTEGER PRIMARY KEY REFERENCES ledger (sequence),
            account INTEGER NOT NULL REFERENCES account (key),
            number INTEGER NOT NULL CHECK (number > 0),
            customer_number TEXT NOT NULL,
            issuer TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            balance_after INTEGER NOT NULL,
            seal INTEGER NOT NULL DEFAULT 0,
            UNIQUE (account, number)
        ) STRICT;

        -- The records that tell of the last openings of each circuit.
        CREATE TABLE opening (
            sequence INTEGER PRIMARY KEY REFERENCES ledger (sequence),
            circuit INTEGER NOT NULL REFERENCES circuit (key),
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX opening_by_circuit ON opening (circuit, sequence);

        -- Every command ever received, with its answer.
        CREATE TABLE command (
            id TEXT PRIMARY KEY,
            position INTEGER NOT NULL,
            kind TEXT NOT NULL,
            received TEXT NOT NULL,
            state TEXT NOT NULL,
            outcome TEXT NOT NULL,
            detail TEXT NOT NULL,
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX command_by_position ON command (position);

        -- How far each consumer has acknowledged the ledger log.
        CREATE TABLE cursor (
            consumer TEXT PRIMARY KEY,
            through INTEGER NOT NULL CHECK (through >= 0),
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;
        """

    private static let settings = """
        -- What was set, beside the columns of the site's tables: one document for each kind and subject.
        CREATE TABLE setting (
            key INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            -- How often it was set.
            version INTEGER NOT NULL CHECK (version > 0),
            -- Canonical JSON; NULL where it was taken back.
            document TEXT,
            seal INTEGER NOT NULL DEFAULT 0,
            UNIQUE (kind, subject)
        ) STRICT;
        """

    private static let withheld = """
        -- Records whose content the platform refused: it has their places in the chain, and gets them again.
        CREATE TABLE withheld (
            sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
            reason TEXT NOT NULL,
            seal INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        """
}
