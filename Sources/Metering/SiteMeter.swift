/// A device on a bus, as it was installed: a meter, or a relay board.
public struct SiteMeter: Hashable, Sendable {
    public let id: MeterID
    public let address: UnitAddress
    /// The id of its profile.
    public let profile: String

    public init(id: MeterID, address: UnitAddress, profile: String) {
        self.id = id
        self.address = address
        self.profile = profile
    }
}
