internal import Logging
internal import MeterProfiles
internal import Metering
internal import Prepaid
internal import Storage

extension SiteService {
    /// Takes what a bus reports.
    func take(_ report: BusReport) async {
        await follow(report)
        direct()
    }

    private func follow(_ report: BusReport) async {
        switch report {
        case .answered(let meter, let values, let positions, let now):
            await takeAnswer(of: meter, values: values, positions: positions, now: now)
        case .failed(let meter, let reason, let now):
            observations[meter] = .noData(reason)
            heard(meter, code: reason.rawValue, at: now)
        case .lost(let meter, let now): note(Event(.meterLost, .meter(meter), ["reason": reason(of: meter)]), at: now)
        case .found(let meter, let now):
            note(Event(.meterFound, .meter(meter)), at: now)
            checkSoon(meter)
            for (breaker, circuit) in circuitOfBreaker where breaker.device == meters[meter]?.address {
                if let key = groupOfCircuit[circuit] { groups[key]?.deviceReturned(of: circuit) }
            }
        case .orderEnded(let order, let position, let now):
            guard let key = groupOfCircuit[order.circuit] else { return }
            change(key, now: now, ended: order.circuit) { group, site in
                group.orderEnded(order.circuit, readBack: position, now: now, site: site)
            }
        case .learned(let meter, let profile, let holes):
            await telemetry.keep(StoredHoles(meter: meter.rawValue, profile: profile, holes: holes.text))
        case .finding(let bus, let finding, let now):
            noteRepeating(
                Event(
                    .lineFault, .bus(bus),
                    ["fault": finding.code, "unit": String(finding.unit), "advice": finding.description]), at: now)
        case .boardRelays(let positions, let now): take(positions, of: .board, now: now)
        case .noted(let event, let now): noteRepeating(event, at: now)
        case .busLost(let bus, let reason, let now): note(Event(.busLost, .bus(bus), ["reason": reason]), at: now)
        case .busFound(let bus, let now):
            note(Event(.busFound, .bus(bus)), at: now)
            for meter in meters.values where meter.address.bus == bus { checkSoon(meter.id) }
            for (breaker, circuit) in circuitOfBreaker where breaker.device.bus == bus {
                if let key = groupOfCircuit[circuit] { groups[key]?.deviceReturned(of: circuit) }
            }
        }
    }

    /// Looks at what time alone may have changed: staleness, windows, retries, the end of the day.
    func tick() {
        let now = clock.now()
        let isTimeNew = noteClock(clock.takeNotice(), at: now)
        for event in coalescer.due(now: now.monotonic) { note(event, at: now) }
        tellLosses(at: now)
        tellBuses(ofBoundaryAfter: now)
        let today = now.trust == .untrusted ? nil : zone.day(containing: now.wall)
        if let today { settleDays(before: today, now: now) }
        probeLedger(at: now)
        let isAllDue = isTimeNew || lookedWithLedger != mayMoveMoney
        lookedWithLedger = mayMoveMoney
        for key in groups.keys.sorted() where isAllDue || nextLooks[key].map({ $0 <= now.monotonic }) ?? false {
            change(key, now: now) { group, site in group.tick(now: now, site: site) }
        }
        answerReads(at: now)
        direct()
    }

    /// Has telemetry follow the meters that a command has left.
    func tellTelemetry() async {
        guard followsOthers else { return }
        followsOthers = false
        await telemetry.follow(Set(circuitOfMeter.keys), at: clock.now())
    }

    /// Has every device read close to the next moment at which a price or the day changes: what was used is
    /// split between the readings on both sides of it.
    private func tellBuses(ofBoundaryAfter now: Timestamp) {
        guard now.trust != .untrusted else { return }
        if let told = toldBoundary, now.wall < told, told <= now.wall + Self.boundaryOutlook { return }
        let tomorrow = CivilDate(daysSince1970: zone.day(containing: now.wall).daysSince1970 + 1)
        var next = zone.startOfDay(tomorrow)
        for group in groups.values {
            guard let tariff = group.account?.tariff else { continue }
            next = min(next, tariff.nextBoundary(after: now.wall, zone: zone).at)
        }
        guard next > now.wall, next <= now.wall + Self.boundaryOutlook else { return }
        toldBoundary = next
        for mailbox in mailboxes.values { mailbox.setBoundary(now.monotonic + (next - now.wall)) }
    }

    /// Posts what was used on days that are over; once a day, for the mark of a circuit that uses nothing
    /// stays on its day.
    private func settleDays(before today: CivilDate, now: Timestamp) {
        guard lastSettledDay != today else { return }
        var isDone = true
        for key in groups.keys.sorted() {
            let isDayOver = groups[key]?.circuits.contains { state in
                state.posted.map { $0.at.trust != .untrusted && zone.day(containing: $0.at.wall) != today } ?? false
            }
            guard isDayOver == true else { continue }
            isDone = change(key, now: now) { group, _ in group.settleNow(zone: zone) } && isDone
        }
        if isDone { lastSettledDay = today }
    }

