import ArgumentParser
import Concentrator
import ConfigurationReader
import Foundation
import GatewayIdentity
import Metering
import UplinkHTTP
import UplinkProtocol

struct Enrol: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make this box known to a platform, with a pairing code.",
        discussion: """
            The key is made on this box and never leaves it. The code says which platform is the right one, and is \
            good once. When the answer is lost, give the same command again. Certificates are renewed by the daemon.
            """)

    @Option(help: "The platform's address for enrolment, like https://platform.example:8444.") var platform: String
    @Option(help: "The pairing code, seven groups of four; asked for when it is left out.") var code: String?
    @Option(help: "The configuration file: names the gateway and its data directory.")
    var config: String = "/etc/meterkeep/gateway.yaml"
    @Option(help: "A proxy, like http://proxy.example:3128; without it that of the configuration.") var proxy: String?

    func run() async throws {
        do {
            let configuration = try Daemon.load(config)
            let code = try readCode()
            let enrolled = try await Enrolment(
                gateway: configuration.gateway, dataPath: configuration.dataPath, url: platform,
                proxy: proxy ?? configuration.platform?.proxy
            ).run(code)
            show(enrolled.text(configuration: configuration, file: config))
        } catch let problems as ConfigurationProblems {
            complain(problems.description)
            throw ExitCode(78)
        } catch let problem as GatewayProblem {
            complain(problem.description)
            throw ExitCode(problem.exitCode)
        } catch let problem as PairingCodeProblem {
            complain(problem.description)
            throw ExitCode(65)
        } catch let problem as EnrolmentProblem {
            complain(problem.description)
            if case .noAnswer = problem { throw ExitCode(69) }
            throw ExitCode(65)
        } catch let problem as IdentityProblem {
            complain(problem.description)
            if case .notOurs = problem { throw ExitCode(65) }
            throw ExitCode(74)
        }
    }

    private func readCode() throws -> PairingCode {
        if let code { return try PairingCode(code) }
        FileHandle.standardError.write(Data("pairing code: ".utf8))
        return try PairingCode(readLine() ?? "")
    }
}

/// The steps of an enrolment; what has been done stays when one fails, and is not done again.
struct Enrolment {
    let gateway: GatewayID
    let dataPath: String
    /// `https://host:port`
    let url: String
    let proxy: String?

    /// - Throws: `EnrolmentProblem`, `IdentityProblem`
    func run(_ code: PairingCode) async throws -> Enrolled {
        let client = try EnrolmentClient(url: url, proxy: proxy)
        do {
            try FileManager.default.createDirectory(
                atPath: dataPath, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        } catch { throw IdentityProblem.file(path: dataPath, reason: "cannot be made") }
        let folder = IdentityFolder(dataPath: dataPath)
        let request = try folder.prepare(for: gateway)
        let authority = try await client.authority(named: code)
        let issued = try await client.enrol(
            EnrolmentRequest(gateway: gateway, secret: code.secret, signingRequest: request), authority: authority)
        let life = try folder.install(issued, for: gateway, takesCommandKey: true)
        return Enrolled(
            gateway: gateway, folder: folder, url: issued.url ?? url, until: life.until,
            isSigning: folder.commandKeyPath != nil)
    }
}

/// What an enrolment brought.
struct Enrolled {
    let gateway: GatewayID
    let folder: IdentityFolder
    /// What the uplink is to send to.
    let url: String
    let until: WallTime
    /// The platform signs its commands.
    let isSigning: Bool

    var summary: [String] {
        let day = Date(timeIntervalSince1970: Double(until.millisecondsSince1970 / 1000)).ISO8601Format()
        return [
            "\(gateway) is enrolled; its certificate holds until \(day) and is renewed in time",
            "the key was made on this box and stays in \(folder.path)",
        ]
    }

    func text(configuration: GatewayConfiguration, file: String) -> String {
        var lines = summary
        var missing: [String] = []
        if configuration.platform?.url != url || configuration.identity != folder {
            missing += ["uplink:", "  url: \(url)"]
        }
        if missing.isEmpty {
            lines.append("\(file) is in order; a running daemon uses the new certificate from its next request on")
            if isSigning {
                lines.append("commands must be signed by this platform from the next 'meterkeep reload' on")
            }
        } else {
            lines.append("next: have this in \(file), without other certificate paths under 'uplink':")
            lines += missing.map { "  \($0)" }
            lines.append("then: meterkeepd --check --config \(file), and systemctl restart meterkeepd")
        }
        return lines.joined(separator: "\n")
    }
}
