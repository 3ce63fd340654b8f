import Metering
import Prepaid
import Testing
import UplinkProtocol

private let good = """
    {"id":"c-1","position":4,"kind":"recharge","recharge":{"account":"A-1","customer_number":"C-7",\
    "issuer":"office","number":3,"amount":"12.50"}}
    """

@Suite("Commands as they come down")
struct CommandTests {
    @Test("a recharge is read exactly")
    func recharge() throws {
        let command = try Command(json: try StrictJSON.parse(good))
        guard case .recharge(let recharge) = command.body else {
            Issue.record("not a recharge: \(command.body)")
            return
        }
        #expect(recharge.amount == Money(microunits: 12_500_000))
        #expect(recharge.number == 3)
        #expect(command.position == 4)
        let again = Command.rechargeJSON(id: "c-1", position: 4, recharge: recharge)
        #expect(try Command(json: again).body == command.body)
    }

    @Test(
        "wrong fields are refused under the command's id",
        arguments: [
            ("\"12.50\"", "12", "recharge.amount"), ("\"12.50\"", "\"12.5000001\"", "recharge.amount"),
            ("\"12.50\"", "\"1e2\"", "recharge.amount"), ("\"A-1\"", "\"A 1\"", "recharge.account"),
            ("\"number\":3", "\"number\":3,\"note\":\"x\"", "recharge.note"),
            ("\"number\":3,", "", "recharge.number"), ("\"issuer\":\"office\"", "\"issuer\":null", "recharge.issuer"),
            ("\"position\":4", "\"position\":4,\"urgent\":true", "command.urgent"),
        ])
    func invalid(old: String, new: String, field: String) throws {
        let command = try Command(json: try StrictJSON.parse(good.replacing(old, with: new)))
        guard case .invalid(let problem) = command.body else {
            Issue.record("accepted: \(command.body)")
            return
        }
        #expect(problem.field == field)
        #expect(command.id == "c-1")
    }

    @Test("an unknown kind is refused under its id too")
    func unknown() throws {
        let command = try Command(
            json: try StrictJSON.parse("{\"id\":\"x\",\"position\":1,\"kind\":\"dance\",\"with\":1}"))
        #expect(command.body == .unsupported)
        #expect(command.kind == "dance")
    }

    @Test("without an id there is nothing to answer under")
    func withoutID() {
        #expect(throws: FieldProblem.self) {
            try Command(json: try StrictJSON.parse("{\"position\":1,\"kind\":\"x\"}"))
        }
    }

    @Test("one entry without an id does not keep the others away")
    func list() throws {
        let text =
            "{\"commands\":[{\"position\":9,\"kind\":\"clear\"},\(good),{\"id\":\"z\",\"position\":3,\"kind\":\"x\"},7]}"
        let list = try CommandList(json: try StrictJSON.parse(text))
        #expect(list.commands.map(\.id) == ["z", "c-1"])
        #expect(list.unreadable.map(\.position) == [9, nil])
        #expect(list.lastPosition == 9)
    }

    @Test("every kind has a sample that is read", arguments: samples)
    func kinds(kind: String, fields: String) throws {
        let json = try StrictJSON.parse("{\"id\":\"k\",\"position\":1,\"kind\":\"\(kind)\",\"\(kind)\":\(fields)}")
        let command = try Command(json: json)
        #expect(command.kind == kind)
        #expect(command.problem == nil)
        // An unknown field is refused, whatever the kind.
        let more = fields == "{}" ? "{\"colour\":1}" : fields.dropLast() + ",\"colour\":1}"
        let refused = try Command(
            json: try StrictJSON.parse("{\"id\":\"k\",\"position\":1,\"kind\":\"\(kind)\",\"\(kind)\":\(more)}"))
        #expect(refused.problem?.contains("colour") == true)
    }

    @Test(
        "expected settings that say nothing clear are refused",
        arguments: [
            ("{\"settings\":{}}", "names nothing"),
            ("{\"meters\":[\"M-1\"],\"profile\":\"x\",\"settings\":{}}", "stands instead of 'meters'"),
            ("{\"meters\":[\"M-1\"]}", "is missing"),
            ("{\"meters\":[\"M-1\"],\"settings\":{\"clock\":\"1\"}}", "is no setting that can be expected"),
            ("{\"meters\":[\"M-1\"],\"settings\":{\"ct_ratio\":\"1.2345\"}}", "is not decimal text"),
            ("{\"meters\":[\"M-1\"],\"settings\":{\"ct_ratio\":40}}", "is not text"),
        ])
    func unclear(fields: String, reason: String) throws {
        let json = try StrictJSON.parse(
            "{\"id\":\"k\",\"kind\":\"expected_settings\",\"expected_settings\":\(fields)}")
        #expect(try Command(json: json).problem?.contains(reason) == true)
    }

    @Test("the samples are all the kinds there are")
    func complete() { #expect(samples.map(\.0) == Command.kinds) }

    @Test(
        "what no platform may do is refused with field and value",
        arguments: [
            ("recharge", "\"12.50\"", "\"5000.01\"", "recharge.amount"),
            ("refund", "\"5\"", "\"5000.01\"", "refund.amount"),
            ("preset", "\"5\"", "\"90000.01\"", "preset.amount"),
            ("transfer", "\"5\"", "\"5000.01\"", "transfer.amount"),
            ("price", "\"0.7000\"", "\"8.0001\"", "price.price"),
            ("tariff", "\"0.7000\"", "\"8.0001\"", "tariff.tariff"),
            ("price", "\"0.7000\"", "\"0.0099\"", "price.price"),
            ("tariff", "\"0.7000\"", "\"0\"", "tariff.tariff"),
            ("account_defaults", "\"0.7\"", "\"0.001\"", "account_defaults.price"),
            ("account_settings", "\"3\"", "\"5000.01\"", "account_settings.settings.overdraft_limit"),
            ("account_defaults", "\"100\"", "\"90001\"", "account_defaults.hoarding_cap"),
            ("open_account", "\"-5\"", "\"90001\"", "open_account.carried_over"),
        ])
    func limits(kind: String, old: String, new: String, field: String) throws {
        let limits = CommandLimits(
            largestAmount: Money(microunits: 5_000_000_000), largestBalance: Money(microunits: 90_000_000_000),
            largestPrice: try #require(Price(decimal: "8")), smallestPrice: try #require(Price(decimal: "0.0100")),
            dailyCredit: CreditLimits(perAccount: .zero, perSite: .zero))
        let fields = try #require(samples.first { $0.0 == kind }?.1)
        try #require(fields.contains(old))
        func command(_ fields: String) throws -> Command {
            try Command(json: try StrictJSON.parse("{\"id\":\"k\",\"kind\":\"\(kind)\",\"\(kind)\":\(fields)}"))
        }
        #expect(limits.problem(in: try command(fields)) == nil)
        #expect(limits.problem(in: try command(fields.replacing(old, with: new)))?.field == field)
    }
}

