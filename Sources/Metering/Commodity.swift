/// What is sold, with the unit it is counted and priced in.
public enum Commodity: String, Hashable, Sendable, CaseIterable {
    /// Counted in Wh, priced per kWh.
    case electricity
    /// Counted in litres, priced per m³.
    case water
}
