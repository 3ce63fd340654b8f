import ArgumentParser
import UplinkProtocol

/// Makes the running platform do wrong.
struct SetFault: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fault", abstract: "Make the platform do wrong, to try what gateways make of it.",
        discussion: """
            none: all is well again. status: answer with --status, and --retry-after as its header. wrong: 200 with \
            the page of a captive portal. slow: answer --milliseconds later. cut: close the connection before \
            anything is done. cut_after: do it all, then close the connection. \
            poison: answer 400 to batches that hold --text.
            """)
    @OptionGroup var platform: OperatorSocket
    @Argument(help: "none, status, wrong, slow, cut, cut_after or poison.") var fault: String
    @Option(help: "batches, commands or enrolments.") var on = "batches"
    @Option(help: "300 to 599.") var status: Int64?
    @Option(help: "Seconds, or an HTTP date.") var retryAfter: String?
    @Option(help: "What is in the record that is not to be taken.") var text: String?
    @Option(help: "How much later the answer comes.") var milliseconds: Int64?
    @Option(help: "For so many requests; without it until the next 'fault'.") var count: Int64?

    func run() async throws {
        var members: [String: JSONValue] = ["fault": .string(fault), "on": .string(on)]
        members["status"] = status.map(JSONValue.integer)
        members["retry_after"] = retryAfter.map(JSONValue.string)
        members["milliseconds"] = milliseconds.map(JSONValue.integer)
        members["text"] = text.map(JSONValue.string)
        members["count"] = count.map(JSONValue.integer)
        print(try await platform.ask("/faults", body: JSONValue.object(members).canonicalText))
    }
}
