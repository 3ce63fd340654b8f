import ArgumentParser
import Failpoints
import Foundation
import Metering
import Prepaid
import SampleLoad
import Storage
import UplinkProtocol

/// Kills the daemon again and again while it meters, bills, cuts and sells, then compares the meters,
/// the ledger and the platform.
struct Kills: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kill the daemon at random instants and at every named failpoint, under load.",
        discussion: "The failpoints: \(Failpoint.allCases.map(\.rawValue).joined(separator: ", ")).")

    @Option(help: "So many kills.") var count = 100
    @Option(help: "Another seed draws other instants.") var seed: UInt64 = 1
    @Option(help: "So many kills of one site; then everything is compared, and a new site begins.") var perSite = 250
    @Option(help: "The folder with the meter profiles.") var profiles = "etc/profiles"

    func run() async throws {
        // A daemon that dies while it is written to must not end this program.
        signal(SIGPIPE, SIG_IGN)
        var (killed, lost, doubled) = (0, 0, 0)
        var hits: Set<Failpoint> = []
        var site: UInt64 = 0
        while killed < count {
            let bench = try KillBench(profiles: URL(filePath: profiles).path)
            var run = KillRun(bench: bench, generator: SeededGenerator(seed: seed &* 1_000_003 &+ site))
            try run.prepare()
            for _ in 0..<min(max(1, perSite), count - killed) {
                killed += 1
                try run.kill(killed)
            }
            try run.settle()
            for complaint in run.findings.complaints { print("  site \(site): \(complaint)") }
            hits.formUnion(run.hits)
            lost += run.findings.lost
            doubled += run.findings.doubled
            site += 1
        }
        figure("kills", killed)
        figure("failpoints_hit", hits.count)
        figure("lost", lost)
        figure("doubled", doubled)
        if lost + doubled > 0 { throw ExitCode.failure }
    }
}

/// What a comparison showed.
struct Findings {
    private(set) var lost = 0
    private(set) var doubled = 0
    private(set) var complaints: [String] = []

    mutating func lose(_ text: String) {
        lost += 1
        if complaints.count < 20 { complaints.append("lost: \(text)") }
    }

    mutating func double(_ text: String) {
        doubled += 1
        if complaints.count < 20 { complaints.append("doubled: \(text)") }
    }
}

struct KillRun {
    let bench: KillBench
    var generator: SeededGenerator
    var findings = Findings()
    /// Failpoints that ended a daemon.
    private(set) var hits: Set<Failpoint> = []
    private var head = ChainHead(sequence: 0, hash: ChainHash.of([]))
    private var sales: [String: (account: Int, microunits: Int64)] = [:]

    init(bench: KillBench, generator: SeededGenerator) {
        self.bench = bench
        self.generator = generator
    }

    mutating func prepare() throws {
        // The first start of all dies between two tables.
        let first = try bench.startDaemon((.migrationWithinStep, passes: 1))
        first.waitForEnd(seconds: 30)
        if !first.isRunning { hits.insert(.migrationWithinStep) }
        first.end(SIGKILL)
        let daemon = try bench.startDaemon()
        try daemon.waitFor("] ready")
        try bench.install()
        daemon.end(SIGKILL)
    }

    mutating func kill(_ number: Int) throws {
        // Every other kill at a named place, in turn; the rest at any instant.
        let isNamed = number % 2 == 0
        let failpoint = Failpoint.allCases[(number / 2) % Failpoint.allCases.count]
        let passes = Int.random(in: 1...3, using: &generator)
        // The next start is that of a new version: two steps of the ledger, one of telemetry.
        if isNamed, failpoint == .migrationWithinStep { try bench.takeFilesBack() }
        let daemon = try bench.startDaemon(isNamed ? (failpoint, passes: passes) : nil)
        let account = Int.random(in: 1...KillBench.meterCount, using: &generator)
        let cents = Int64.random(in: 1...60, using: &generator)
        let id = "sale-\(number)"
        try bench.sell(id, to: account, amount: "0.\(cents < 10 ? "0" : "")\(cents)")
        sales[id] = (account, cents * 10_000)
        if isNamed {
            daemon.waitForEnd(seconds: 6)
            if !daemon.isRunning { hits.insert(failpoint) }
        } else {
            usleep(UInt32.random(in: 0...1_200_000, using: &generator))
        }
        daemon.end(SIGKILL)
        try look()
    }

    /// The ledger is sound, and goes on from where it was.
    private mutating func look() throws {
        let last = head
        let (now, fault, kept) = try bench.withLedger { store in
            (
                try store.head(), try store.stopped?.description ?? store.verify().faults.first,
                try store.records(after: max(0, last.sequence - 1), limit: 1).first?.hash
            )
        }
        if let fault { findings.lose("the ledger is not sound: \(fault)") }
        if now.sequence < last.sequence || (last.sequence > 0 && kept != last.hash) {
            findings.lose("record \(last.sequence) was there and is not any more")
        }
        head = now
    }

