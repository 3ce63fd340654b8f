import Commissioning
import Foundation

/// What this box knows of itself.
enum BoxFacts {
    static var identity: BoxIdentity {
        BoxIdentity(serial: serial, host: host, mac: mac)
    }

    /// Of the board; of a PC its vendor's; else what the system was given at its installation.
    private static var serial: String? {
        let places = ["/sys/firmware/devicetree/base/serial-number", "/sys/class/dmi/id/product_serial"]
        for place in places {
            guard let text = text(of: place), text.count >= 4, text.contains(where: { $0.isNumber && $0 != "0" }) else {
                continue
            }
            return text
        }
        return text(of: "/etc/machine-id").map { String($0.prefix(12)) }
    }

    private static var host: String? {
        text(of: "/proc/sys/kernel/hostname")?.split(separator: ".").first.map(String.init)
    }

    private static var mac: String? {
        let folder = "/sys/class/net"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // Virtual interfaces have no device behind them.
        let real = names.sorted().filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/device") }
        return real.lazy.compactMap { text(of: "\(folder)/\($0)/address") }.first { $0 != "00:00:00:00:00:00" }?
            .replacing(":", with: "")
    }

    static var timeZone: String {
        if let name = text(of: "/etc/timezone"), TimeZone(identifier: name) != nil { return name }
        let link = URL(filePath: "/etc/localtime").resolvingSymlinksInPath().path
        if let found = link.range(of: "/zoneinfo/") {
            let name = String(link[found.upperBound...])
            if TimeZone(identifier: name) != nil { return name }
        }
        return "UTC"
    }

    private static func text(of path: String) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        let trimmed = text.trimmingCharacters(in: CharacterSet(charactersIn: "\0").union(.whitespacesAndNewlines))
        return trimmed.isEmpty ? nil : trimmed
    }
}