    /// Keeps what a look at the clocks showed: changes of trust, steps, and anchors that date what was
    /// recorded before.
    /// - Returns: whether what was computed from the wall clock before is void.
    private func noteClock(_ notice: ClockNotice, at now: Timestamp) -> Bool {
        let isTrustNew = now.trust != lastTrust
        if now.trust != lastTrust {
            note(
                Event(
                    .clockTrustChanged, .gateway,
                    ["trust": now.trust.rawValue, "before": lastTrust?.rawValue ?? "none"]), at: now)
            lastTrust = now.trust
        }
        guard let anchor = notice.anchor else { return isTrustNew || notice.step != nil }
        var detail = ["monotonic_zero_wall_ms": String(anchor.monotonicZero.millisecondsSince1970)]
        if let step = notice.step { detail["step_ms"] = String(step.wholeMilliseconds) }
        note(Event(.clockAnchored, .gateway, detail), at: now)
        return true
    }

    private func takeAnswer(
        of meter: MeterID, values: [Channel: Int64]?, positions: [Int: BreakerPosition], now: Timestamp
    ) async {
        // A board answers without values: nothing is wrong with it then.
        if let values {
            await takeReading(Reading(meter: meter, at: now, values: values))
        } else {
            observations[meter] = nil
        }
        heard(meter, code: "applied", at: now)
        if let device = meters[meter]?.address { take(positions, of: device, now: now) }
    }

    private func take(_ positions: [Int: BreakerPosition], of device: UnitAddress, now: Timestamp) {
        for (point, position) in positions {
            guard let circuit = circuitOfBreaker[BreakerAddress(device: device, point: point)],
                let key = groupOfCircuit[circuit]
            else { continue }
            change(key, now: now) { group, site in group.take(position: position, of: circuit, now: now, site: site) }
        }
    }

    private func takeReading(_ reading: Reading) async {
        observations[reading.meter] = .reading(reading)
        lastReadings[reading.meter] = reading
        watchSupply(reading)
        var marks: [CircuitID: CounterMark] = [:]
        if let circuit = circuitOfMeter[reading.meter], let key = groupOfCircuit[circuit],
            let device = meters[reading.meter], let billing = profiles[device.profile]?.billing,
            let counter = reading[billing.channel]
        {
            change(key, now: reading.at) { group, site in
                group.take(
                    counter: counter, activePower: reading[.activePower], reactivePower: reading.reactivePower,
                    of: circuit, now: reading.at, site: site)
            }
            marks[circuit] = groups[key]?.circuits.first { $0.circuit.id == circuit }?.track.lastAccepted
        }
        await telemetry.add(reading, marks: marks)
    }

    private func watchSupply(_ reading: Reading) {
        for finding in supplies[reading.meter, default: SupplyWatch()].take(reading, limits: supplyLimits) {
            note(Event(finding, of: reading.meter), at: reading.at)
        }
    }

    /// For what may happen again and again.
    private func noteRepeating(_ event: Event, at now: Timestamp) {
        if coalescer.take(event, now: now.monotonic) { note(event, at: now) }
    }

    func note(_ event: Event, at now: Timestamp) {
        do { try record([event], actor: "gateway", at: now) } catch {
            logger.error("an event could not be kept", metadata: ["event": "\(event.code)", "reason": "\(error)"])
        }
    }

    private func reason(of meter: MeterID) -> String {
        if case .noData(let reason)? = observations[meter] { return reason.rawValue }
        return "unknown"
    }
}

extension Reading {
    /// mvar: as the meter has it, or what its apparent power leaves; nil where it has neither.
    fileprivate var reactivePower: Int64? {
        if let reactive = self[.reactivePower] { return reactive }
        guard let apparent = self[.apparentPower], let active = self[.activePower] else { return nil }
        return PowerSample.reactivePower(apparentMillivoltamperes: apparent, activeMilliwatts: active)
    }
}

extension Event {
    fileprivate init(_ finding: SupplyWatch.Finding, of meter: MeterID) {
        let subject = EventSubject.meter(meter)
        switch finding {
        case .began(.voltageOutOfLimits(let phase, let millivolts)):
            self.init(
                .voltageOutOfLimits, subject, ["phase": phase.rawValue, "voltage_mv": String(millivolts)])
        case .began(.phaseImbalance(let thousandths)):
            self.init(.phaseImbalance, subject, ["imbalance_thousandths": String(thousandths)])
        case .began(.reversePower(let milliwatts)):
            self.init(.reversePower, subject, ["active_power_mw": String(milliwatts)])
        case .ended(.voltage(let phase)): self.init(.voltageInLimits, subject, ["phase": phase.rawValue])
        case .ended(.imbalance): self.init(.phasesBalanced, subject)
        case .ended(.reverse): self.init(.forwardPower, subject)
        }
    }
}
