public import ConfigurationReader
public import MeterProfiles
public import Metering
public import Prepaid
public import Storage

/// What an import file asks for: checked as a whole against the profiles and the buses.
public struct SiteImport: Sendable {
    /// Balances start at zero; what is carried in is in `openings`.
    public let site: StoredSite
    /// What new accounts bring along.
    public let openings: [AccountID: Money]
    let protections: [CircuitID: ImportedProtection]
    /// What the settings of meters should be: of the meters with a cell in such a column.
    public let expected: [MeterID: [SettingName: SettingValue]]

    /// The columns, in any order. A relay board has the first four only.
    public static let columns = [
        "meter", "bus", "unit", "profile", "circuit", "account", "customer", "issuer", "price", "alarm_1", "alarm_2",
        "overdraft", "hoarding_cap", "opening_balance", "rated_watts", "overload_watts",
        "forbidden_appliances", "breaker_bus", "breaker_unit", "breaker_point",
    ]
    /// What a meter's own settings should be, one column each: `expect_ct_ratio`.
    public static let expectedColumns = SettingName.allCases.filter(\.canBeExpected).map { "expect_\($0.rawValue)" }

    /// - Throws: every problem, with its line.
    public init(
        file: String, text: String, profiles: ProfileLibrary, buses: Set<BusID>, boardPoints: Set<Int> = []
    ) throws(ConfigurationProblems) {
        let collector = ProblemCollector()
        var reader = ImportReader(
            file: file, collector: collector, profiles: profiles, buses: buses, boardPoints: boardPoints)
        reader.read(text)
        try collector.check()
        site = StoredSite(meters: reader.meters, accounts: reader.accounts, circuits: reader.circuits)
        openings = reader.openings
        protections = reader.protections
        expected = reader.expected
    }
}

/// Reads the lines of an import file one by one, then checks what they say of one another.
private struct ImportReader {
    let file: String
    let collector: ProblemCollector
    let profiles: ProfileLibrary
    let buses: Set<BusID>
    let boardPoints: Set<Int>
    var meters: [SiteMeter] = []
    var accounts: [Account] = []
    var circuits: [StoredCircuit] = []
    var openings: [AccountID: Money] = [:]
    var protections: [CircuitID: ImportedProtection] = [:]
    var expected: [MeterID: [SettingName: SettingValue]] = [:]
    private var lineOfAddress: [UnitAddress: Int] = [:]
    private var lineOfBreaker: [BreakerAddress: Int] = [:]

    init(
        file: String, collector: ProblemCollector, profiles: ProfileLibrary, buses: Set<BusID>, boardPoints: Set<Int>
    ) {
        self.boardPoints = boardPoints
        self.file = file
        self.collector = collector
        self.profiles = profiles
        self.buses = buses
    }

    mutating func read(_ text: String) {
        let lines = CSV.parse(text)
        guard let header = lines.first else {
            refuse(0, "the file is empty", "start from etc/meters.example.csv")
            return
        }
        let columns = SiteImport.columns + SiteImport.expectedColumns
        for name in header.cells where !columns.contains(name) {
            refuse(
                header.number, "the column '\(name)' is unknown",
                ConfigurationNode.suggestion(for: name, among: columns))
        }
        if Set(header.cells).count != header.cells.count {
            refuse(header.number, "a column is there twice", "remove one of the two")
        }
        guard collector.problems.isEmpty else { return }
        for line in lines.dropFirst() {
            guard line.cells.count == header.cells.count else {
                refuse(
                    line.number, "\(line.cells.count) cells, the header has \(header.cells.count)",
                    "add or remove commas")
                continue
            }
            let cells = Dictionary(uniqueKeysWithValues: zip(header.cells, line.cells))
            read(ImportLine(number: line.number, cells: cells, file: file, collector: collector))
        }
        checkBreakers()
    }

    private func refuse(_ line: Int, _ what: String, _ remedy: String) {
        collector.add(ConfigurationProblem(file: file, line: line, what: what, remedy: remedy))
    }

