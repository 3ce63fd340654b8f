import ArgumentParser
import UplinkProtocol

/// Lets a new box in.
struct Pair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a pairing code with which a box becomes a gateway, once.",
        discussion: """
            The platform must serve with --authority-key and --enrol-port. The code names the platform's authority, so \
            the box knows whom it talks to; give it to the installer by another way than the network of the site.
            """)
    @OptionGroup var platform: OperatorSocket
    @Argument(help: "The gateway's name, as in its configuration.") var gateway: String
    @Option(help: "For how many minutes it can be used.") var minutes: Int64 = 60

    func run() async throws {
        let body = JSONValue.object(["gateway": .string(gateway), "minutes": .integer(minutes)])
        let answer = try StrictJSON.parse(try await platform.ask("/pairings", body: body.canonicalText))
        print(answer.object?["code"]?.string ?? "")
    }
}
