private import Metering

/// Rules about the way upstream, and about money.
extension Diagnosis {
    private static let millisecondsOfADay: Int64 = 86_400_000
    private static let daysOfNotice: Int64 = 30

    static func moneyComplaints(_ findings: Findings) -> [Complaint] {
        guard let money = findings.money else { return [] }
        var complaints: [Complaint] = []
        if !money.isLedgerUsable {
            complaints.append(
                Complaint(
                    .certain, "ledger", "it cannot be written: nothing is billed, breakers are held",
                    [
                        "make room on the disk, or mend it; the daemon goes on by itself",
                        "its own words: journalctl -u meterkeepd -p err -n 20",
                    ]))
        }
        if let reason = money.heldBecause {
            complaints.append(
                Complaint(
                    .certain, "ledger", "all money is held: the ledger was \(reason)",
                    ["compare the balances with the platform, then: meterkeep ledger release"]))
        }
        if money.heldCuts > 0 {
            complaints.append(
                Complaint(
                    .likely, "breakers", "\(money.heldCuts) credit cuts wait: too many fell due at once",
                    [
                        "look whether prices, balances and the clock are right",
                        "if they are: meterkeep confirm-cuts",
                    ]))
        }
        return complaints
    }

    static func telemetryComplaints(_ findings: Findings) -> [Complaint] {
        guard let problem = findings.telemetryProblem else { return [] }
        return [
            Complaint(
                .certain, "readings",
                "they cannot be written, and wait in memory; money and breakers go on: \(problem)",
                [
                    "make room on the disk, or mend it; the daemon goes on by itself",
                    "look for a failing disk: dmesg | grep -i 'error\\|remount'",
                ])
        ]
    }

    static func certificateComplaints(_ findings: Findings) -> [Complaint] {
        findings.certificates.compactMap { certificate in
            let place = "\(certificate.role), \(certificate.path)"
            switch certificate.condition {
            case .unusable(let words):
                return Complaint(
                    .certain, place, words,
                    ["enrol the gateway at the platform, or copy the file that was lost (docs/operations.md, 6)"])
            case .valid(let from, let until):
                // On a clock that is not believed its dates prove nothing.
                guard let clock = findings.clock, clock.wall >= clock.earliestPresent else { return nil }
                if clock.wall >= until {
                    return Complaint(
                        .certain, place, "it has expired",
                        ["get a new one from the platform and put it there; the daemon takes it without a restart"])
                }
                if clock.wall < from {
                    return Complaint(
                        .likely, place, "it is not valid yet",
                        ["check the box's clock", "ask the platform when its certificates begin"])
                }
                let days = (until.millisecondsSince1970 - clock.wall.millisecondsSince1970) / millisecondsOfADay
                guard days < daysOfNotice else { return nil }
                return Complaint(
                    .notice, place, "it expires in \(days) days",
                    ["get a new one from the platform; put it there, no restart is needed"])
            }
        }
    }

    static func uplinkComplaints(_ findings: Findings) -> [Complaint] {
        guard let uplink = findings.uplink else { return [] }
        return wayComplaints(uplink) + withheldComplaints(uplink)
    }

    static func brokerComplaints(_ findings: Findings) -> [Complaint] {
        guard let broker = findings.broker, let problem = broker.problem else { return [] }
        return [
            Complaint(
                .likely, "mqtt", problem,
                [
                    kept(broker.ledgerQueued),
                    "what it says of each attempt: journalctl -u meterkeepd -n 50",
                ])
        ]
    }

    private static func wayComplaints(_ uplink: UplinkState) -> [Complaint] {
        if let reach = uplink.reach {
            let complaints = complaints(uplink, reach)
            // It may answer, and still take nothing.
            return complaints.isEmpty ? refusalComplaints(uplink) : complaints
        }
        guard let condition = uplink.condition, condition != "up", condition != "idle", condition != "off" else {
            return []
        }
        return [
            Complaint(
                .possible, uplink.url,
                "the platform is \(condition.split(separator: "_").joined(separator: " "))"
                    + (uplink.problem.map { ": \($0)" } ?? ""),
                [kept(uplink.ledgerQueued)])
        ]
    }

    private static func kept(_ ledgerQueued: Int64?) -> String {
        let what = ledgerQueued.map { "\($0) ledger records wait and are" } ?? "what waits is"
        return "\(what) kept; nothing is lost meanwhile"
    }

