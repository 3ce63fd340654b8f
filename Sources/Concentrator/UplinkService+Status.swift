internal import Logging
internal import Metering
private import Synchronization
internal import UplinkHTTP
internal import UplinkProtocol

/// What people and lights are told of the way upstream.
extension UplinkService {
    struct State {
        /// How each lane's last attempt ended, and what was wrong with it.
        var lanes: [Lane: (condition: UplinkCondition, problem: String?)] = [:]
        /// What is wrong beside the lanes.
        var problem: String?
        var refusedReadings: Int64 = 0
        /// How often the ledger's cursor was put back.
        var rewinds = 0
    }

    var rewindCount: Int { state.withLock { $0.rewinds } }

    /// How it is now.
    func status() async -> UplinkStatus {
        var status = state.withLock { state in
            // The worst: one lane that goes says nothing of the others.
            let worst = state.lanes.values.max { $0.condition.gravity < $1.condition.gravity }
            var status = UplinkStatus()
            status.condition = (worst?.condition ?? .idle).rawValue
            status.problem = worst?.problem ?? state.problem
            status.telemetryRefused = state.refusedReadings
            return status
        }
        if let problem = client.certificateProblem { status.problem = problem.description }
        status.ledgerQueued = await site.queued(for: Self.consumer)
        status.ledgerWithheld = await site.withheldCount()
        status.telemetryQueued = await telemetry.queued(for: Self.consumer)
        return status
    }

    func note(_ outcome: SendOutcome, of lane: Lane, condition: UplinkCondition) {
        let problem = problem(outcome)
        let changed = state.withLock { state in
            defer {
                state.lanes[lane] = (condition, problem)
                if problem == nil { state.problem = nil }
            }
            return state.lanes[lane]?.condition != condition
        }
        guard changed else { return }
        let metadata: Logger.Metadata = ["lane": "\(lane.rawValue)"]
        if let problem {
            logger.warning(
                "nothing goes upstream; records wait",
                metadata: metadata.merging(["reason": "\(problem)"]) { _, new in new })
        } else {
            logger.info("records go upstream", metadata: metadata)
        }
    }

    func problem(_ outcome: SendOutcome) -> String? {
        switch outcome {
        case .acknowledged: nil
        case .invalidAnswer: "the answer is no acknowledgement"
        case .status(let code, _): "the platform answered \(code)" + (client.lastRefusal.map { ": \($0)" } ?? "")
        case .noAnswer(let reason): reason
        }
    }

    func note(problem: String) { state.withLock { $0.problem = problem } }
}

extension UplinkCondition {
    /// The higher, the more a person should know of it.
    fileprivate var gravity: Int {
        switch self {
        case .idle: 0
        case .up: 1
        case .unreachable: 2
        case .answersWrongly: 3
        case .refused: 4
        }
    }
}
