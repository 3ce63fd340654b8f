internal import BusSurvey
internal import Concentrator
internal import Metering

/// The page that Prometheus reads: text exposition format 0.0.4.
struct MetricsPage: Sendable {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    let text: String

    init(_ gateway: RunningGateway) async {
        let now = gateway.clock.monotonicNow()
        var page = Page()
        Self.addBuses(gateway.busWatches.map { $0.snapshot(at: now) }, to: &page)
        await Self.addSite(gateway, to: &page)
        text = page.text
    }

    private static func addBuses(_ buses: [BusSnapshot], to page: inout Page) {
        page.family("meterkeep_bus_open", .gauge, "Whether the port is open.") { add in
            for bus in buses { add(["bus": bus.name], bus.isOpen ? "1" : "0") }
        }
        page.family("meterkeep_bus_load_ratio", .gauge, "Share of the line in use over ten seconds.") { add in
            for bus in buses {
                for (purpose, load) in bus.tally.load(over: .seconds(10), at: bus.at).sorted(by: purposeOrder) {
                    add(["bus": bus.name, "purpose": purpose.rawValue], Page.fixed(Int64(load), digits: 3))
                }
            }
        }
        page.family("meterkeep_bus_transactions_total", .counter, "Requests sent.") { add in
            for bus in buses {
                for purpose in BusPurpose.allCases {
                    add(["bus": bus.name, "purpose": purpose.rawValue], "\(bus.tally.transactions[purpose])")
                }
            }
        }
        page.family("meterkeep_bus_failures_total", .counter, "Requests without a proper answer.") { add in
            for bus in buses {
                for reason in NoDataReason.allCases where reason.isOfTransaction {
                    add(["bus": bus.name, "reason": reason.rawValue], "\(bus.tally.failures[reason] ?? 0)")
                }
            }
        }
        page.family("meterkeep_bus_seconds_total", .counter, "What the time of the line went to.") { add in
            for bus in buses {
                for phase in BusPhase.allCases {
                    add(
                        ["bus": bus.name, "phase": phase.rawValue], Page.seconds(bus.tally.busyByPhase[phase]))
                }
            }
        }
        page.family("meterkeep_bus_findings", .gauge, "Things that are wrong with the line or a device on it.") { add in
            for bus in buses { add(["bus": bus.name], "\(bus.findings.count)") }
        }
        page.family("meterkeep_breaker_write_delay_seconds", .gauge, "From a decision to the write's first byte.") {
            add in
            for bus in buses {
                for (name, perMille) in [("0.5", 500), ("0.99", 990)] {
                    guard let time = bus.tally.orderDelays.quantile(perMille: perMille) else { continue }
                    add(["bus": bus.name, "quantile": name], Page.seconds(time))
                }
            }
        }
        page.family("meterkeep_meter_response_seconds", .gauge, "From a request's end to the answer's start.") { add in
            for bus in buses {
                for (unit, meter) in bus.meters.sorted(by: { $0.key < $1.key }) {
                    guard let times = bus.tally.units[unit]?.responseTimes else { continue }
                    for (name, perMille) in [("0.5", 500), ("0.99", 990)] {
                        guard let time = times.quantile(perMille: perMille) else { continue }
                        add(["bus": bus.name, "meter": meter.rawValue, "quantile": name], Page.seconds(time))
                    }
                }
            }
        }
        page.family("meterkeep_meter_failures_total", .counter, "Requests to a meter without a proper answer.") { add in
            for bus in buses {
                for (unit, meter) in bus.meters.sorted(by: { $0.key < $1.key }) {
                    let failures = bus.tally.units[unit]?.failures.values.reduce(0, +) ?? 0
                    add(["bus": bus.name, "meter": meter.rawValue], "\(failures)")
                }
            }
        }
    }