    private static func refusalComplaints(_ uplink: UplinkState) -> [Complaint] {
        guard uplink.condition == "refused" || uplink.condition == "answers_wrongly" else { return [] }
        let problem = uplink.problem ?? "it does not say why"
        var remedies = [kept(uplink.ledgerQueued)]
        if problem.contains("answered 409") {
            remedies += [
                "if it says that it expected an earlier record, it was put back to an older state: "
                    + "meterkeep ledger resend --from THAT-RECORD",
                "if it says that a record was another one before, this box's ledger was put back by hand: compare "
                    + "the balances, then put a backup back with meterkeep restore, which begins a new epoch",
            ]
        } else {
            remedies.append("tell the platform what it answers")
        }
        return [Complaint(.likely, uplink.url, "the platform does not take this box's records: \(problem)", remedies)]
    }

    private static func withheldComplaints(_ uplink: UplinkState) -> [Complaint] {
        guard uplink.ledgerWithheld > 0 else { return [] }
        return [
            Complaint(
                .certain, uplink.url,
                "the platform refused \(uplink.ledgerWithheld) ledger records: it lacks their content",
                [
                    "which, and why: meterkeep ledger withheld",
                    "once the platform was mended: meterkeep ledger withheld --offer; they are offered every hour too",
                ])
        ]
    }

    private static func complaints(_ uplink: UplinkState, _ reach: UplinkReach) -> [Complaint] {
        let throughProxy = uplink.proxy.map { ["check the proxy \($0)"] } ?? []
        func complaint(_ what: String, _ remedies: [String]) -> [Complaint] {
            [Complaint(.likely, uplink.url, what, remedies)]
        }
        switch reach {
        case .nameUnknown(let host):
            return complaint(
                "the name \(host) leads nowhere",
                [
                    "check the network cable, SIM or Wi-Fi: ip addr; ip route",
                    "check the name server: resolvectl status, or cat /etc/resolv.conf",
                    "correct 'uplink.url' if the name is misspelt",
                ])
        case .unreachable(let reason):
            return complaint(
                "no connection: \(reason)",
                throughProxy + [
                    "check the network: ip route; ping the router",
                    "let outgoing connections to this port through the firewall",
                    "ask the platform whether it is up",
                ])
        case .tlsRefused(let reason): return complaint("no trust: \(reason)", tlsRemedies(reason))
        case .noAnswer(let reason):
            return complaint(
                "connected, but no answer: \(reason)", throughProxy + ["ask the platform whether it is up"])
        case .strangeAnswer(let reason):
            return complaint(
                "whoever answers there is no platform: \(reason)",
                ["a captive portal stands between: log in there, or ask the network's owner", "correct 'uplink.url'"])
        case .answered(let status): return complaints(uplink, status: status)
        }
    }

    private static func tlsRemedies(_ reason: String) -> [String] {
        let word = reason.lowercased()
        if word.contains("expired") {
            return ["check the box's clock", "one of the certificates has expired: see above, or ask the platform"]
        }
        if word.contains("hostname") || word.contains("validate") {
            return ["the platform's certificate is for another name; correct 'uplink.url'"]
        }
        if word.contains("version") || word.contains("protocol") {
            return ["the platform speaks an older TLS; write 'minimum_tls: \"1.2\"', or have it updated"]
        }
        if word.contains("alert") {
            return ["the platform does not take this box's certificate; enrol it again", "check the box's clock"]
        }
        return [
            "somebody else answers: a captive portal or a proxy that looks inside; ask the network's owner",
            "'uplink.authority' is not the one that signed the platform's certificate; ask the platform for it",
            "check the box's clock",
        ]
    }

    private static func complaints(_ uplink: UplinkState, status: Int) -> [Complaint] {
        switch status {
        case 200..<300: []
        case 401, 403:
            [
                Complaint(
                    .likely, uplink.url, "the platform refuses this box (\(status))",
                    [
                        "check that the gateway is known there under the name in gateway.yaml",
                        "its certificate may have been revoked; enrol it again",
                    ])
            ]
        case 300..<400:
            [
                Complaint(
                    .likely, uplink.url, "somebody sends us elsewhere (\(status)); a platform never does",
                    ["a captive portal stands between: log in there, or ask the network's owner"])
            ]
        case 404:
            [
                Complaint(
                    .likely, uplink.url, "there is no platform at this address (404)",
                    ["correct 'uplink.url': scheme, host and port, without a path"])
            ]
        default:
            [
                Complaint(
                    .possible, uplink.url, "the platform answered \(status)",
                    ["wait: all is kept and sent again", "if it stays so, tell the platform"])
            ]
        }
    }
}
