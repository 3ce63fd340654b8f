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
        guard case .invalid("recharge", let problem) = command.body else {
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
        #expect(command.body == .unsupported(kind: "dance"))
    }

    @Test("without an id there is nothing to answer under")
    func withoutID() {
        #expect(throws: FieldProblem.self) {
            try Command(json: try StrictJSON.parse("{\"position\":1,\"kind\":\"x\"}"))
        }
    }
}
