import ArgumentParser
import Board
import Commissioning
import Concentrator
import ConfigurationReader
import Console
import Foundation
import MeterProfiles
import Metering

struct SetupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setup",
        abstract: "Set a new box up: find ports and meters, write the configuration, test it, report.",
        discussion: """
            Guided, question by question; what was answered is kept, and a later call goes on there. With --site everything \
            comes from a site file (etc/site.example.yaml) and nothing is asked. A configuration that is there already \
            is never changed: the new one is written beside it. The daemon must not run while ports are tested.
            """)

    @Option(help: "Where the configuration is to be.") var config: String = "/etc/meterkeep/gateway.yaml"
    @Option(help: "A site file: nothing is asked.") var site: String?
    @Option(help: "The folder of profiles; beside the configuration where it is left out.") var profiles: String?
    @Option(help: "Ports, rather than those that are found: /dev/ttyS1,/dev/ttyS2.") var ports: String?
    @Option(help: "Where the ledger will be.") var data: String?
    @Option(help: "Where the daemon will listen.") var socket: String?
    @Option(help: "Where the report is written; beside the configuration where it is left out.") var report: String?
    @Option(help: "With --site: a circuit whose breaker is opened and closed in the self-test.") var `switch`: String?
    @Option(help: "With --site: the pairing code of this box, rather than the site file's.") var code: String?
    @Option(help: "How many seconds meters may take to answer in the self-test.") var patience: Int = 90
    @Flag(help: "With --site: write the files only.") var noTest = false
    @Flag(help: "Forget the answers of an earlier call.") var anew = false

    func run() async throws {
        do {
            if let site { try await runUnattended(site) } else { try await runGuided() }
        } catch let problems as ConfigurationProblems {
            complain(problems.description)
            throw ExitCode(site == nil ? 78 : 65)
        } catch let problem as GatewayProblem {
            complain(problem.description)
            throw ExitCode(problem.exitCode)
        } catch let problem as SetupProblem {
            complain(problem.description)
            throw ExitCode(65)
        }
    }

    private var configurationPath: String { URL(filePath: config).standardizedFileURL.path }
    private var folder: String { URL(filePath: configurationPath).deletingLastPathComponent().path }
    private var files: SetupFiles { SetupFiles(configurationPath: configurationPath) }
    private var profileFolder: String {
        profiles.map { URL(filePath: $0).standardizedFileURL.path } ?? "\(folder)/profiles"
    }

    /// Names of ports with what is known of them.
    private var offered: [String: String] {
        if let ports {
            return Dictionary(ports.split(separator: ",").map { (String($0), "") }) { first, _ in first }
        }
        return Dictionary(SerialPorts.found().map { ($0.name, $0.maker ?? "") }) { first, _ in first }
    }

    private func worker(_ library: ProfileLibrary) -> SetupWorker {
        SetupWorker(
            files: files, identity: BoxFacts.identity, profiles: library.all, reportFolder: report ?? folder,
            patience: .seconds(max(1, patience)), tell: { show($0) })
    }

    /// A daemon has the ports; what it runs is not set up anew under its feet.
    private func checkNobodyPolls(_ socket: String) async throws {
        guard (try? await LocalClient(socketPath: socket).get("/v1/status")) != nil else { return }
        throw GatewayProblem.busy(
            "a daemon runs at \(socket) and has the ports. For more meters: meterkeep scan --out found.csv, then meterkeep "
                + "import found.csv; for the report: meterkeep self-test; to set the box up anew, stop it first "
                + "(systemctl stop meterkeepd)")
    }

    // MARK: - Guided

    private func runGuided() async throws {
        try await checkNobodyPolls(socket ?? files.progress?.plan.socket ?? SitePlan(gateway: "").socket)
        let library = try ProfileFolder.load(profileFolder)
        if anew { files.forgetProgress() }
        let kept = files.progress
        let box = SetupConversation.Box(
            identity: BoxFacts.identity, timeZone: BoxFacts.timeZone, ports: offered,
            knowsTimeZone: { TimeZone(identifier: $0) != nil })
        var plan = kept?.plan ?? SitePlan(gateway: "")
        if let data { plan.data = data }
        if let socket { plan.socket = socket }
        if profiles != nil { plan.profiles = profileFolder }
        var conversation = SetupConversation(
            box: box, profiles: library.all, plan: plan, stage: kept?.stage ?? .gateway, leftOut: kept?.leftOut ?? [])
        if kept != nil { show("Going on where you left. To begin again: meterkeep setup --anew") }
        let terminal = SetupTerminal()
        let worker = worker(library)
        while true {
            switch conversation.step {
            case .ask(let question):
                let answer = terminal.ask(question, news: conversation.news)
                conversation.take(.answer(answer ?? "q"))
            case .work(let work):
                for line in conversation.news { show(line) }
                conversation.take(await Self.outcome(of: work, conversation.plan, worker))
            case .end(let end):
                for line in conversation.news { show(line) }
                return try finish(conversation, end)
            }
            try files.keep(conversation)
        }
    }

    private func finish(_ conversation: SetupConversation, _ end: SetupEnd) throws {
        switch end {
        case .done:
            files.forgetProgress()
            show("Done. What is wrong later: meterkeep doctor")
        case .interrupted:
            try files.keep(conversation)
            show("\nThe answers are kept; to go on: meterkeep setup")
            throw ExitCode(75)
        }
    }

    private static func outcome(of work: SetupWork, _ plan: SitePlan, _ worker: SetupWorker) async -> SetupEvent {
        do {
            switch work {
            case .testWiring(let port): return .wiring(try await worker.testWiring(port))
            case .scan(let port, let formats, let addresses):
                return .found(try await worker.scan(port, first: formats, addresses: addresses))
            case .write(let plan): return .written(try worker.files.write(plan, identity: worker.identity))
            case .enrol(let platform, let code):
                let said = try await SetupEnrolment(plan: plan, name: try worker.identity.name(from: plan.gateway))
                    .run(platform: platform, code: code)
                return .enrolled(said + (try worker.files.write(plan, identity: worker.identity)))
            case .selfTest(let circuit): return .tested(try await worker.test(switching: circuit).lines)
            }
        } catch { return .failed("\(error)") }
    }

    // MARK: - From a site file

    private func runUnattended(_ site: String) async throws {
        guard let text = try? String(contentsOfFile: site, encoding: .utf8) else {
            throw SetupProblem("\(site) cannot be read as UTF-8 text; start from etc/site.example.yaml")
        }
        var plan = try SitePlan(file: site, text: text)
        if let data { plan.data = data }
        if let socket { plan.socket = socket }
        if profiles != nil { plan.profiles = profileFolder }
        try await checkNobodyPolls(plan.socket)
        let library = try ProfileFolder.load(
            plan.profiles.hasPrefix("/") ? plan.profiles : "\(folder)/\(plan.profiles)")
        let worker = worker(library)
        try plan.assignPorts(offered.keys.sorted())
        for bus in plan.buses where bus.serial == nil || bus.scan != nil {
            try await find(bus, in: &plan, worker)
        }
        for line in try worker.files.write(plan, identity: worker.identity) { show(line) }
        guard try worker.files.isInPlace(plan, identity: worker.identity) else {
            show("another configuration is there already; nothing was started")
            throw ExitCode(73)
        }
        let isEnrolled = try await enrol(plan, worker)
        if noTest { return }
        let circuit = `switch`.flatMap(CircuitID.init(rawValue:))
        let (report, lines) = try await worker.test(switching: circuit)
        for line in lines { show(line) }
        if !report.isPassed || !isEnrolled { throw ExitCode(1) }
    }

    /// A box that cannot be enrolled now works all the same; it is only not heard of.
    /// - Returns: false where it was to be and is not.
    private func enrol(_ plan: SitePlan, _ worker: SetupWorker) async throws -> Bool {
        guard let wanted = plan.enrolment else { return true }
        let enrolment = SetupEnrolment(plan: plan, name: try worker.identity.name(from: plan.gateway))
        if enrolment.isDone { return true }
        do {
            let code = try code ?? enrolment.code(in: wanted)
            for line in try await enrolment.run(platform: wanted.platform, code: code) { show(line) }
        } catch {
            show("not enrolled: \(error)")
            return false
        }
        for line in try worker.files.write(plan, identity: worker.identity) { show(line) }
        return true
    }

    private func find(_ bus: SitePlan.Bus, in plan: inout SitePlan, _ worker: SetupWorker) async throws {
        let units = plan.devices.filter { $0.bus == bus.id }.map(\.unit)
        let wiring = try await worker.testWiring(
            bus.port, units: units.isEmpty ? SetupWorker.firstUnits : Array(units.prefix(5)))
        show("\(bus.id): \(wiring.words)")
        for remedy in wiring.remedies { show("  - \(remedy)") }
        let addresses = bus.scan ?? (units.isEmpty ? "1-32" : units.map(String.init).joined(separator: ","))
        var first: [SerialFormat] = bus.serial.map { [$0] } ?? []
        if case .answers(let serial, _) = wiring.verdict, first.isEmpty { first = [serial] }
        let found = try await worker.scan(bus.port, first: first, addresses: addresses)
        for line in plan.merge(found, on: bus.id, profiles: worker.profiles) { show("\(bus.id): \(line)") }
    }
}
