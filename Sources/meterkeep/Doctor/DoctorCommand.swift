import ArgumentParser
import Commissioning
import Console
import Foundation
import UplinkProtocol

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what is wrong with this box, the likeliest cause first, and what to do about it.",
        discussion: """
            Looks at the configuration, the disk, the clock, the ports, the certificates and the way to the platform, and \
            asks the daemon where one runs. Nothing is changed. Ends with 0 where nothing is broken, 1 otherwise.
            """)

    @Option(help: "The socket of the daemon; the configuration's where it is left out.") var socket: String?
    @Flag(help: "Print JSON.") var json = false
    @Option(help: "The configuration file.") var config: String = "/etc/meterkeep/gateway.yaml"
    @Flag(help: "Ask nobody in the network.") var offline = false

    func run() async throws {
        let inspection = BoxInspection(configurationPath: config, socket: socket, asksPlatform: !offline)
        let diagnosis = Diagnosis(await inspection.findings())
        if json {
            show(DiagnosisText.json(diagnosis).canonicalText)
        } else {
            show(DiagnosisText.lines(diagnosis).joined(separator: "\n"))
        }
        if !diagnosis.isSound { throw ExitCode(1) }
    }
}

/// A diagnosis for people and for scripts.
enum DiagnosisText {
    static func lines(_ diagnosis: Diagnosis) -> [String] {
        if diagnosis.complaints.isEmpty { return ["nothing is wrong"] }
        var lines = diagnosis.complaints.enumerated().flatMap { index, complaint in
            ["\(index + 1). [\(complaint.likelihood.word)] \(complaint.place)", "   \(complaint.what)"]
                + complaint.remedies.map { "   - \($0)" }
        }
        if diagnosis.isSound { lines.append("nothing is broken") }
        return lines
    }

    static func json(_ diagnosis: Diagnosis) -> JSONValue {
        .object([
            "sound": .boolean(diagnosis.isSound),
            "complaints": .array(
                diagnosis.complaints.map { complaint in
                    .object([
                        "likelihood": .string(complaint.likelihood.word), "where": .string(complaint.place),
                        "what": .string(complaint.what),
                        "remedies": .array(complaint.remedies.map(JSONValue.string)),
                    ])
                }),
        ])
    }
}
