import Commissioning
import Foundation
import GatewayIdentity
import Metering
import UplinkProtocol

/// The enrolment of a box that is being set up.
struct SetupEnrolment {
    let plan: SitePlan
    let name: GatewayID

    var isDone: Bool { IdentityFolder(dataPath: plan.data).isEnrolled }

    func code(in wanted: SitePlan.Enrolment) throws(SetupProblem) -> String {
        if let code = wanted.codes[name.rawValue] { return code }
        throw SetupProblem(
            "the site file has no pairing code for \(name); add it under 'enrolment.codes', or call this with --code, or "
                + "later: meterkeep enrol --platform \(wanted.platform)")
    }

    /// - Returns: what to show.
    func run(platform: String, code: String) async throws -> [String] {
        let enrolled = try await Enrolment(
            gateway: name, dataPath: plan.data, url: platform, proxy: plan.uplink?.proxy
        ).run(try PairingCode(code))
        var lines = enrolled.summary
        if let url = plan.uplink?.url, url != enrolled.url {
            lines.append("the platform says that it is at \(enrolled.url); the site says \(url), which is used")
        }
        return lines
    }
}
