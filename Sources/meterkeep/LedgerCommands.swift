import ArgumentParser
import Console
import Foundation
import Metering
import Prepaid
import Storage
import UplinkProtocol

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Look at the money ledger.",
        subcommands: [Show.self, Export.self, Verify.self, Release.self, Withheld.self, Resend.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the statement of an account.")

        @OptionGroup var daemon: DaemonSocket
        @Argument(help: "The account.") var account: String
        @Option(help: "The last so many postings.") var limit: Int = 100

        func run() async throws {
            let answer = try await daemon.ask("/v1/ledger/accounts/\(account.forQuery)?limit=\(limit)")
            if daemon.json {
                print(answer.canonicalText)
                return
            }
            let records = try (answer.array ?? []).map { try LedgerRecord(json: $0) }
            if records.isEmpty { print("no postings of account \(account)") }
            for record in records { print(Self.line(record)) }
        }

        /// `2026-11-21 05:31:07  consumption  1.234 kWh at 0.6180  -0.762612  balance 12.345678`
        private static func line(_ record: LedgerRecord) -> String {
            guard case .posting(let posting) = record.body else { return "" }
            let isCredit = posting.credit == .customer(posting.account)
            let amount = (isCredit ? "+" : "-") + posting.amount.description
            var what = posting.cause.rawValue
            if let span = posting.span {
                what += "  \(FixedPoint.text(span.quantity, fractionDigits: 3)) at \(span.price)"
            }
            if let number = posting.rechargeNumber { what += "  number \(number)" }
            let mark = record.at.trust == .untrusted ? " (clock not trusted)" : ""
            return "\(time(record.at.wall))  \(what)  \(amount)  balance \(posting.balanceAfter)\(mark)"
        }

        private static func time(_ wall: WallTime) -> String {
            let date = Date(timeIntervalSince1970: Double(wall.millisecondsSince1970) / 1000)
            return date.formatted(.iso8601.dateTimeSeparator(.space))
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the ledger as CSV, for a spreadsheet or an auditor.",
            discussion: """
                One line a record, oldest first, sealed months included; amounts with six decimals, energy in Wh \
                (water in litres). Postings only, unless --all.
                """)

        @OptionGroup var daemon: DaemonSocket
        @Option(help: "Only this account.") var account: String?
        @Option(help: "Only from this record on.") var from: Int64 = 1
        @Flag(help: "Events and commands too.") var all = false

        /// Records asked for at a time.
        private static let page = 2000

        func run() async throws {
            print(LedgerCSV.header)
            var last = max(from, 1) - 1
            while true {
                let answer = try await daemon.ask("/v1/ledger/records?after=\(last)&limit=\(Self.page)")
                let records = try (answer.array ?? []).map { try LedgerRecord(json: $0) }
                guard let end = records.last else { return }
                for record in records {
                    if let line = LedgerCSV.line(record, account: account, withOthers: all) { print(line) }
                }
                last = end.sequence
            }
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let money move again after the ledger was rebuilt or restored.",
            discussion: """
                Until then no breaker is opened for credit, nothing is debited and recharges wait at the platform. \
                Compare the balances with the platform first: this vouches for them, and is recorded.
                """)

        @OptionGroup var daemon: DaemonSocket

        func run() async throws {
            let answer = try await daemon.ask("/v1/ledger/release", body: "")
            if daemon.json {
                print(answer.canonicalText)
                return
            }
            print(answer.object?["released"]?.boolean == true ? "money moves again" : "nothing was held")
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prove the hash chain, and that every balance is the sum of its entries.",
            discussion: "Exit code 0 when all is sound, 65 when it is not.")

        @OptionGroup var daemon: DaemonSocket
        @Option(help: "The data directory of a daemon that does not run.") var offline: String?
        @Option(help: "With --offline: the gateway whose ledger it is.") var gateway: String?

        func run() async throws {
            let answer: JSONValue
            if let offline {
                answer = try verify(offline)
            } else {
                answer = try await daemon.ask("/v1/ledger/verify", within: LocalClient.longTime)
            }
            let isSound = answer.object?["sound"]?.boolean == true
            if daemon.json {
                print(answer.canonicalText)
            } else {
                let records = answer.object?["records"]?.integer ?? 0
                let head = answer.object?["head"]?.object?["hash"]?.string ?? ""
                print("\(records) records, head \(head)")
                for fault in answer.object?["faults"]?.array ?? [] { print("FAULT: \(fault.string ?? "")") }
                print(isSound ? "the ledger is sound" : "the ledger is NOT sound")
            }
            if !isSound { throw ExitCode(65) }
        }

        private func verify(_ path: String) throws -> JSONValue {
            guard let name = gateway, let gateway = GatewayID(rawValue: name) else {
                throw ValidationError("--offline needs --gateway NAME, as in gateway.yaml")
            }
            guard FileManager.default.fileExists(atPath: "\(path)/ledger.db") else {
                complain("\(path) holds no ledger.db; name the directory that 'data' in gateway.yaml names")
                throw ExitCode(74)
            }
            do {
                let directory = try DataDirectory(path: path)
                let store = try LedgerStore(path: directory.ledgerPath, gateway: gateway, newEpoch: "offline")
                return MeterJSON.verification(try store.verify())
            } catch {
                complain("\(error)")
                throw ExitCode(74)
            }
        }
    }
}
