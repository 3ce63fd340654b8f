public import BusSurvey
public import MeterProfiles
public import Metering

/// What the guided setup wants next.
public enum SetupStep: Hashable, Sendable {
    case ask(SetupQuestion)
    case work(SetupWork)
    case end(SetupEnd)
}

/// One question, for a terminal of 80 columns and 24 lines at most.
public struct SetupQuestion: Hashable, Sendable {
    public enum Name: String, Hashable, Sendable, CaseIterable {
        case gateway, timeZone, usePort, otherPort, wiring, scanRange, keepFound, model, device, breaker, price, alarm,
            opening
        case uplink, pairing, write, selfTest, switchTest
    }

    public let name: Name
    /// `Step 2 of 7: time zone`.
    public let title: String
    /// What is known and what the answer means.
    public let lines: [String]
    public let prompt: String
    /// What an empty answer means; may be empty itself.
    public let usual: String

    public init(_ name: Name, title: String, lines: [String], prompt: String, usual: String) {
        self.name = name
        self.title = title
        self.lines = lines
        self.prompt = prompt
        self.usual = usual
    }
}

/// What has to be done before the next question; its outcome comes back as an event.
public enum SetupWork: Hashable, Sendable {
    case testWiring(port: String)
    /// In these formats, the likeliest first; empty: all usual ones.
    case scan(port: String, formats: [SerialFormat], addresses: String)
    /// Puts the files there and checks them.
    case write(SitePlan)
    /// With a pairing code; then the files are written once more.
    case enrol(platform: String, code: String)
    /// Starts the daemon where none runs, imports, looks at everything, and writes the report.
    case selfTest(switching: CircuitID?)
}

/// How the guided setup ended.
public enum SetupEnd: Hashable, Sendable {
    /// The answers are kept; the next call goes on with them.
    case interrupted
    case done
}

/// What happened.
public enum SetupEvent: Hashable, Sendable {
    case answer(String)
    case wiring(WiringDiagnosis)
    case found([FoundDevice])
    case written([String])
    case enrolled([String])
    /// The lines to show.
    case tested([String])
    /// The work could not be done: where, what, what to do.
    case failed(String)
}