    /// Lets everything come to rest and compares it to the unit.
    mutating func settle() throws {
        for meter in 1...KillBench.meterCount { _ = try bench.simulate("set", "M-\(meter)", "load", "0") }
        let daemon = try bench.startDaemon()
        try daemon.waitFor("] ready")
        try bench.until("every sale is answered") {
            try bench.platform("commands").allSatisfy { $0["state"] != .string("queued") }
        }
        // The last pulses are read and posted with the orderly end.
        usleep(3_000_000)
        daemon.end(SIGTERM)
        try look()
        let lastReading = try bench.withTelemetry(\.lastSequence)
        let again = try bench.startDaemon()
        try again.waitFor("] ready")
        try bench.until("the platform has the whole ledger") {
            try bench.keep("status").object?["uplink"]?.object?["ledger_queued"] == .integer(0)
        }
        try awaitReadings(through: lastReading)
        again.end(SIGKILL)
        try compareReadings(through: lastReading)
        try compareSales()
        try compareCounters()
        try compareBalances()
        try compareWrites()
    }

    private func postings() throws -> [(sequence: Int64, posting: Posting)] {
        try bench.withLedger { store in
            var all: [(Int64, Posting)] = []
            var after: Int64 = 0
            while case let records = try store.records(after: after, limit: 1000), let last = records.last {
                for record in records {
                    if case .posting(let posting) = record.body { all.append((record.sequence, posting)) }
                }
                after = last.sequence
            }
            return all
        }
    }

    /// Each sale that the platform saw applied is in the ledger once, with its amount.
    private mutating func compareSales() throws {
        let posted = Dictionary(
            grouping: try postings().filter { $0.posting.cause == .recharge }, by: { $0.posting.command ?? "" })
        for command in try bench.platform("commands") {
            guard let id = command["id"]?.string, let sale = sales[id] else { continue }
            let found = posted[id] ?? []
            if command["outcome"] == .string("applied"), found.isEmpty { findings.lose("the sale \(id)") }
            if command["outcome"] != .string("applied") {
                findings.lose("the sale \(id) ended as \(command["outcome"]?.string ?? "nothing")")
            }
            if found.count > 1 { findings.double("the sale \(id) is in the ledger \(found.count) times") }
            for (sequence, posting) in found where posting.amount.microunits != sale.microunits {
                findings.lose("record \(sequence) posts \(posting.amount) for the sale \(id)")
            }
        }
    }

    /// What was billed of each meter is what it counted, without a hole and without an overlap.
    private mutating func compareCounters() throws {
        let spans = Dictionary(grouping: try postings().compactMap(\.posting.span), by: \.circuit.rawValue)
        for device in try bench.simulate("meters").array ?? [] {
            guard let name = device.object?["device"]?.string,
                let counted = device.object?["energy_mwh"]?.integer.map({ $0 / 1000 })
            else { continue }
            var reached: Int64?
            for span in spans[name] ?? [] {
                if let reached, span.from > reached {
                    findings.lose("\(name): \(reached) to \(span.from) Wh are not billed")
                }
                if let reached, span.from < reached {
                    findings.double("\(name): \(span.from) to \(reached) Wh are billed twice")
                }
                reached = span.to
            }
            // The meter rounds to hundredths of a kWh.
            if let reached, abs(reached - counted) >= 10 {
                findings.lose("\(name) counted \(counted) Wh, \(reached) Wh are billed")
            }
        }
    }

    private mutating func compareBalances() throws {
        let ledger = try bench.withLedger { try $0.verify().balances }
        for account in try bench.platform("balances") {
            guard let name = account["account"]?.string, let shown = account["balance_microunits"]?.integer else {
                continue
            }
            let kept = ledger.first { $0.key.rawValue == name }?.value.microunits
            if kept != shown { findings.lose("\(name) has \(kept ?? 0) here and \(shown) at the platform") }
        }
    }

    /// Nobody with money was cut, and every cut had been written down first.
    private mutating func compareWrites() throws {
        let text = try String(contentsOfFile: "\(bench.folder)/writes.jsonl", encoding: .utf8)
        let opened = try text.split(separator: "\n").compactMap { line -> String? in
            let write = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            return write["closed"] as? Bool == false ? write["device"] as? String : nil
        }
        let commanded = try bench.withLedger { store in
            var circuits: Set<String> = []
            var after: Int64 = 0
            while case let records = try store.records(after: after, limit: 1000), let last = records.last {
                for record in records {
                    guard case .event(let event) = record.body, event.code == .breakerCommanded,
                        case .circuit(let circuit) = event.subject
                    else { continue }
                    circuits.insert(circuit.rawValue)
                }
                after = last.sequence
            }
            return circuits
        }
        let poor = Set((1...KillBench.poorCount).map { "M-\($0)" })
        for device in Set(opened) {
            if !poor.contains(device) { findings.double("\(device) was opened, its account has money") }
            if !commanded.contains(device) { findings.lose("\(device) was opened, the ledger says nothing of it") }
        }
        if opened.isEmpty { findings.lose("no breaker was moved: nothing was tested") }
    }
}
