internal import GRDB
internal import Metering

extension SiteTables {
    /// Stands before the name of a meter that was removed, where its bus stood: the ledger's entries refer to
    /// its circuits for good, but nothing is on its address any more. No bus has such a name.
    static let removed = "removed:"

    static func move(_ move: SiteMove, in database: Database) throws {
        switch move {
        case .meter(let circuit, let meter):
            try update(circuit, "meter = ?", [meter.rawValue], in: database)
        case .account(let circuit, let account):
            try update(circuit, "account = ?", [account.rawValue], in: database)
        case .removal(let meter):
            let circuits = try String.fetchAll(
                database, sql: "SELECT id FROM circuit WHERE meter = ? ORDER BY id", arguments: [meter.rawValue])
            for name in circuits {
                guard let circuit = CircuitID(rawValue: name) else { continue }
                try update(
                    circuit,
                    """
                    account = NULL, breaker_bus = NULL, breaker_unit = NULL, breaker_point = NULL,
                    posted_counter = NULL, mode = 'automatic', is_maintenance_locked = 0, lockout = NULL,
                    intended = NULL, confirmed = NULL, is_opened_elsewhere = 0, is_reminder_done = 0,
                    timer_window = NULL, overload = NULL, malignant = NULL
                    """, [], in: database)
                for kind in [SettingKind.timer, .switching, .overload, .malignantLoad] {
                    try SettingTable.put(Setting(kind, of: name, nil), in: database)
                }
            }
            let subject = ExpectedSettings.Subject.meter(meter).description
            try SettingTable.put(Setting(.expectedSettings, of: subject, nil), in: database)
            try database.execute(
                sql: "UPDATE meter SET bus = ?, unit = 1 WHERE id = ?",
                arguments: [removed + meter.rawValue, meter.rawValue])
            try RowSeal.seal(.meter, where: "id", is: meter.rawValue, in: database)
        }
    }

    private static func update(
        _ circuit: CircuitID, _ assignment: String, _ arguments: StatementArguments, in database: Database
    ) throws {
        try database.execute(
            sql: "UPDATE circuit SET \(assignment) WHERE id = ?", arguments: arguments + [circuit.rawValue])
        try RowSeal.seal(.circuit, where: "id", is: circuit.rawValue, in: database)
    }
}