    private mutating func read(_ line: ImportLine) {
        guard let id: MeterID = line.identifier("meter"), let address = line.address("bus", "unit", buses: buses) else {
            return
        }
        let name = line.text("profile")
        guard let profile = profiles[name] else {
            let known = profiles.all.map(\.id)
            line.refuse("the profile '\(name)' is unknown", ConfigurationNode.suggestion(for: name, among: known))
            return
        }
        if let other = lineOfAddress.updateValue(line.number, forKey: address) {
            line.refuse(
                "unit \(address.unit) of bus \(address.bus) is taken in line \(other)", "give each device its own unit")
        }
        if meters.contains(where: { $0.id == id }) {
            line.refuse("the meter '\(id)' is there twice", "give each device its own name")
        }
        meters.append(SiteMeter(id: id, address: address, profile: name))
        readExpected(line, meter: id, profile: profile)
        guard profile.billing != nil else {
            if !line.text("account").isEmpty {
                line.refuse("'\(name)' measures nothing, so it cannot have an account", "move the account to its meter")
            }
            return
        }
        readCircuit(line, meter: id, address: address, profile: profile)
    }

    private mutating func readExpected(_ line: ImportLine, meter: MeterID, profile: MeterProfile) {
        for setting in SettingName.allCases where setting.canBeExpected {
            let column = "expect_\(setting.rawValue)"
            let text = line.text(column)
            guard !text.isEmpty else { continue }
            guard let definition = profile.settings.first(where: { $0.name == setting }) else {
                line.refuse("'\(profile.id)' has no setting '\(setting.rawValue)'", "leave '\(column)' empty")
                continue
            }
            guard let value = SettingValue(text: text), definition.encode(value) != nil else {
                line.refuse(
                    "\(column) '\(text)' is no value that this model can hold", "write it like 8.8, as the manual does")
                continue
            }
            expected[meter, default: [:]][setting] = value
        }
    }

    private mutating func readCircuit(
        _ line: ImportLine, meter: MeterID, address: UnitAddress, profile: MeterProfile
    ) {
        let circuitName = line.text("circuit").isEmpty ? meter.rawValue : line.text("circuit")
        guard let circuit = CircuitID(rawValue: circuitName) else {
            line.refuse("the circuit '\(circuitName)' is no name", "write \(CircuitID.rule)")
            return
        }
        if circuits.contains(where: { $0.id == circuit }) {
            line.refuse("the circuit '\(circuit)' is there twice", "give each circuit its own name")
        }
        let watts = line.text("rated_watts").isEmpty ? "13800" : line.text("rated_watts")
        guard let rated = Int64(watts), (1...10_000_000).contains(rated) else {
            line.refuse("rated_watts '\(watts)' is no power in W", "write a whole number like 13800 (60 A at 230 V)")
            return
        }
        var breaker: BreakerAddress?
        if !line.text("breaker_bus").isEmpty || !line.text("breaker_unit").isEmpty {
            breaker = breakerDevice(line).flatMap { device in
                guard let point = Int(line.text("breaker_point")), (1...64).contains(point) else {
                    line.refuse("breaker_point '\(line.text("breaker_point"))' is no relay point", "write 1 to 64")
                    return nil
                }
                return BreakerAddress(device: device, point: point)
            }
        } else if profile.relay != nil {
            breaker = BreakerAddress(device: address, point: 1)
        }
        if let breaker, let other = lineOfBreaker.updateValue(line.number, forKey: breaker) {
            line.refuse("the breaker \(breaker) switches line \(other) already", "give each circuit its own point")
        }
        protections[circuit] = line.protection(of: profile)
        let account = readAccount(line)
        circuits.append(
            StoredCircuit(id: circuit, account: account, meter: meter, ratedPerHour: rated, breaker: breaker))
    }

    /// The box itself needs no unit.
    private func breakerDevice(_ line: ImportLine) -> UnitAddress? {
        guard line.text("breaker_bus") == BusID.board.rawValue else {
            return line.address("breaker_bus", "breaker_unit", buses: buses)
        }
        guard ["", "1"].contains(line.text("breaker_unit")) else {
            line.refuse("the box itself has no units", "leave 'breaker_unit' empty where 'breaker_bus' is board")
            return nil
        }
        return .board
    }

