internal import GRDB
internal import Metering
internal import Prepaid

/// The tables of what is installed: meters, accounts, circuits.
enum SiteTables {
    /// Adds what is new and brings settings up to date.
    static func install(_ site: StoredSite, into database: Database) throws {
        for meter in site.meters { try install(meter, into: database) }
        for account in site.accounts { try install(account, into: database) }
        for circuit in site.circuits { try install(circuit, into: database) }
    }

    private static func install(_ meter: SiteMeter, into database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO meter (id, bus, unit, profile) VALUES (?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET bus = excluded.bus, unit = excluded.unit, profile = excluded.profile
                """,
            arguments: [meter.id.rawValue, meter.address.bus.rawValue, meter.address.unit, meter.profile])
        try RowSeal.seal(.meter, where: "id", is: meter.id.rawValue, in: database)
    }

    private static func install(_ account: Account, into database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO account (id, customer_number, issuer, state, balance, carry_tenths, last_recharge, alarm,
                    price, alarm_1, alarm_2, hysteresis, overdraft_limit, minimum_to_reclose, hoarding_cap)
                VALUES (?, ?, ?, 'open', 0, 0, ?, 0, 0, 0, 0, 0, 0, 1, 1)
                ON CONFLICT (id) DO UPDATE SET customer_number = excluded.customer_number, issuer = excluded.issuer,
                    last_recharge = max(last_recharge, excluded.last_recharge)
                """,
            arguments: [account.id.rawValue, account.customerNumber, account.issuer, account.lastRechargeNumber])
        try updateSettings(account, in: database)
    }

