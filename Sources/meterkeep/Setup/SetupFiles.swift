import Commissioning
import Concentrator
import ConfigurationReader
import Foundation
import MeterProfiles
import Metering
import Storage
import UplinkHTTP

/// The files that a setup makes, beside one another. What is there already is never changed.
struct SetupFiles {
    /// Where `gateway.yaml` is to be.
    let configurationPath: String

    private var folder: String { URL(filePath: configurationPath).deletingLastPathComponent().path }
    var sitePath: String { "\(folder)/site.yaml" }
    var importPath: String { "\(folder)/meters.csv" }
    private var progressPath: String { "\(folder)/setup-progress.yaml" }

    /// Puts the files there and checks them as the daemon would.
    /// - Returns: what to show.
    func write(_ plan: SitePlan, identity: BoxIdentity) throws -> [String] {
        let name = try identity.name(from: plan.gateway)
        let isEnrolled = plan.uplink == nil || isUsable(plan.configuration(name: name, isEnrolled: true))
        let text = plan.configuration(name: name, isEnrolled: isEnrolled)
        // Checked before anything is made: a file that is wrong helps nobody.
        let configuration = try GatewayConfiguration(file: configurationPath, text: text)
        let profiles = try ProfileFolder.load(configuration.profilesPath)
        _ = try SiteImport(
            file: importPath, text: plan.importFile, profiles: profiles, buses: Set(configuration.buses.map(\.id)))
        var lines = [
            // What this very plan led to before its enrolment was made here and may go.
            try put(text, at: configurationPath, over: plan.configuration(name: name, isEnrolled: false)),
            try put(plan.importFile, at: importPath),
            try put(plan.siteFile, at: sitePath),
        ]
        if !isEnrolled {
            lines.append("The platform's certificates are missing (meterkeep enrol): its section is a comment still.")
        }
        do { _ = try CheckReport(configuration) } catch {
            lines.append("Still to be mended before the daemon starts: \(error)")
        }
        return lines
    }

    /// Whether the configuration that is there is this plan's, and not one that was there before.
    func isInPlace(_ plan: SitePlan, identity: BoxIdentity) throws -> Bool {
        let name = try identity.name(from: plan.gateway)
        let present = try? String(contentsOfFile: configurationPath, encoding: .utf8)
        return [true, false].contains { present == plan.configuration(name: name, isEnrolled: $0) }
    }

    /// - Parameter own: what may be replaced.
    /// - Returns: where it was put: beside a file of that name that says something else.
    private func put(_ text: String, at path: String, over own: String? = nil) throws -> String {
        let present = try? String(contentsOfFile: path, encoding: .utf8)
        if present == text { return "\(path): unchanged" }
        let isFree = present == nil || present == own
        let place = isFree ? path : "\(path).new"
        do { try DurableFile.replace(place, with: Array(text.utf8)) } catch {
            throw GatewayProblem.device("\(error); run this as root, or choose another place with --config")
        }
        letDaemonRead(place)
        return isFree ? "\(place): written" : "\(place): written; \(path) is there already and stays"
    }

    /// The service runs under a user of its own, whose group the package makes; without it everybody may read.
    private func letDaemonRead(_ path: String) {
        if let group = getgrnam("meterkeep"), chown(path, uid_t.max, group.pointee.gr_gid) == 0 { return }
        chmod(path, 0o644)
    }

    /// The platform's section stands with certificates that are there.
    private func isUsable(_ text: String) -> Bool {
        guard let configuration = try? GatewayConfiguration(file: configurationPath, text: text),
            let platform = configuration.platform
        else { return false }
        return (try? PlatformClient.check(platform)) != nil
    }

    // MARK: - Progress

    /// The answers so far, and how far they lead.
    struct Progress {
        let plan: SitePlan
        let stage: SetupConversation.Stage
        let leftOut: Set<String>
    }

    private static let stageMark = "# stage: "
    private static let leftOutMark = "# left out: "

    var progress: Progress? {
        guard let text = try? String(contentsOfFile: progressPath, encoding: .utf8),
            let plan = try? SitePlan(file: progressPath, text: text, isDraft: true)
        else { return nil }
        let lines = text.split(separator: "\n")
        func marked(_ mark: String) -> [String] {
            lines.filter { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
        }
        guard let stage = marked(Self.stageMark).first.flatMap(SetupConversation.Stage.init(rawValue:)) else {
            return nil
        }
        return Progress(plan: plan, stage: stage, leftOut: Set(marked(Self.leftOutMark)))
    }

    func keep(_ conversation: SetupConversation) throws {
        guard !conversation.plan.gateway.isEmpty else { return }
        let marks =
            ["\(Self.stageMark)\(conversation.stage.rawValue)"]
            + conversation.leftOut.sorted().map { Self.leftOutMark + $0 }
        let text = marks.joined(separator: "\n") + "\n" + conversation.plan.siteFile
        do { try DurableFile.replace(progressPath, with: Array(text.utf8)) } catch {
            throw GatewayProblem.device("\(error); run this as root, or choose another place with --config")
        }
    }

    func forgetProgress() { try? FileManager.default.removeItem(atPath: progressPath) }
}
