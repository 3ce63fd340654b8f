import ArgumentParser
import UplinkProtocol

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Have the daemon read its configuration anew.",
        discussion: """
            It is applied while the buses are polled on, or refused as a whole, with the reason: a mistake in the \
            file, or a key that only a new start changes (gateway, data, socket, time_zone, clock, metrics, board).
            """)

    @OptionGroup var daemon: DaemonSocket

    func run() async throws {
        let answer = try await daemon.ask("/v1/reload", body: "")
        if daemon.json {
            print(answer.canonicalText)
            return
        }
        let changed = (answer.object?["changed"]?.array ?? []).compactMap(\.string)
        print(changed.isEmpty ? "nothing is different" : "applied: \(changed.joined(separator: ", "))")
    }
}
