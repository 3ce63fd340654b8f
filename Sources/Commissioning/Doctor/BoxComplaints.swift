private import BusSurvey
private import Metering

/// Rules about the box itself: its files, its clock, its ports, its daemon.
extension Diagnosis {
    static func configurationComplaints(_ findings: Findings) -> [Complaint] {
        switch findings.configuration {
        case .sound: []
        case .absent(let path):
            [
                Complaint(
                    .certain, path, "there is no configuration",
                    ["make one: meterkeep setup", "or name another with --config"])
            ]
        case .wrong(let path, let problems):
            [
                Complaint(
                    .certain, path, "the configuration is wrong; the daemon does not start with it",
                    problems.prefix(mostOfAKind) + ["then: meterkeepd --check --config \(path)"])
            ]
        }
    }

    private static let leastFreeBytes: Int64 = 64 * 1024 * 1024
    private static let fewFreeBytes: Int64 = 512 * 1024 * 1024
    private static let leastFreeInodes: Int64 = 100

    static func dataComplaints(_ findings: Findings) -> [Complaint] {
        guard let data = findings.data else { return [] }
        var complaints: [Complaint] = []
        func add(_ likelihood: Complaint.Likelihood, _ what: String, _ remedies: [String]) {
            complaints.append(Complaint(likelihood, data.path, what, remedies))
        }
        switch data.condition {
        case .sound, .absent: break
        case .parentAbsent:
            add(.certain, "its parent directory does not exist", ["correct 'data' in gateway.yaml, or make it"])
        case .notPermitted:
            add(
                .certain, "the data directory may not be used",
                ["run this as root, or as the daemon's user", "give it to the daemon's user: chown -R"])
        case .readOnly:
            add(
                .certain, "the file system is read-only: money cannot be recorded, breakers are held",
                [
                    "look for a failing disk: dmesg | grep -i 'error\\|remount'",
                    "copy the ledger off the box, then replace the card or disk (docs/operations.md, 5)",
                ])
        case .ledgerUnreadable(let reason):
            add(
                .certain, "the ledger cannot be read: \(reason)",
                [
                    "start the daemon: it moves a damaged file aside and rebuilds what can be read",
                    "then compare the balances with the platform: meterkeep status",
                ])
        }
        if let free = data.freeBytes, free < fewFreeBytes {
            let isFull = free < leastFreeBytes
            add(
                isFull ? .certain : .notice, "only \(free / (1024 * 1024)) MiB are free",
                [
                    "find what is large: du -xh --max-depth=2 / | sort -h | tail",
                    "limit the journal: journalctl --vacuum-size=50M",
                    "readings that nobody fetched fill the disk: bring the uplink back",
                ])
        }
        if let inodes = data.freeInodes, inodes < leastFreeInodes {
            add(.certain, "only \(inodes) files more can be made", ["find a folder with very many files and clear it"])
        }
        return complaints
    }

    /// What was kept after damage is worth a look some day.
    static func keepsakeComplaints(_ findings: Findings) -> [Complaint] {
        guard let data = findings.data, !data.movedAside.isEmpty else { return [] }
        return [
            Complaint(
                .notice, data.path, "files from before a damage or a restore were kept: \(list(data.movedAside))",
                [
                    "keep them until the balances are agreed with the platform; then copy them off the box and remove them"
                ])
        ]
    }

    static func clockComplaints(_ findings: Findings) -> [Complaint] {
        guard let clock = findings.clock else { return [] }
        let remedies = [
            "look at the time source: timedatectl, or chronyc sources",
            "let the box reach a time server (UDP 123), or name the site's own",
            "after a power cut: check or replace the battery of its clock",
        ]
        if clock.wall < clock.earliestPresent {
            return [
                Complaint(
                    .certain, "clock",
                    "it shows a time that has passed already; certificates seem not valid yet, timers rest",
                    ["put it forward at once: meterkeep raise-clock"] + remedies)
            ]
        }
        if clock.isTrusted == false || (clock.isTrusted == nil && !clock.isSynchronised && !clock.isAssumed) {
            return [
                Complaint(
                    .likely, "clock", "no time source sets it, so it is not believed; timers and tariff periods rest",
                    remedies)
            ]
        }
        if clock.isAssumed, !clock.isSynchronised {
            return [
                Complaint(
                    .notice, "clock", "it is believed though no time source sets it ('clock: assumed')",
                    ["on a real site write 'clock: kernel'"])
            ]
        }
        return []
    }

    static func portComplaints(_ findings: Findings) -> [Complaint] {
        findings.ports.compactMap { port in
            func complaint(_ what: String, _ remedies: [String]) -> Complaint {
                Complaint(.certain, "bus \(port.bus), \(port.path)", what, remedies)
            }
            let spares = port.spares.isEmpty ? [] : ["or it is one of these now: \(list(port.spares)); correct 'port'"]
            switch port.condition {
            case .usable, .inUse: return nil
            case .absent:
                return complaint(
                    "the port does not exist",
                    ["plug the adapter in, or into the socket it was in"] + spares
                        + ["look whether it is seen at all: dmesg | grep -i tty"])
            case .busy(let holder):
                return complaint(
                    "another program has the port" + (holder.map { ": \($0)" } ?? ""),
                    [
                        "end that program, and keep it from starting again",
                        "where it is ModemManager or brltty: remove it from a box that needs no modem",
                    ])
            case .notPermitted:
                return complaint(
                    "the port may not be opened",
                    ["add the daemon's user to the group dialout, then start it anew", "or run this command as root"])
            case .notSerial: return complaint("this is no serial port", spares + ["correct 'port' in gateway.yaml"])
            case .other(let reason) where InstallerWords.isInNetwork(port.path):
                return complaint(
                    "the converter cannot be reached: \(reason)",
                    [
                        "check the converter's power, its network cable and the switch between: their lights",
                        "compare its address and port with 'port' in gateway.yaml; it may have got another by DHCP",
                        "look whether another program holds its only connection",
                    ])
            case .other(let reason):
                return complaint("the port cannot be used: \(reason)", ["plug the adapter in again", "try another"])
            }
        }
    }

    static func daemonComplaints(_ findings: Findings) -> [Complaint] {
        switch findings.daemon {
        case .answers: return []
        case .notPermitted(let socket):
            return [
                Complaint(
                    .likely, socket, "the daemon runs, but you may not ask it",
                    ["run this as root, or as a member of the group of \(socket)"])
            ]
        case .silent(let socket):
            // What keeps it from starting is named already.
            guard case .sound = findings.configuration else { return [] }
            return [
                Complaint(
                    .likely, "daemon", "it does not run: nobody listens at \(socket)",
                    [
                        "start it: systemctl start meterkeepd",
                        "if it ends again, its last words say why: journalctl -u meterkeepd -n 30",
                        "if it runs elsewhere, name its socket with --socket",
                    ])
            ]
        }
    }

    static func list(_ words: [String]) -> String {
        let shown = words.prefix(mostOfAKind).joined(separator: ", ")
        return words.count > mostOfAKind ? "\(shown) and \(words.count - mostOfAKind) more" : shown
    }
}
