public import Metering
public import Prepaid
internal import Storage
public import UplinkProtocol

/// One circuit, as people look at it.
public struct CircuitStatus: Hashable, Sendable {
    public let circuit: CircuitID
    public let meter: MeterID
    public let address: UnitAddress
    public let account: AccountID?
    /// The last reading of this run; nil before the first.
    public let reading: Reading?
    /// Why there is no newer one; nil while the meter answers.
    public let noData: NoDataReason?
    public let balance: Money?
    public let alarm: AlarmLevel?
    /// As last read back; nil before the first.
    public let breaker: BreakerPosition?
    public let breakerAddress: BreakerAddress?
    public var hasBreaker: Bool { breakerAddress != nil }
    public let decision: BreakerDecision?
    public let isQuarantined: Bool
    public let isOpenedElsewhere: Bool
    /// What the wanted move waits for.
    public let waitsFor: MoveWait?
}

/// The whole site at one moment.
public struct SiteStatus: Sendable {
    public let now: Timestamp
    public let circuits: [CircuitStatus]
    /// Devices without a circuit: relay boards.
    public let otherDevices: [SiteMeter]
    public let isLedgerUsable: Bool
    /// Why no money moves until a person has looked at the balances; nil is as usual.
    public let holdReason: String?
    /// Credit cuts that wait for a person's confirmation.
    public let heldCuts: Int
    public let chainHead: ChainHead?
}

extension SiteService {
    public func status() -> SiteStatus {
        let circuits = groups.values.flatMap { group in
            group.circuits.compactMap { state in circuitStatus(state, of: group) }
        }
        let withCircuit = Set(circuits.map(\.meter))
        return SiteStatus(
            now: clock.now(), circuits: circuits.sorted { $0.circuit < $1.circuit },
            otherDevices: meters.values.filter { !withCircuit.contains($0.id) }.sorted { $0.id < $1.id },
            isLedgerUsable: isLedgerUsable, holdReason: ledger.holdReason,
            heldCuts: heldCuts, chainHead: try? ledger.head())
    }

    /// The devices installed on a bus.
    public func devices(on bus: BusID) -> [SiteMeter] { meters.values.filter { $0.address.bus == bus } }

    func circuitStatus(_ state: CircuitState, of group: SupplyGroup) -> CircuitStatus? {
        let circuit = state.circuit
        guard let address = meters[circuit.meter]?.address else { return nil }
        var noData: NoDataReason?
        if case .noData(let reason)? = observations[circuit.meter] { noData = reason }
        let memory = state.reconciler.memory
        return CircuitStatus(
            circuit: circuit.id, meter: circuit.meter, address: address, account: circuit.account,
            reading: lastReadings[circuit.meter], noData: noData, balance: group.liveBalance,
            alarm: group.account?.alarm, breaker: memory.intended == nil ? memory.confirmed : nil,
            breakerAddress: circuit.breaker, decision: state.decision, isQuarantined: state.track.isQuarantined,
            isOpenedElsewhere: memory.isOpenedElsewhere, waitsFor: state.waitsFor)
    }
}