extension Command {
    fileprivate var problem: String? {
        switch body {
        case .unsupported: "unsupported"
        case .invalid(let problem): problem.description
        default: nil
        }
    }
}

private let customer = "\"account\":\"A-1\",\"customer_number\":\"C-1\",\"issuer\":\"office\""

/// The fields of every kind.
private let samples: [(String, String)] = [
    ("recharge", "{\(customer),\"number\":3,\"amount\":\"12.50\"}"),
    ("refund", "{\(customer),\"amount\":\"5\"}"),
    ("reversal", "{\(customer),\"entry\":17}"),
    ("clear", "{\(customer)}"),
    ("preset", "{\(customer),\"amount\":\"5\"}"),
    (
        "transfer",
        """
        {"from":"A-1","from_customer_number":"C-1","to":"A-2","to_customer_number":"C-2","issuer":"office","amount":"5"}
        """
    ),
    (
        "open_account",
        """
        {\(customer),"carried_over":"-5","last_recharge_number":4,"circuits":["M-1"],"settings":{"price":"0.7"}}
        """
    ),
    ("close_account", "{\(customer),\"pays_out\":true}"),
    ("decide_dispute", "{\"record\":17,\"quantity\":2500}"),
    ("price", "{\"accounts\":[\"A-1\",\"A-2\"],\"price\":\"0.7000\",\"from_ms\":1800000000000}"),
    ("tariff", "{\"accounts\":[\"A-1\"],\"tariff\":{\"price\":\"0.7000\"}}"),
    ("account_settings", "{\"accounts\":[\"A-1\"],\"settings\":{\"overdraft_limit\":\"3\"}}"),
    ("account_rules", "{\"accounts\":[\"A-1\"],\"rules\":{\"is_vulnerable\":true}}"),
    ("account_defaults", "{\"price\":\"0.7\",\"alarm_1\":\"5\",\"alarm_2\":\"2\",\"hoarding_cap\":\"100\"}"),
    ("calendar", "{\"holidays\":[\"2026-10-01\"]}"),
    (
        "timer",
        """
        {"circuits":["M-1"],"timer":{"workday":[{"start":"06:00","action":"on"}],"holiday":[{"start":"00:00","action":"on"}]}}
        """
    ),
    ("switching", "{\"circuits\":[\"M-1\"],\"switching\":{\"needs_user_to_close\":true}}"),
    ("overload", "{\"circuits\":[\"M-1\"],\"overload\":{\"limit_mw\":2000000}}"),
    (
        "malignant_load",
        """
        {"circuits":["M-1"],"malignant_load":{"mode":"trip","allowed":[{"name":"rice cooker","power_mw":700000}]}}
        """
    ),
    ("learn_appliance", "{\"circuits\":[\"M-1\"],\"name\":\"rice cooker\",\"power_mw\":700000}"),
    ("forget_appliance", "{\"circuits\":[\"M-1\"],\"name\":\"rice cooker\"}"),
    ("breaker_mode", "{\"circuits\":[\"M-1\"],\"mode\":\"forced_off\"}"),
    ("release_lockout", "{\"circuits\":[\"M-1\"]}"),
    ("allow_closing", "{\"circuits\":[\"M-1\"]}"),
    ("maintenance_lock", "{\"circuits\":[\"M-1\"],\"locked\":true}"),
    ("confirm_cuts", "{}"),
    (
        "add_meter",
        """
        {"meter":"M-9","bus":"bus1","unit":9,"profile":"eastron-sdm120","circuit":"K-9","account":"A-1",\
        "rated_per_hour":9000,"breaker":{"bus":"bus1","unit":100,"point":2}}
        """
    ),
    (
        "replace_meter",
        """
        {"circuit":"M-1","old_last":12000,"new_first":3,"meter":"M-1b","bus":"bus1","unit":8,"profile":"eastron-sdm120"}
        """
    ),
    ("remove_meter", "{\"meter\":\"M-1\"}"),
    ("expected_settings", "{\"meters\":[\"M-1\"],\"settings\":{\"ct_ratio\":\"40\",\"overload_limit\":\"8.8\"}}"),
    ("read_now", "{\"meters\":[\"M-1\"]}"),
    ("time", "{\"wall_ms\":1800000000000}"),
    ("reload", "{}"),
]