    private mutating func readAccount(_ line: ImportLine) -> AccountID? {
        guard !line.text("account").isEmpty else { return nil }
        guard let id: AccountID = line.identifier("account") else { return nil }
        // A further circuit of an account that stands above needs no more than its name.
        if accounts.contains(where: { $0.id == id }), line.text("price").isEmpty { return id }
        guard !line.text("customer").isEmpty else {
            line.refuse("the account '\(id)' has no customer number", "fill the column 'customer'")
            return nil
        }
        let priceText = line.text("price")
        guard let price = Price(decimal: priceText) else {
            line.refuse("the price '\(priceText)' is no price per kWh", "write it like 0.6180, at most four decimals")
            return nil
        }
        guard let alarm1 = line.money("alarm_1"), let alarm2 = line.money("alarm_2"),
            let overdraft = line.money("overdraft"), let cap = line.money("hoarding_cap", default: "10000"),
            let opening = line.money("opening_balance")
        else { return nil }
        do {
            let settings = try AccountSettings(
                price: price, alarm1: alarm1, alarm2: alarm2, overdraftLimit: overdraft, hoardingCap: cap)
            let issuer = line.text("issuer").isEmpty ? "office" : line.text("issuer")
            if accounts.contains(where: { $0.id == id }) {
                line.refuse(
                    "the account '\(id)' is described twice", "leave price and customer empty in its further lines")
            }
            guard opening.microunits >= 0, opening <= cap else {
                line.refuse("opening_balance \(opening.shortText) is not between 0 and the hoarding cap", "correct it")
                return nil
            }
            accounts.append(Account(id: id, customerNumber: line.text("customer"), issuer: issuer, settings: settings))
            if opening > .zero { openings[id] = opening }
            return id
        } catch {
            for problem in error.problems { line.refuse(problem.description, "correct the column") }
            return nil
        }
    }

    /// A breaker must be a point of a device in the file.
    private func checkBreakers() {
        for (breaker, line) in lineOfBreaker {
            if breaker.device == .board {
                if boardPoints.contains(breaker.point) { continue }
                refuse(
                    line, "the box has no relay \(breaker.point)",
                    "add 'point: \(breaker.point)' under 'board.relays' in gateway.yaml, or correct 'breaker_point'")
                continue
            }
            let device = meters.first { $0.address == breaker.device }
            guard let device else {
                refuse(line, "the breaker \(breaker) is on no device of this file", "add a line for the device")
                continue
            }
            guard profiles[device.profile]?.relay?[breaker.point] != nil else {
                refuse(line, "'\(device.profile)' has no relay point \(breaker.point)", "correct 'breaker_point'")
                continue
            }
        }
    }
}

/// One line with its cells by column.
struct ImportLine {
    let number: Int
    let cells: [String: String]
    let file: String
    let collector: ProblemCollector

    func text(_ column: String) -> String { cells[column] ?? "" }

    func refuse(_ what: String, _ remedy: String) {
        collector.add(ConfigurationProblem(file: file, line: number, what: what, remedy: remedy))
    }

    func identifier<Subject>(_ column: String) -> Identifier<Subject>? {
        if let identifier = Identifier<Subject>(rawValue: text(column)) { return identifier }
        refuse("\(column) '\(text(column))' is no name", "write \(Identifier<Subject>.rule)")
        return nil
    }

    func address(_ busColumn: String, _ unitColumn: String, buses: Set<BusID>) -> UnitAddress? {
        guard let bus: BusID = identifier(busColumn) else { return nil }
        guard buses.contains(bus) else {
            let known = buses.map(\.rawValue).sorted().joined(separator: ", ")
            refuse("the bus '\(bus)' is not in gateway.yaml", "use one of \(known)")
            return nil
        }
        guard let unit = UInt8(text(unitColumn)), let address = UnitAddress(bus: bus, unit: unit) else {
            refuse("\(unitColumn) '\(text(unitColumn))' is no Modbus unit", "write 1 to 247")
            return nil
        }
        return address
    }

    func money(_ column: String, default fallback: String = "0") -> Money? {
        let text = text(column).isEmpty ? fallback : text(column)
        if let money = Money(decimal: text) { return money }
        refuse("\(column) '\(text)' is no amount of money", "write it like 12.50, at most six decimals")
        return nil
    }
}
