import ArgumentParser
import Console
import Metering
import Prepaid
import UplinkProtocol

extension LedgerCommand {
    struct Withheld: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the ledger records that the platform refused; --offer sends them again.",
            discussion: """
                The platform has the place and the hash of each, so that what follows could come; it lacks the \
                content, and may not show the balance of the account as certain before its next posting. Nothing is \
                lost: the records are in this ledger. They are offered again every hour by themselves, and a platform \
                that was mended takes each once. Exit code 0 when nothing is withheld (any more), 65 otherwise.
                """)

        @OptionGroup var daemon: DaemonSocket
        @Flag(help: "Send them to the platform now.") var offer = false

        func run() async throws {
            if offer {
                let answer =
                    try await daemon.ask("/v1/ledger/offer", body: "", within: LocalClient.longTime).object ?? [:]
                if !daemon.json {
                    print("\(answer["taken"]?.integer ?? 0) taken, \(answer["refused"]?.integer ?? 0) refused again")
                    if let problem = answer["problem"]?.string { print("then: \(problem)") }
                }
            }
            let answer = try await daemon.ask("/v1/ledger/withheld")
            let records = answer.array ?? []
            if daemon.json {
                print(answer.canonicalText)
            } else if records.isEmpty {
                print("nothing is withheld")
            } else {
                for entry in records { print(try Self.line(entry)) }
                if !offer { print("once the platform was mended: meterkeep ledger withheld --offer") }
            }
            if !records.isEmpty { throw ExitCode(65) }
        }

        /// `record 17  posting recharge A-101 20.000000: refused by the platform`
        private static func line(_ json: JSONValue) throws -> String {
            let record = try LedgerRecord(json: json.object?["record"] ?? .null)
            let what =
                switch record.body {
                case .posting(let posting): "posting \(posting.cause.rawValue) \(posting.account) \(posting.amount)"
                case .event(let event): "event \(event.code.rawValue) \(event.subject)"
                case .command(let command): "command \(command.id) \(command.kind) \(command.outcome)"
                }
            return "record \(record.sequence)  \(what): \(json.object?["reason"]?.string ?? "")"
        }
    }

    struct Resend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send the ledger to the platform again from a record on.",
            discussion: """
                For a platform that was put back to an older state of its own and answers 409, naming the record that \
                it expects. It takes each record once: one that it has already changes nothing.
                """)

        @OptionGroup var daemon: DaemonSocket
        @Option(help: "The number of the first record to send.") var from: Int64

        func run() async throws {
            let answer = try await daemon.ask("/v1/ledger/resend?from=\(from)", body: "")
            if daemon.json {
                print(answer.canonicalText)
            } else if answer.object?["goes_back"]?.boolean == true {
                print("the ledger is sent again from record \(from) on; meterkeep status shows what waits")
            } else {
                print("record \(from) was not acknowledged yet: it comes anyway")
            }
        }
    }
}