    private static func addSite(_ gateway: RunningGateway, to page: inout Page) async {
        let status = await gateway.site.status()
        let uplink = await gateway.uplinkStatus()
        page.family("meterkeep_circuits", .gauge, "Circuits installed.") { $0([:], "\(status.circuits.count)") }
        page.family("meterkeep_circuits_answering", .gauge, "Circuits whose meter answers.") { add in
            add([:], "\(status.circuits.count { $0.noData == nil && $0.reading != nil })")
        }
        page.family("meterkeep_oldest_reading_seconds", .gauge, "Age of the oldest last reading of a circuit.") { add in
            let ages = status.circuits.compactMap { $0.reading.flatMap { status.now.elapsed(since: $0.at) } }
            if let oldest = ages.max() { add([:], Page.seconds(oldest)) }
        }
        page.family("meterkeep_ledger_usable", .gauge, "Whether the ledger can be written.") { add in
            add([:], status.isLedgerUsable ? "1" : "0")
        }
        page.family(
            "meterkeep_reports_dropped_total", .counter, "Reports of the buses that the ledger was too slow for."
        ) { add in
            add(["kind": "values"], "\(gateway.lostReports.values)")
            add(["kind": "events"], "\(gateway.lostReports.events)")
        }
        let isTelemetryUsable = await gateway.telemetryProblem() == nil
        page.family("meterkeep_telemetry_usable", .gauge, "Whether readings can be written.") { add in
            add([:], isTelemetryUsable ? "1" : "0")
        }
        page.family("meterkeep_uplink_queued", .gauge, "Records that wait for the platform.") { add in
            addQueued(uplink.ledgerQueued, uplink.telemetryQueued, add)
        }
        if let broker = await gateway.brokerStatus() {
            page.family("meterkeep_mqtt_queued", .gauge, "Records that wait for the broker.") { add in
                addQueued(broker.ledgerQueued, broker.telemetryQueued, add)
            }
        }
        page.family("meterkeep_uplink_withheld", .gauge, "Ledger records whose content the platform refused.") { add in
            if let withheld = uplink.ledgerWithheld { add([:], "\(withheld)") }
        }
        page.family("meterkeep_uplink_refused_readings_total", .counter, "Readings that the platform refused.") { add in
            add([:], "\(uplink.telemetryRefused)")
        }
    }

    /// What is not known is left out.
    private static func addQueued(
        _ ledger: Int64?, _ telemetry: Int64?, _ add: (KeyValuePairs<String, String>, String) -> Void
    ) {
        if let ledger { add(["log": "ledger"], "\(ledger)") }
        if let telemetry { add(["log": "telemetry"], "\(telemetry)") }
    }

    private static func purposeOrder(_ left: (key: BusPurpose, value: Int), _ right: (key: BusPurpose, value: Int))
        -> Bool
    {
        left.key.rawValue < right.key.rawValue
    }
}

extension BusSnapshot {
    fileprivate var name: String { configuration.id.rawValue }
}

extension NoDataReason {
    /// Whether a transaction can end with it.
    fileprivate var isOfTransaction: Bool {
        switch self {
        case .timeout, .badFrame, .exception, .wrongUnit: true
        default: false
        }
    }
}

/// Lines of the text exposition format.
struct Page: Sendable {
    enum Kind: String { case counter, gauge }

    private(set) var text = ""

    mutating func family(
        _ name: String, _ kind: Kind, _ help: String,
        _ samples: (_ add: (_ labels: KeyValuePairs<String, String>, _ value: String) -> Void) -> Void
    ) {
        var lines = "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        samples { labels, value in
            let pairs = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
            lines += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
        }
        text += lines
    }

    static func seconds(_ duration: Duration) -> String { fixed(duration.wholeNanoseconds / 1000, digits: 6) }

    /// A whole number of parts as a decimal: 1234 with three digits is 1.234.
    static func fixed(_ parts: Int64, digits: Int) -> String {
        var text = String(parts.magnitude)
        if text.count <= digits { text = String(repeating: "0", count: digits + 1 - text.count) + text }
        return (parts < 0 ? "-" : "") + text.dropLast(digits) + "." + text.suffix(digits)
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
    }
}
