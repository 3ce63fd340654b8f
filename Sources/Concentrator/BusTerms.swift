public import MeterProfiles
public import Metering

/// What a configuration says of every bus alike.
public struct BusTerms: Sendable {
    public let periods: PollSchedule.Periods
    public let profiles: ProfileLibrary

    public init(periods: PollSchedule.Periods, profiles: ProfileLibrary) {
        self.periods = periods
        self.profiles = profiles
    }
}
