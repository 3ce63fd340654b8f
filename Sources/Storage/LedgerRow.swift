internal import Foundation
internal import GRDB
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// A ledger record as a row of columns, and back.
enum LedgerRow {
    static func data(_ hash: ChainHash) -> Data { Data(hash.bytes) }

    /// The key of a name in one of the small name tables.
    static func key(of name: String, in table: SealedTable, _ database: Database) throws -> Int64 {
        let find = try database.cachedStatement(sql: "SELECT id FROM \(table.rawValue) WHERE name = ?")
        if let key = try Int64.fetchOne(find, arguments: [name]) { return key }
        try database.cachedStatement(sql: "INSERT INTO \(table.rawValue) (name) VALUES (?)").execute(arguments: [name])
        let key = database.lastInsertedRowID
        try RowSeal.seal(table, where: "id", is: key, in: database)
        return key
    }

    static func insert(_ record: LedgerRecord, into database: Database) throws {
        let common: [(any DatabaseValueConvertible)?] = [
            record.sequence, data(record.previous), try key(of: record.at.boot.rawValue, in: .boot, database),
            record.at.monotonic.nanoseconds / 1_000_000, record.at.wall.millisecondsSince1970,
            record.at.trust.code, try key(of: record.actor, in: .actor, database),
        ]
        switch record.body {
        case .posting(let posting):
            try database.cachedStatement(
                sql: """
                    INSERT INTO ledger (sequence, previous, boot, monotonic, wall, trust, actor, account, cause, debit,
                        credit, amount, balance_after, carry_after, circuit, counter_from, counter_to, quantity, price,
                        estimated, recharge_number, command, concerns, rate, step)
                    VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT key FROM account WHERE id = ?), ?, ?, ?, ?, ?, ?,
                        (SELECT key FROM circuit WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(
                arguments: StatementArguments(
                    common + [
                        posting.account.rawValue, posting.cause.rawValue,
                        try key(of: posting.debit.description, in: .book, database),
                        try key(of: posting.credit.description, in: .book, database), posting.amount.microunits,
                        posting.balanceAfter.microunits, posting.carryTenthsAfter, posting.span?.circuit.rawValue,
                        posting.span?.from, posting.span?.to, posting.span?.quantity,
                        posting.span?.price.tenThousandths, posting.isEstimated ? 1 : nil, posting.rechargeNumber,
                        posting.command, posting.concerns, posting.span?.rate?.rawValue, posting.span?.step,
                    ]))
        case .event(let event): try insert(common, kind: "event", json: event.json, into: database)
        case .command(let command): try insert(common, kind: "command", json: command.json, into: database)
        }
    }

    private static func insert(
        _ common: [(any DatabaseValueConvertible)?], kind: String, json: JSONValue, into database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO ledger (sequence, previous, boot, monotonic, wall, trust, actor, kind, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: StatementArguments(common + [kind, json.canonicalText]))
    }

    private static let selection = """
        SELECT ledger.*, boot.name AS boot_name, actor.name AS actor_name, account.id AS account_id,
            circuit.id AS circuit_id, debit.name AS debit_name, credit.name AS credit_name
        FROM ledger
        LEFT JOIN boot ON boot.id = ledger.boot
        LEFT JOIN actor ON actor.id = ledger.actor
        LEFT JOIN account ON account.key = ledger.account
        LEFT JOIN circuit ON circuit.key = ledger.circuit
        LEFT JOIN book AS debit ON debit.id = ledger.debit
        LEFT JOIN book AS credit ON credit.id = ledger.credit
        WHERE
        """

    static func fetch(
        _ database: Database, where condition: String, _ arguments: StatementArguments = []
    ) throws -> [LedgerRecord] {
        let rows = try Row.fetchCursor(database, sql: selection + " " + condition, arguments: arguments)
        var records: [LedgerRecord] = []
        while let row = try rows.next() { records.append(try record(row)) }
        return records
    }

    /// The record in a row; throws where the columns do not make one.
    static func record(_ row: Row) throws -> LedgerRecord {
        let sequence: Int64 = try row.need("sequence")
        func damaged(_ what: String) -> DamagedContent { DamagedContent("record \(sequence): \(what)") }
        guard let previous = ChainHash(bytes: Array(row.read("previous", as: Data.self) ?? Data())),
            let boot: String = row.read("boot_name"),
            let trust = ClockTrust(code: try row.need("trust")), let actor: String = row.read("actor_name")
        else { throw damaged("its head cannot be read") }
        let milliseconds: Int64 = try row.need("monotonic")
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { throw damaged("its time cannot be read") }
        let at = Timestamp(
            boot: BootID(rawValue: boot), monotonic: MonotonicTime(nanoseconds: nanoseconds),
            wall: WallTime(millisecondsSince1970: try row.need("wall")), trust: trust)
        let body: LedgerRecord.Body
        if let text: String = row.read("body") {
            do {
                let json = try StrictJSON.parse(text)
                body =
                    row.read("kind") == "event"
                    ? .event(try Event(json: json)) : .command(try CommandRecord(json: json))
            } catch { throw damaged("its body cannot be read (\(error))") }
        } else {
            guard let posting = posting(row) else { throw damaged("its posting cannot be read") }
            body = .posting(posting)
        }
        return LedgerRecord(sequence: sequence, at: at, actor: actor, body: body, previous: previous)
    }

    private static func posting(_ row: Row) -> Posting? {
        guard let accountName: String = row.read("account_id"), let account = AccountID(rawValue: accountName),
            let cause = row.read("cause", as: String.self).flatMap(PostingCause.init),
            let debit = row.read("debit_name", as: String.self).flatMap(Book.init(name:)),
            let credit = row.read("credit_name", as: String.self).flatMap(Book.init(name:)),
            let amount: Int64 = row.read("amount"), let balanceAfter: Int64 = row.read("balance_after"),
            let carryAfter: Int64 = row.read("carry_after")
        else { return nil }
        var span: CounterSpan?
        if let circuitName: String = row.read("circuit_id") {
            guard let circuit = CircuitID(rawValue: circuitName), let from: Int64 = row.read("counter_from"),
                let to: Int64 = row.read("counter_to"), let quantity: Int64 = row.read("quantity"),
                let price = row.read("price", as: Int64.self).flatMap(Price.init(tenThousandths:))
            else { return nil }
            span = CounterSpan(
                circuit: circuit, from: from, to: to, quantity: quantity, price: price,
                rate: row.read("rate", as: Int.self).flatMap(Rate.init(rawValue:)), step: row.read("step"))
        }
        return Posting(
            account: account, cause: cause, debit: debit, credit: credit, amount: Money(microunits: amount),
            balanceAfter: Money(microunits: balanceAfter), carryTenthsAfter: carryAfter, span: span,
            isEstimated: row.read("estimated", as: Int64.self) == 1, rechargeNumber: row.read("recharge_number"),
            command: row.read("command"), concerns: row.read("concerns"))
    }
}

extension ClockTrust {
    /// As it is kept in the tables.
    var code: Int64 {
        switch self {
        case .trusted: 2
        case .holdover: 1
        case .untrusted: 0
        }
    }

    init?(code: Int64) {
        guard let trust = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = trust
    }
}
