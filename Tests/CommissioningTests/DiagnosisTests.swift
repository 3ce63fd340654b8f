import BusSurvey
import Commissioning
import Metering
import Testing

private func sound() -> Findings {
    var findings = Findings(configuration: .sound(path: "gateway.yaml"), daemon: .answers)
    findings.clock = clock()
    findings.data = DataState(path: "/data", condition: .sound, freeBytes: 4 << 30, freeInodes: 100_000)
    findings.money = MoneyState(isLedgerUsable: true)
    return findings
}

private func clock(
    wall: Int64 = 2_000_000_000_000, isSynchronised: Bool = true, isAssumed: Bool = false, isTrusted: Bool? = true
) -> ClockState {
    ClockState(
        wall: WallTime(millisecondsSince1970: wall),
        earliestPresent: WallTime(millisecondsSince1970: 1_900_000_000_000),
        isSynchronised: isSynchronised, isAssumed: isAssumed, isTrusted: isTrusted)
}

private func firstBus() throws -> BusID { try #require(BusID(rawValue: "bus1")) }

private func devices(
    _ reasons: [NoDataReason?], silentSeconds: [Int64]? = nil
) throws -> [DeviceState] {
    let bus = try firstBus()
    return try reasons.enumerated().map { index, reason in
        let name = "M-\(index + 1)"
        var device = DeviceState(
            meter: try #require(MeterID(rawValue: name)),
            address: try #require(UnitAddress(bus: bus, unit: UInt8(index + 1))), circuit: CircuitID(rawValue: name),
            noData: reason)
        device.silentFor = silentSeconds.map { .seconds($0[index]) }
        return device
    }
}

private func words(_ complaint: Complaint?) -> String {
    complaint.map { "[\($0.likelihood.word)] \($0.place): \($0.what); \($0.remedies.joined(separator: "; "))" }
        ?? "none"
}

@Suite("What the doctor says")
struct DiagnosisTests {
    @Test("a sound box has no complaint")
    func nothing() { #expect(Diagnosis(sound()).complaints.isEmpty) }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let change: @Sendable (inout Findings) throws -> Void
        /// Of the first complaint.
        let likelihood: Complaint.Likelihood
        let place: String
        let what: String
        let remedy: String
        var count = 1
        var testDescription: String { name }
    }

    private static let boxCases: [Case] = [
        Case(
            name: "no configuration",
            change: {
                $0 = Findings(configuration: .absent(path: "/etc/g.yaml"), daemon: .silent(socket: "/run/s"))
            },
            likelihood: .certain, place: "/etc/g.yaml", what: "there is no configuration", remedy: "meterkeep setup"),
        Case(
            name: "wrong configuration hides that nothing runs",
            change: {
                $0 = Findings(
                    configuration: .wrong(path: "g.yaml", problems: ["g.yaml:3: baud 9601; write 9600"]),
                    daemon: .silent(socket: "/run/s"))
            },
            likelihood: .certain, place: "g.yaml", what: "does not start", remedy: "g.yaml:3: baud 9601; write 9600"),
        Case(
            name: "daemon not running", change: { $0.daemon = .silent(socket: "/run/s") }, likelihood: .likely,
            place: "daemon", what: "it does not run", remedy: "systemctl start meterkeepd"),
        Case(
            name: "socket of others", change: { $0.daemon = .notPermitted(socket: "/run/s") }, likelihood: .likely,
            place: "/run/s", what: "may not ask it", remedy: "as root"),
        Case(
            name: "disk full",
            change: { $0.data = DataState(path: "/data", condition: .sound, freeBytes: 1 << 20) },
            likelihood: .certain, place: "/data", what: "only 1 MiB are free", remedy: "du -xh"),
        Case(
            name: "disk nearly full",
            change: { $0.data = DataState(path: "/data", condition: .sound, freeBytes: 300 << 20) },
            likelihood: .notice, place: "/data", what: "only 300 MiB", remedy: "journal"),
        Case(
            name: "no inodes", change: { $0.data = DataState(path: "/data", condition: .sound, freeInodes: 3) },
            likelihood: .certain, place: "/data", what: "only 3 files", remedy: "clear"),
        Case(
            name: "read-only disk", change: { $0.data = DataState(path: "/data", condition: .readOnly) },
            likelihood: .certain, place: "/data", what: "read-only", remedy: "dmesg"),
        Case(
            name: "data not permitted", change: { $0.data = DataState(path: "/data", condition: .notPermitted) },
            likelihood: .certain, place: "/data", what: "may not be used", remedy: "as root"),
        Case(
            name: "data nowhere", change: { $0.data = DataState(path: "/x/data", condition: .parentAbsent) },
            likelihood: .certain, place: "/x/data", what: "does not exist", remedy: "correct 'data'"),
        Case(
            name: "damaged ledger",
            change: { $0.data = DataState(path: "/data", condition: .ledgerUnreadable("not a database")) },
            likelihood: .certain, place: "/data", what: "not a database", remedy: "start the daemon"),
        Case(
            name: "damage of old",
            change: { $0.data = DataState(path: "/data", condition: .sound, movedAside: ["before-1"]) },
            likelihood: .notice, place: "/data", what: "before-1", remedy: "keep them"),
        Case(
            name: "1970", change: { $0.clock = clock(wall: 5_000, isSynchronised: false, isTrusted: false) },
            likelihood: .certain, place: "clock", what: "has passed already", remedy: "raise-clock"),
        Case(
            name: "no time source", change: { $0.clock = clock(isSynchronised: false, isTrusted: false) },
            likelihood: .likely, place: "clock", what: "no time source", remedy: "timedatectl"),
        Case(
            name: "no time source, no daemon either",
            change: { $0.clock = clock(isSynchronised: false, isTrusted: nil) },
            likelihood: .likely, place: "clock", what: "no time source", remedy: "timedatectl"),
        Case(
            name: "assumed clock", change: { $0.clock = clock(isSynchronised: false, isAssumed: true) },
            likelihood: .notice, place: "clock", what: "believed though", remedy: "clock: kernel"),
        Case(
            name: "ledger unusable", change: { $0.money = MoneyState(isLedgerUsable: false) }, likelihood: .certain,
            place: "ledger", what: "cannot be written", remedy: "make room"),
        Case(
            name: "readings cannot be written", change: { $0.telemetryProblem = "telemetry.db: writing failed" },
            likelihood: .certain, place: "readings", what: "telemetry.db: writing failed", remedy: "dmesg"),
        Case(
            name: "held money",
            change: { $0.money = MoneyState(isLedgerUsable: true, heldBecause: "restored from a backup") },
            likelihood: .certain, place: "ledger", what: "restored from a backup", remedy: "meterkeep ledger release"),
        Case(
            name: "held cuts", change: { $0.money = MoneyState(isLedgerUsable: true, heldCuts: 7) },
            likelihood: .likely, place: "breakers", what: "7 credit cuts", remedy: "prices"),
    ]

    private static let portCases: [Case] = {
        func port(
            _ condition: PortState.Condition, _ path: String = "/dev/p0"
        ) -> @Sendable (inout Findings) throws -> Void {
            { findings in
                let bus = try firstBus()
                findings.ports = [
                    PortState(bus: bus, path: path, condition: condition, spares: ["/dev/serial/by-path/usb-1"])
                ]
                // What hangs on a port that is gone is no news.
                if condition != .inUse { findings.devices = try devices([.busDown, .busDown, .busDown]) }
            }
        }
        return [
            Case(
                name: "adapter gone", change: port(.absent), likelihood: .certain, place: "bus bus1, /dev/p0",
                what: "does not exist", remedy: "/dev/serial/by-path/usb-1"),
            Case(
                name: "port busy", change: port(.busy(holder: "ModemManager (process 71)")), likelihood: .certain,
                place: "bus bus1", what: "ModemManager (process 71)", remedy: "end that program"),
            Case(
                name: "port of others", change: port(.notPermitted), likelihood: .certain, place: "bus bus1",
                what: "may not be opened", remedy: "dialout"),
            Case(
                name: "no serial port", change: port(.notSerial), likelihood: .certain, place: "bus bus1",
                what: "no serial port", remedy: "correct 'port'"),
            Case(
                name: "converter gone", change: port(.other("no route to host"), "tcp://10.0.0.9:4196?framing=rtu"),
                likelihood: .certain, place: "bus bus1, tcp://10.0.0.9:4196", what: "cannot be reached",
                remedy: "the converter's power, its network cable"),
        ]
    }()

    private static let uplinkCases: [Case] = {
        func reach(_ reach: UplinkReach) -> @Sendable (inout Findings) throws -> Void {
            { $0.uplink = UplinkState(url: "https://p:1", reach: reach) }
        }
        func certificate(from: Int64, until: Int64) -> @Sendable (inout Findings) throws -> Void {
            {
                $0.certificates = [
                    CertificateState(
                        role: "uplink.certificate", path: "g.pem",
                        condition: .valid(
                            from: WallTime(millisecondsSince1970: from), until: WallTime(millisecondsSince1970: until)))
                ]
            }
        }
        let now: Int64 = 2_000_000_000_000
        let day: Int64 = 86_400_000
        let rows: [(String, @Sendable (inout Findings) throws -> Void, Complaint.Likelihood, String, String)] = [
            ("no name", reach(.nameUnknown(host: "p")), .likely, "the name p leads nowhere", "name server"),
            (
                "refused connection", reach(.unreachable(reason: "refused")), .likely, "no connection: refused",
                "firewall"
            ),
            ("portal in TLS", reach(.tlsRefused(reason: "CERTIFICATE_VERIFY_FAILED")), .likely, "no trust", "portal"),
            ("old TLS", reach(.tlsRefused(reason: "UNSUPPORTED_PROTOCOL")), .likely, "no trust", "minimum_tls"),
            (
                "other name", reach(.tlsRefused(reason: "failed to validate hostname")), .likely, "no trust",
                "another name"
            ),
            (
                "our certificate refused", reach(.tlsRefused(reason: "TLSV1_ALERT_UNKNOWN_CA")), .likely, "no trust",
                "enrol"
            ),
            ("portal", reach(.strangeAnswer(reason: "no JSON")), .likely, "no platform", "captive portal"),
            ("redirect", reach(.answered(status: 302)), .likely, "elsewhere (302)", "captive portal"),
            ("forbidden", reach(.answered(status: 403)), .likely, "refuses this box (403)", "known there"),
            ("wrong path", reach(.answered(status: 404)), .likely, "(404)", "uplink.url"),
            ("storm", reach(.answered(status: 503)), .possible, "answered 503", "wait"),
            ("mute", reach(.noAnswer(reason: "deadline")), .likely, "no answer: deadline", "ask the platform"),
            ("expired", certificate(from: 0, until: now - 1), .certain, "has expired", "new one"),
            ("not yet valid", certificate(from: now + day, until: now + 2 * day), .likely, "not valid yet", "clock"),
            ("expires soon", certificate(from: 0, until: now + 12 * day), .notice, "in 12 days", "no restart"),
            (
                "key gone",
                {
                    $0.certificates = [
                        CertificateState(role: "uplink.key", path: "g.key", condition: .unusable("is missing; enrol"))
                    ]
                }, .certain, "is missing", "enrol"
            ),
            (
                "daemon's own words, where nothing was asked",
                {
                    $0.uplink = UplinkState(
                        url: "https://p:1", reach: nil, condition: "answers_wrongly", problem: "HTML", ledgerQueued: 5)
                }, .possible, "answers wrongly: HTML", "5 ledger records wait"
            ),
            (
                "a broker that lets nothing in",
                { $0.broker = BrokerState(problem: "b:8883 does not let this gateway use x", ledgerQueued: 7) },
                .likely, "b:8883 does not let", "7 ledger records wait"
            ),
        ]
        return rows.map { Case(name: $0.0, change: $0.1, likelihood: $0.2, place: "", what: $0.3, remedy: $0.4) }
    }()

    private static let busCases: [Case] = {
        func lost(_ reasons: [NoDataReason?], silent: [Int64]? = nil) -> @Sendable (inout Findings) throws -> Void {
            { $0.devices = try devices(reasons, silentSeconds: silent) }
        }
        let rows:
            [(String, @Sendable (inout Findings) throws -> Void, Complaint.Likelihood, String, String, String, Int)] = [
                (
                    "all silent", lost([.timeout, .timeout, .timeout]), .likely, "bus bus1", "none of 3",
                    "swap A and B", 1
                ),
                (
                    "all broken", lost([.badFrame, .timeout, .badFrame]), .likely, "bus bus1", "is broken", "120 ohm", 1
                ),
                (
                    "tail", lost([nil, nil, .timeout, .timeout]), .likely, "bus bus1", "unit 3 on",
                    "between M-2 (unit 2)",
                    1
                ),
                (
                    "together", lost([nil, .timeout, .timeout, nil, .timeout, nil], silent: [0, 600, 610, 0, 605, 0]),
                    .likely, "bus bus1", "fell silent together, 10 min ago", "a fuse", 1
                ),
                (
                    "spoiled", lost([nil, .badFrame, .wrongUnit, nil, .badFrame, nil]), .likely, "bus bus1",
                    "come broken: unit 2, 3, 5", "bad joint", 1
                ),
                ("one", lost([nil, .timeout, nil]), .likely, "meter M-2", "does not answer", "check its power", 1),
                ("wrong model", lost([.exception, nil]), .likely, "meter M-1", "refuses", "meterkeep scan", 1),
                (
                    "two with nothing in common", lost([nil, .timeout, nil, .exception, nil]), .likely, "meter M-2",
                    "does not answer", "A and B", 2
                ),
                (
                    "only the asked count", lost([.neverRead, .timeout, .timeout]), .likely, "bus bus1", "none of 2",
                    "plug", 1
                ),
                (
                    "finding of the line",
                    {
                        let bus = try firstBus()
                        $0.lines = [LineState(bus: bus, findings: ["unit 4 answers twice; take one off"])]
                    }, .likely, "bus bus1", "unit 4 answers twice", "take one off", 1
                ),
                ("quarantined", circuits { $0.isQuarantined = true }, .likely, "circuit M-1", "jumped", "replace", 1),
                (
                    "opened elsewhere", circuits { $0.isOpenedElsewhere = true }, .likely, "circuit M-1, M-2",
                    "opened elsewhere", "who opened", 1
                ),
                ("lockout", circuits { $0.rule = "overload" }, .notice, "circuit M-1", "locked out", "release", 1),
                ("lock", circuits { $0.rule = "maintenance_lock" }, .notice, "circuit", "maintenance", "unlock", 1),
                ("forced off", circuits { $0.rule = "forced_off" }, .notice, "circuit", "forced off", "automatic", 1),
                ("waits", circuits { $0.waitsFor = "user" }, .notice, "circuit", "its user", "allow-closing", 1),
                (
                    "recharge in doubt", circuits { $0.doubt = "recharge_unknown" }, .possible, "circuit", "recharge",
                    "uplink", 1
                ),
            ]
        return rows.map {
            Case(name: $0.0, change: $0.1, likelihood: $0.2, place: $0.3, what: $0.4, remedy: $0.5, count: $0.6)
        }
    }()

    private static func circuits(
        _ change: @escaping @Sendable (inout DeviceState) -> Void
    ) -> @Sendable (inout Findings) throws -> Void {
        { findings in
            findings.devices = try devices([nil, nil]).map { device in
                var device = device
                change(&device)
                return device
            }
        }
    }

    @Test("each finding has its complaint", arguments: boxCases + portCases + uplinkCases + busCases)
    func table(_ row: Case) throws {
        var findings = sound()
        try row.change(&findings)
        let complaints = Diagnosis(findings).complaints
        let first = complaints.first
        #expect(complaints.count == row.count, "\(complaints.map { words($0) })")
        #expect(first?.likelihood == row.likelihood, "\(words(first))")
        #expect(first?.place.contains(row.place) == true || row.place.isEmpty, "\(words(first))")
        #expect(first?.what.contains(row.what) == true, "\(words(first))")
        #expect(first?.remedies.contains { $0.contains(row.remedy) } == true, "\(words(first))")
        #expect(Diagnosis(findings).isSound == (row.likelihood == .notice))
    }

    @Test("causes come before their consequences, notices last")
    func order() throws {
        var findings = sound()
        findings.daemon = .silent(socket: "/run/s")
        findings.devices = try devices([nil, .timeout, nil])
        findings.devices[0].rule = "maintenance_lock"
        findings.data = DataState(path: "/data", condition: .readOnly)
        findings.uplink = UplinkState(url: "https://p:1", reach: .answered(status: 503))
        findings.clock = clock(isSynchronised: false, isTrusted: false)
        let shown = Diagnosis(findings).complaints.map { "\($0.likelihood.word) \($0.place)" }
        #expect(
            shown == [
                "certain /data", "likely clock", "likely daemon", "likely meter M-2", "possible https://p:1",
                "notice circuit M-1",
            ])
    }

    @Test("on a clock that is not believed a certificate proves nothing")
    func certificateOnWrongClock() {
        var findings = sound()
        findings.clock = clock(wall: 5_000, isSynchronised: false, isTrusted: false)
        let begins = WallTime(millisecondsSince1970: 1_800_000_000_000)
        let ends = WallTime(millisecondsSince1970: 2_100_000_000_000)
        findings.certificates = [
            CertificateState(role: "uplink.certificate", path: "g.pem", condition: .valid(from: begins, until: ends))
        ]
        #expect(Diagnosis(findings).complaints.map(\.place) == ["clock"])
    }

    @Test("of very many nothing floods the screen")
    func bounded() throws {
        var findings = sound()
        findings.devices = try devices((0..<240).map { $0 % 3 == 0 ? .timeout : nil })
        let complaints = Diagnosis(findings).complaints
        #expect(complaints.count == 9)
        #expect(complaints.last?.what == "72 more devices bring nothing")
    }
}
