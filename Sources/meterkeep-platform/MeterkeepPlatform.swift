import ArgumentParser
import AsyncHTTPClient
import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ReferencePlatform
import ServiceLifecycle
import UnixSignals
import UplinkProtocol

/// The reference platform: the other end of the uplink.
@main
struct MeterkeepPlatform: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meterkeep-platform",
        abstract: "A small platform for Meterkeep gateways: takes their records, lists them, issues recharges.",
        discussion: "The protocol between gateway and platform is in docs/uplink.md.",
        subcommands: [
            Serve.self, Gateways.self, Meters.self, Balances.self, Commands.self, LedgerOf.self, ReadingsOf.self,
            Lost.self, IssueRecharge.self, SetFault.self, Pull.self, MakeCertificates.self, SendCommand.self, Pair.self,
        ])
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the platform until it is told to stop.")

    @Option(help: "The SQLite file that holds what gateways sent.") var database: String
    @Option(help: "PEM: the authority whose client certificates are let in.") var authority: String
    @Option(help: "PEM: the server's certificate.") var certificate: String
    @Option(help: "PEM: the server's key.") var key: String
    @Option(help: "The address to listen on.") var host: String = "127.0.0.1"
    @Option(help: "The port to listen on; 0 takes a free one.") var port: Int = 8443
    @Option(help: "A file that gets the port once the platform listens.") var portFile: String?
    @Option(help: "The socket of the operator's side.") var socket: String
    @Option(help: "PEM: the authority's key; with it certificates are made for boxes that have a pairing code.")
    var authorityKey: String?
    @Option(help: "The port where boxes without a certificate enrol; 0 takes a free one.") var enrolPort: Int?
    @Option(help: "A file that gets that port.") var enrolPortFile: String?
    @Option(help: "What enrolled boxes are told to send to, like https://platform.example:8443.")
    var uplinkURL: String?
    @Option(help: "PEM: the Ed25519 public key that enrolled boxes are to expect commands to be signed with.")
    var commandKey: String?
    @Option(help: "For how many seconds the certificates hold that are made.")
    var certificateSeconds: Int64 = 365 * 86_400
    @Option(help: "How many seconds older than they are they say to be: gateways renew when 2/3 are over.")
    var certificateAge: Int64 = 86_400

    func validate() throws {
        guard (enrolPort == nil) == (authorityKey == nil) else {
            throw ValidationError("'--enrol-port' and '--authority-key' go together")
        }
        guard (10...1_000_000_000).contains(certificateSeconds), (0...1_000_000_000).contains(certificateAge) else {
            throw ValidationError("'--certificate-seconds' is 10 or more, '--certificate-age' 0 or more")
        }
    }

    func run() async throws {
        var logger = Logger(label: "platform")
        logger.logLevel = .warning
        for path in [authority, certificate, key] + [authorityKey, commandKey].compactMap(\.self)
        where !FileManager.default.isReadableFile(atPath: path) {
            throw ValidationError(
                "\(path) is missing or may not be read; make it with 'meterkeep-platform make-certificates'")
        }
        try Self.clear(socket)
        let store = try PlatformStore(path: database)
        let office = try authorityKey.map { authorityKey in
            try CertificateOffice(
                authorityPath: authority, keyPath: authorityKey, uplinkURL: uplinkURL, commandKeyPath: commandKey,
                lifetimeSeconds: certificateSeconds, ageSeconds: certificateAge)
        }
        let platform = PlatformServer(store: store, office: office)
        let tls = try PlatformServer.tls(authorityPath: authority, certificatePath: certificate, keyPath: key)
        let portFile = portFile
        let gatewaySide = try platform.application(tls: tls, host: host, port: port, logger: logger) { port in
            if let portFile { try? Data("\(port)\n".utf8).write(to: URL(filePath: portFile), options: .atomic) }
            FileHandle.standardOutput.write(Data("ready: https port \(port)\n".utf8))
        }
        let operatorSide = OperatorServer(beside: platform).application(socketPath: socket, logger: logger)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
        if let enrolPort {
            let enrolTLS = try PlatformServer.enrolmentTLS(certificatePath: certificate, keyPath: key)
            let enrolPortFile = enrolPortFile
            let enrolSide = try platform.enrolment(tls: enrolTLS, host: host, port: enrolPort, logger: logger) { port in
                if let enrolPortFile {
                    try? Data("\(port)\n".utf8).write(to: URL(filePath: enrolPortFile), options: .atomic)
                }
                FileHandle.standardOutput.write(Data("ready: enrolment port \(port)\n".utf8))
            }
            services.append(.init(service: enrolSide))
        }
        services += [.init(service: gatewaySide), .init(service: operatorSide)]
        let group = ServiceGroup(
            configuration: .init(
                services: services,
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do { try await group.run() } catch {
            throw ValidationError(
                "port \(port) of \(host) or the socket \(socket) cannot be used: \(error); choose another --port or --socket"
            )
        }
        try? FileManager.default.removeItem(atPath: socket)
    }

    /// Removes the socket that an earlier run left behind, and nothing else.
    private static func clear(_ socket: String) throws {
        guard let kind = try? FileManager.default.attributesOfItem(atPath: socket)[.type] as? FileAttributeType else {
            return
        }
        guard kind == .typeSocket else {
            throw ValidationError("\(socket) exists and is no socket; give '--socket' a path of its own")
        }
        try FileManager.default.removeItem(atPath: socket)
    }
}

struct OperatorSocket: ParsableArguments {
    @Option(help: "The socket of the running platform's operator side.") var socket: String

    /// - Returns: the body of the answer.
    func ask(_ path: String, body: String? = nil) async throws -> String {
        let name = socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socket
        var request = HTTPClientRequest(url: "http+unix://\(name)\(path)")
        if let body {
            request.method = .POST
            request.body = .bytes(Array(body.utf8))
        }
        let response: HTTPClientResponse
        do {
            response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        } catch {
            throw ValidationError(
                "no platform listens at \(socket); start 'meterkeep-platform serve --socket \(socket)'")
        }
        let text = String(buffer: try await response.body.collect(upTo: 64 * 1024 * 1024))
        guard (200..<300).contains(response.status.code) else {
            throw ValidationError("the platform refused (\(response.status.code)): \(text)")
        }
        return text
    }
}

struct Gateways: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the gateways, as JSON.")
    @OptionGroup var platform: OperatorSocket
    func run() async throws { print(try await platform.ask("/gateways")) }
}

