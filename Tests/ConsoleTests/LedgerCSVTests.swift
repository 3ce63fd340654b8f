import Console
import Metering
import Prepaid
import Testing
import UplinkProtocol

@Suite("The ledger as CSV")
struct LedgerCSVTests {
    private func record(_ body: LedgerRecord.Body, actor: String = "gateway") -> LedgerRecord {
        LedgerRecord(
            sequence: 7,
            at: Timestamp(
                boot: BootID(rawValue: "b"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 1_700_000_000_000),
                trust: .trusted),
            actor: actor, body: body, previous: ChainHash.genesis(gateway: "G", epoch: "e"))
    }

    private func bill() throws -> LedgerRecord {
        let account = try #require(AccountID(rawValue: "A-1"))
        return record(
            .posting(
                Posting(
                    account: account, cause: .consumption, debit: .customer(account),
                    credit: .consumption(.electricity),
                    amount: Money(microunits: 764_466), balanceAfter: Money(microunits: 12_345_678),
                    carryTenthsAfter: 0,
                    span: CounterSpan(
                        circuit: try #require(CircuitID(rawValue: "M-1")), from: 1000, to: 2237, quantity: 1237,
                        price: try #require(Price(decimal: "0.6180")), rate: .peak, step: 2))))
    }

    @Test("a posting has a cell for every column")
    func posting() throws {
        let record = try bill()
        let line = try #require(LedgerCSV.line(record, account: nil, withOthers: false))
        let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let header = LedgerCSV.header.split(separator: ",").map(String.init)
        #expect(cells.count == header.count)
        let row = Dictionary(uniqueKeysWithValues: zip(header, cells))
        #expect(row["record"] == "7" && row["time"] == "2023-11-14T22:13:20Z" && row["clock"] == "trusted")
        #expect(row["account"] == "A-1" && row["cause"] == "consumption" && row["amount"] == "0.764466")
        #expect(row["balance"] == "12.345678" && row["circuit"] == "M-1" && row["quantity"] == "1237")
        #expect(row["price"] == "0.6180" && row["rate"] == "peak" && row["step"] == "2")
        #expect(row["hash"] == record.hash.description)
    }

    @Test("only what is asked for is there")
    func filter() throws {
        let event = record(.event(Event(.daemonStarted, .gateway)))
        let command = record(.command(CommandRecord(id: "c-1", kind: "recharge", state: .applied, outcome: "applied")))
        #expect(LedgerCSV.line(event, account: nil, withOthers: false) == nil)
        let header = LedgerCSV.header.split(separator: ",")
        for other in [event, command] {
            let line = try #require(LedgerCSV.line(other, account: nil, withOthers: true))
            #expect(line.split(separator: ",", omittingEmptySubsequences: false).count == header.count)
        }
        #expect(LedgerCSV.line(event, account: "A-1", withOthers: true) == nil)
        #expect(LedgerCSV.line(try bill(), account: "A-2", withOthers: true) == nil)
    }

    @Test("nothing in it is run as a formula or breaks a line", arguments: ["=1+1", "+x", "-x", "@x", "a,b", "a\"b"])
    func hostile(actor: String) throws {
        let line = try #require(
            LedgerCSV.line(
                record(.event(Event(.daemonStarted, .gateway)), actor: actor), account: nil, withOthers: true))
        let cell = line.split(separator: ",", maxSplits: 3)[3]
        #expect(cell.hasPrefix("'") || cell.hasPrefix("\""))
    }
}
