public import Metering

/// What happened, by a fixed code that platforms can key on.
public enum EventCode: String, Hashable, Sendable, CaseIterable {
    case daemonStarted = "daemon_started"
    case daemonStopped = "daemon_stopped"
    case siteImported = "site_imported"
    case accountOpened = "account_opened"
    case accountClosed = "account_closed"
    case settingsChanged = "settings_changed"
    case tariffChanged = "tariff_changed"
    case meterReplaced = "meter_replaced"
    case meterAdded = "meter_added"
    case meterRemoved = "meter_removed"
    case operatorModeChanged = "operator_mode_changed"
    case closingAllowed = "closing_allowed"
    case maintenanceLocked = "maintenance_locked"
    case maintenanceReleased = "maintenance_released"
    case forcedOffRefused = "forced_off_refused"
    case commandUnreadable = "command_unreadable"
    case alarmRaised = "alarm_raised"
    case alarmCleared = "alarm_cleared"
    case breakerCommanded = "breaker_commanded"
    case breakerConfirmed = "breaker_confirmed"
    case breakerMismatch = "breaker_mismatch"
    case openedElsewhere = "opened_elsewhere"
    case tamper
    case closedByHand = "closed_by_hand"
    case creditCutWaits = "credit_cut_waits"
    case bypassSuspected = "bypass_suspected"
    case weldedOrBypassed = "welded_or_bypassed"
    case counterBaseline = "counter_baseline"
    case counterQuarantined = "counter_quarantined"
    case counterRecovered = "counter_recovered"
    case counterReleased = "counter_released"
    case overloadTripped = "overload_tripped"
    case overloadCountCleared = "overload_count_cleared"
    case malignantAlarm = "malignant_alarm"
    case malignantTripped = "malignant_tripped"
    case lockoutReleased = "lockout_released"
    case settlementFault = "settlement_fault"
    /// A meter holds another value than it should; the detail names both.
    case settingDiffers = "setting_differs"
    case settingAgrees = "setting_agrees"
    case settingWritten = "setting_written"
    case meterClockSet = "meter_clock_set"
    case meterAddressSet = "meter_address_set"
    case voltageOutOfLimits = "voltage_out_of_limits"
    case voltageInLimits = "voltage_in_limits"
    case phaseImbalance = "phase_imbalance"
    case phasesBalanced = "phases_balanced"
    case reversePower = "reverse_power"
    case forwardPower = "forward_power"
    case doorOpened = "door_opened"
    case doorClosed = "door_closed"
    case powerFailing = "power_failing"
    case powerReturned = "power_returned"
    case resetHeld = "reset_held"
    case meterLost = "meter_lost"
    case meterFound = "meter_found"
    case busLost = "bus_lost"
    case busFound = "bus_found"
    case lineFault = "line_fault"
    case certificateRenewed = "certificate_renewed"
    /// Nine tenths of the certificate's lifetime are over, and no next one came.
    case certificateExpiring = "certificate_expiring"
    case clockTrustChanged = "clock_trust_changed"
    case clockAnchored = "clock_anchored"
    case massCutHeld = "mass_cut_held"
    case massCutConfirmed = "mass_cut_confirmed"
    case readingsEvicted = "readings_evicted"
    /// The platform refused readings; they are in the gateway's own log as long as they are kept.
    case readingsRefused = "readings_refused"
    case telemetryUnusable = "telemetry_unusable"
    case telemetryUsableAgain = "telemetry_usable_again"
    case databaseMovedAside = "database_moved_aside"
    case ledgerRebuilt = "ledger_rebuilt"
    case ledgerRestored = "ledger_restored"
    case ledgerReleased = "ledger_released"
    case ledgerUsableAgain = "ledger_usable_again"
}

/// What an event is about.
public enum EventSubject: Hashable, Sendable, CustomStringConvertible {
    case gateway
    case bus(BusID)
    case meter(MeterID)
    case circuit(CircuitID)
    case account(AccountID)

    /// `gateway`, `bus:b1`, `meter:M-101`, ...
    public var description: String {
        switch self {
        case .gateway: "gateway"
        case .bus(let id): "bus:\(id)"
        case .meter(let id): "meter:\(id)"
        case .circuit(let id): "circuit:\(id)"
        case .account(let id): "account:\(id)"
        }
    }

    /// The inverse of `description`; nil for anything else.
    public init?(name: String) {
        let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts == ["gateway"] {
            self = .gateway
            return
        }
        guard parts.count == 2 else { return nil }
        let subject: EventSubject? =
            switch parts[0] {
            case "bus": BusID(rawValue: parts[1]).map { .bus($0) }
            case "meter": MeterID(rawValue: parts[1]).map { .meter($0) }
            case "circuit": CircuitID(rawValue: parts[1]).map { .circuit($0) }
            case "account": AccountID(rawValue: parts[1]).map { .account($0) }
            default: nil
            }
        guard let subject else { return nil }
        self = subject
    }
}

/// Something that happened, kept in the ledger log for good.
public struct Event: Hashable, Sendable {
    public let code: EventCode
    public let subject: EventSubject
    /// Facts, by name; values are text, integers written as decimal.
    public let detail: [String: String]

    public init(_ code: EventCode, _ subject: EventSubject, _ detail: [String: String] = [:]) {
        self.code = code
        self.subject = subject
        self.detail = detail
    }
}