struct Meters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the latest reading of every meter, as JSON.")
    @OptionGroup var platform: OperatorSocket
    func run() async throws { print(try await platform.ask("/meters")) }
}

struct Balances: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the posted balance of every account, as JSON.")
    @OptionGroup var platform: OperatorSocket
    func run() async throws { print(try await platform.ask("/balances")) }
}

struct Commands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the commands and what gateways said of them, as JSON.")
    @OptionGroup var platform: OperatorSocket
    func run() async throws { print(try await platform.ask("/commands")) }
}

struct LedgerOf: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "List the postings of an account as they came, as JSON.")
    @OptionGroup var platform: OperatorSocket
    @Argument var gateway: String
    @Argument var account: String
    func run() async throws { print(try await platform.ask("/ledger/\(gateway)/\(account)")) }
}

struct ReadingsOf: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readings", abstract: "List all readings of a gateway, and gaps in their place, as JSON.")
    @OptionGroup var platform: OperatorSocket
    @Argument var gateway: String
    func run() async throws { print(try await platform.ask("/readings/\(gateway)")) }
}

struct Lost: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the gateways and meters that have been silent for too long, as JSON.")
    @OptionGroup var platform: OperatorSocket
    @Option(help: "Seconds of silence that are too long.") var after: Int64 = 900

    func validate() throws {
        guard after >= 0 else { throw ValidationError("'--after' is a number of seconds, 0 or more") }
    }

    func run() async throws { print(try await platform.ask("/lost?after=\(after)")) }
}

struct IssueRecharge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recharge", abstract: "Sell credit to an account; prints the command's id.")
    @OptionGroup var platform: OperatorSocket
    @Argument var gateway: String
    @Argument var account: String
    @Argument(help: "Decimal, like 12.50.") var amount: String
    @Option(help: "The customer number the account must have.") var customer: String
    @Option(help: "The seller's name.") var issuer: String = "office"
    @Option(help: "The recharge number; without it the one after the last known.") var number: Int64?
    @Option(help: "The sale's id: given again after a failure, it is not sold twice.") var id: String?
    @Option(help: "Seconds to wait for the gateway's answer; it is printed, and a refusal is exit code 1.")
    var wait: Int64?

    func run() async throws {
        var members: [String: Any] = [
            "gateway": gateway, "account": account, "amount": amount, "customer_number": customer, "issuer": issuer,
        ]
        if let number { members["number"] = number }
        if let id { members["id"] = id }
        let body = String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)
        let sold = try await platform.ask("/recharges", body: body)
        guard let wait, let id = try StrictJSON.parse(sold).object?["id"]?.string else {
            print(sold)
            return
        }
        try await platform.printAnswer(to: id, of: gateway, within: wait)
    }
}

struct MakeCertificates: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a throwaway authority with certificates for a platform and its gateways.")
    @Argument(help: "The folder to write to.") var folder: String
    @Option(help: "A gateway's name; may be given several times.") var gateway: [String]

    func run() throws { try CertificateMaker.make(in: folder, gateways: gateway) }
}
