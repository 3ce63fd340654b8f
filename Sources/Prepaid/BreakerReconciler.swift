public import Metering

/// What is kept about a circuit's breaker over restarts. Committed before every write.
public struct BreakerMemory: Hashable, Sendable {
    public var mode: OperatorMode
    public var isMaintenanceLocked: Bool
    /// The safety lockout in force, of the two below.
    public var lockout: Lockout?
    public var overload: ProtectionLockout
    public var malignant: ProtectionLockout
    /// The position last ordered and not yet confirmed by a read-back.
    public var intended: BreakerPosition?
    /// The position last seen by a read-back.
    public var confirmed: BreakerPosition?
    /// Found open without our opening: not closed again until a person says so.
    public var isOpenedElsewhere: Bool
    /// The low-balance reminder of the alarm 2 in force was made.
    public var isReminderDone: Bool
    /// The timer window last acted on.
    public var timerWindow: TimerWindow?

    public init(
        mode: OperatorMode = .automatic, isMaintenanceLocked: Bool = false, lockout: Lockout? = nil,
        intended: BreakerPosition? = nil, confirmed: BreakerPosition? = nil, isOpenedElsewhere: Bool = false,
        isReminderDone: Bool = false, timerWindow: TimerWindow? = nil,
        overload: ProtectionLockout = ProtectionLockout(), malignant: ProtectionLockout = ProtectionLockout()
    ) {
        self.mode = mode
        self.isMaintenanceLocked = isMaintenanceLocked
        self.lockout = lockout
        self.intended = intended
        self.confirmed = confirmed
        self.isOpenedElsewhere = isOpenedElsewhere
        self.isReminderDone = isReminderDone
        self.timerWindow = timerWindow
        self.overload = overload
        self.malignant = malignant
    }
}

/// What reconciling asks for.
public enum ReconcileAction: Hashable, Sendable {
    case none
    /// The new intention is committed first; then the position is written and read back.
    case write(BreakerPosition)
}

/// Something that reconciling noticed.
public enum ReconcileNotice: Hashable, Sendable {
    case confirmed(BreakerPosition)
    case openedElsewhere
    case tamper
    /// Closed by hand where the rules wait for just that.
    case closedByHand
    /// The device does not take the position after this many tries; it is tried again every ten minutes.
    case mismatch(wanted: BreakerPosition, tries: Int)
}

/// Compares the wanted with the observed position at every poll and says what to do: level-triggered,
/// so that a crash between decision and write loses nothing.
public struct BreakerReconciler: Hashable, Sendable {
    public internal(set) var memory: BreakerMemory
    public var rules: SwitchingRules
    /// An order is under way: no other one before its end is known.
    public private(set) var isWriting = false
    /// A position was read after the last order ended: what the device says now is what the order left.
    private var isOutcomeSeen = false
    private var tries = 0
    private var isSlow = false
    private var notBefore: MonotonicTime?
    private var hasReportedMismatch = false
    /// The device was away, or this program was: it may have powered up since its position was last read.
    private var mayHavePoweredUp = true
    private var travelsUntil: MonotonicTime?

    /// Writes in a row before the slow retry.
    public static let quickTries = 3
    public static let slowRetry: Duration = .seconds(600)

    public init(memory: BreakerMemory, rules: SwitchingRules = .standard) {
        self.memory = memory
        self.rules = rules
    }

    /// Takes a position read from the device.
    /// - Parameter expectsClosing: the rules want it closed and wait for a person to do it.
    public mutating func observe(_ position: BreakerPosition, expectsClosing: Bool = false) -> [ReconcileNotice] {
        defer {
            memory.confirmed = position
            mayHavePoweredUp = false
        }
        if !isWriting { isOutcomeSeen = true }
        if memory.intended == position {
            memory.intended = nil
            settle()
            return [.confirmed(position)]
        }
        guard let confirmed = memory.confirmed, confirmed != position else { return [] }
        // A write of unknown outcome may have been taken and undone: only an unasked move is foreign.
        guard memory.intended == nil else { return [] }
        settle()
        if mayHavePoweredUp, position == rules.powerUp { return [] }
        if position == .open {
            memory.isOpenedElsewhere = true
            return [.openedElsewhere]
        }
        memory.isOpenedElsewhere = false
        return [expectsClosing ? .closedByHand : .tamper]
    }

    /// What to do now to bring the breaker where it is wanted.
    public mutating func reconcile(want: BreakerWant, now: MonotonicTime) -> (ReconcileAction, [ReconcileNotice]) {
        guard !isWriting, let observed = memory.confirmed, let wanted = want.position else { return (.none, []) }
        if wanted == observed {
            // An order whose outcome is not seen yet may still have moved the breaker: were it forgotten
            // here, our own move would look like someone else's.
            guard memory.intended == nil || (isOutcomeSeen && !isTravelling(now)) else { return (.none, []) }
            memory.intended = nil
            settle()
            return (.none, [])
        }
        if wanted == .closed, memory.isOpenedElsewhere { return (.none, []) }
        if let notBefore, now < notBefore { return (.none, []) }
        if memory.intended == wanted, isTravelling(now) { return (.none, []) }
        if !isSlow, tries >= Self.quickTries {
            isSlow = true
            notBefore = now + Self.slowRetry
            defer { hasReportedMismatch = true }
            return (.none, hasReportedMismatch ? [] : [.mismatch(wanted: wanted, tries: tries)])
        }
        tries += 1
        notBefore = isSlow ? now + Self.slowRetry : nil
        memory.intended = wanted
        isOutcomeSeen = false
        isWriting = true
        travelsUntil = now + rules.travelTime
        return (.write(wanted), [])
    }

    /// When the next try is due that waits for its time; nil where none does.
    var nextTry: MonotonicTime? {
        guard !isWriting, memory.confirmed != nil else { return nil }
        return notBefore ?? (memory.intended == nil ? nil : travelsUntil)
    }

    /// The order that `reconcile` gave has ended, well or badly. What it did is known from the next
    /// observed position only.
    public mutating func writeEnded() { isWriting = false }

    /// The device came back: what waited for the slow retry is tried at once.
    public mutating func deviceReturned() {
        mayHavePoweredUp = true
        tries = 0
        isSlow = false
        notBefore = nil
    }

    /// A person allows the breaker to be closed again.
    public mutating func releaseOpenedElsewhere() { memory.isOpenedElsewhere = false }

    public mutating func set(mode: OperatorMode) { memory.mode = mode }
    public mutating func set(isMaintenanceLocked: Bool) { memory.isMaintenanceLocked = isMaintenanceLocked }
    public mutating func set(lockout: Lockout?) { memory.lockout = lockout }

    private func isTravelling(_ now: MonotonicTime) -> Bool { travelsUntil.map { now < $0 } ?? false }

    private mutating func settle() {
        travelsUntil = nil
        tries = 0
        isSlow = false
        notBefore = nil
        hasReportedMismatch = false
    }
}

extension BreakerWant {
    /// Nil for hold.
    public var position: BreakerPosition? {
        switch self {
        case .open: .open
        case .closed: .closed
        case .hold: nil
        }
    }
}