    /// A circuit keeps its meter and its account: to move either, what was used must be settled first.
    private static func install(_ circuit: StoredCircuit, into database: Database) throws {
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT account, meter FROM circuit
                WHERE id = ? AND (account IS NOT NULL OR posted_counter IS NOT NULL OR breaker_bus IS NOT NULL)
                """, arguments: [circuit.id.rawValue])
        if let row {
            guard row.read("account") == circuit.account?.rawValue, row.read("meter") == circuit.meter.rawValue else {
                throw StorageError.refused(
                    "the circuit \(circuit.id) belongs to another account or meter; import it under another name")
            }
        }
        try database.execute(
            sql: """
                INSERT INTO circuit (id, account, meter, rated_per_hour, breaker_bus, breaker_unit, breaker_point)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET rated_per_hour = excluded.rated_per_hour,
                    account = excluded.account, meter = excluded.meter,
                    breaker_bus = excluded.breaker_bus, breaker_unit = excluded.breaker_unit,
                    breaker_point = excluded.breaker_point
                """,
            arguments: [
                circuit.id.rawValue, circuit.account?.rawValue, circuit.meter.rawValue, circuit.ratedPerHour,
                circuit.breaker?.device.bus.rawValue, circuit.breaker?.device.unit, circuit.breaker?.point,
            ])
        try RowSeal.seal(.circuit, where: "id", is: circuit.id.rawValue, in: database)
    }

    static func updateSettings(_ account: Account, in database: Database) throws {
        let settings = account.settings
        try database.execute(
            sql: """
                UPDATE account SET price = ?, alarm_1 = ?, alarm_2 = ?, hysteresis = ?, overdraft_limit = ?,
                    minimum_to_reclose = ?, hoarding_cap = ? WHERE id = ?
                """,
            arguments: [
                settings.price.tenThousandths, settings.alarm1.microunits, settings.alarm2.microunits,
                settings.hysteresis.microunits, settings.overdraftLimit.microunits,
                settings.minimumToReclose.microunits, settings.hoardingCap.microunits, account.id.rawValue,
            ])
        try RowSeal.seal(.account, where: "id", is: account.id.rawValue, in: database)
    }

    static func update(_ account: Account, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE account SET state = ?, balance = ?, carry_tenths = ?, last_recharge = ?, alarm = ? WHERE id = ?
                """
        ).execute(arguments: [
            account.state.rawValue, account.balance.microunits, account.carryTenths, account.lastRechargeNumber,
            account.alarm.rawValue, account.id.rawValue,
        ])
        try RowSeal.seal(.account, where: "id", is: account.id.rawValue, in: database)
    }

    static func update(_ circuit: CircuitID, posted mark: CounterMark, in database: Database) throws {
        let boot = try LedgerRow.key(of: mark.at.boot.rawValue, in: .boot, database)
        try database.cachedStatement(
            sql: """
                UPDATE circuit SET posted_counter = ?, posted_boot = ?, posted_monotonic = ?, posted_wall = ?,
                    posted_trust = ? WHERE id = ?
                """
        ).execute(arguments: [
            mark.value, boot, mark.at.monotonic.nanoseconds / 1_000_000, mark.at.wall.millisecondsSince1970,
            mark.at.trust.code, circuit.rawValue,
        ])
        try RowSeal.seal(.circuit, where: "id", is: circuit.rawValue, in: database)
    }

    static func update(_ circuit: CircuitID, memory: BreakerMemory, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE circuit SET mode = ?, is_maintenance_locked = ?, lockout = ?, intended = ?, confirmed = ?,
                    is_opened_elsewhere = ?, is_reminder_done = ?, timer_window = ?, overload = ?, malignant = ?
                WHERE id = ?
                """
        ).execute(arguments: [
            memory.mode.rawValue, memory.isMaintenanceLocked, memory.lockout?.rawValue, memory.intended?.rawValue,
            memory.confirmed?.rawValue, memory.isOpenedElsewhere, memory.isReminderDone, memory.timerWindow?.text,
            memory.overload.text, memory.malignant.text, circuit.rawValue,
        ])
        try RowSeal.seal(.circuit, where: "id", is: circuit.rawValue, in: database)
    }

    static func load(_ database: Database) throws -> StoredSite {
        let boots = try Row.fetchAll(database, sql: "SELECT * FROM boot").map { row in
            try RowSeal.check(row, of: .boot)
            return (try row.need("id") as Int64, BootID(rawValue: try row.need("name")))
        }
        let boot = Dictionary(boots) { first, _ in first }
        let settings = try SettingTable.load(database)
        let accounts = try Row.fetchAll(database, sql: "SELECT * FROM account ORDER BY id").map { row in
            var account = try account(row)
            account.tariff = settings.tariffs[account.id]?.following(settings.calendar)
            account.usage = settings.usages[account.id] ?? .none
            return account
        }
        return StoredSite(
            meters: try Row.fetchAll(
                database, sql: "SELECT * FROM meter WHERE bus NOT LIKE '\(removed)%' ORDER BY id"
            ).map(meter),
            accounts: accounts,
            circuits: try Row.fetchAll(
                database,
                sql: """
                    SELECT circuit.* FROM circuit JOIN meter ON meter.id = circuit.meter
                    WHERE meter.bus NOT LIKE '\(removed)%' ORDER BY circuit.id
                    """
            ).map { try circuit($0, boots: boot) }, settings: settings)
    }

    static func account(_ id: AccountID, in database: Database) throws -> Account {
        let select = try database.cachedStatement(sql: "SELECT * FROM account WHERE id = ?")
        guard let row = try Row.fetchOne(select, arguments: [id.rawValue]) else {
            throw StorageError.refused("the account \(id) does not exist")
        }
        return try account(row)
    }

    private static func meter(_ row: Row) throws -> SiteMeter {
        try RowSeal.check(row, of: .meter)
        let name: String = try row.need("id")
        guard let id = MeterID(rawValue: name), let address = address(try row.need("bus"), row.read("unit")) else {
            throw DamagedContent("the meter '\(name)' cannot be read")
        }
        return SiteMeter(id: id, address: address, profile: try row.need("profile"))
    }

    private static func account(_ row: Row) throws -> Account {
        try RowSeal.check(row, of: .account)
        let name: String = try row.need("id")
        func money(_ column: String) throws -> Money { Money(microunits: try row.need(column)) }
        guard let id = AccountID(rawValue: name), let state = Account.State(rawValue: try row.need("state")),
            let alarm = AlarmLevel(rawValue: try row.need("alarm")),
            let price = Price(tenThousandths: try row.need("price"))
        else { throw DamagedContent("the account '\(name)' cannot be read") }
        do {
            let settings = try AccountSettings(
                price: price, alarm1: try money("alarm_1"), alarm2: try money("alarm_2"),
                hysteresis: try money("hysteresis"),
                overdraftLimit: try money("overdraft_limit"), minimumToReclose: try money("minimum_to_reclose"),
                hoardingCap: try money("hoarding_cap"))
            return Account(
                id: id, customerNumber: try row.need("customer_number"), issuer: try row.need("issuer"), state: state,
                balance: try money("balance"), carryTenths: try row.need("carry_tenths"),
                lastRechargeNumber: try row.need("last_recharge"),
                alarm: alarm, settings: settings)
        } catch { throw DamagedContent("the settings of account '\(name)': \(error)") }
    }

    private static func circuit(_ row: Row, boots: [Int64: BootID]) throws -> StoredCircuit {
        try RowSeal.check(row, of: .circuit)
        let name: String = try row.need("id")
        guard let id = CircuitID(rawValue: name), let meter = MeterID(rawValue: try row.need("meter")),
            let mode = OperatorMode(rawValue: try row.need("mode"))
        else { throw DamagedContent("the circuit '\(name)' cannot be read") }
        var breaker: BreakerAddress?
        if let bus: String = row.read("breaker_bus"), let point: Int = row.read("breaker_point") {
            breaker = address(bus, row.read("breaker_unit")).map { BreakerAddress(device: $0, point: point) }
        }
        let (overload, malignant): (ProtectionLockout, ProtectionLockout)
        do {
            overload = try ProtectionLockout(text: row.read("overload"))
            malignant = try ProtectionLockout(text: row.read("malignant"))
        } catch { throw DamagedContent("the lockouts of circuit '\(name)' cannot be read (\(error))") }
        return StoredCircuit(
            id: id, account: row.read("account", as: String.self).flatMap(AccountID.init), meter: meter,
            ratedPerHour: try row.need("rated_per_hour"), breaker: breaker, posted: try posted(row, boots: boots),
            memory: BreakerMemory(
                mode: mode, isMaintenanceLocked: try row.need("is_maintenance_locked"),
                lockout: row.read("lockout", as: String.self).flatMap(Lockout.init),
                intended: row.read("intended", as: String.self).flatMap(BreakerPosition.init),
                confirmed: row.read("confirmed", as: String.self).flatMap(BreakerPosition.init),
                isOpenedElsewhere: try row.need("is_opened_elsewhere"),
                isReminderDone: try row.need("is_reminder_done"),
                timerWindow: row.read("timer_window", as: String.self).flatMap(TimerWindow.init(text:)),
                overload: overload,
                malignant: malignant))
    }

    private static func posted(_ row: Row, boots: [Int64: BootID]) throws -> CounterMark? {
        guard let value: Int64 = row.read("posted_counter") else { return nil }
        let monotonic = (try row.need("posted_monotonic") as Int64).multipliedReportingOverflow(by: 1_000_000)
        guard let boot = boots[try row.need("posted_boot")], !monotonic.overflow,
            let trust = ClockTrust(code: try row.need("posted_trust"))
        else { throw DamagedContent("the time of a posted counter cannot be read") }
        return CounterMark(
            value: value,
            at: Timestamp(
                boot: boot, monotonic: MonotonicTime(nanoseconds: monotonic.partialValue),
                wall: WallTime(millisecondsSince1970: try row.need("posted_wall")), trust: trust))
    }

    private static func address(_ bus: String, _ unit: Int64?) -> UnitAddress? {
        guard let bus = BusID(rawValue: bus), let unit, let unit = UInt8(exactly: unit) else { return nil }
        return UnitAddress(bus: bus, unit: unit)
    }
}
