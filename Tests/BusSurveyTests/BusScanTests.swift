import BusSurvey
import MeterProfiles
import Metering
import Testing

private let profiles = [profile("alpha", mark: 7), profile("beta", mark: 9)]

@Suite("A scan, request by request")
struct BusScanTests {
    @Test("devices are found over rates and addresses, and named by their profile")
    func finds() throws {
        let range = ScanRange(formats: [line9600, line2400], units: 1...20)
        let (scan, probes) = try play(
            range, profiles: profiles,
            devices: [
                Stand(unit: 3, mark: 7), Stand(unit: 20, mark: 9), Stand(serial: line2400, unit: 11, mark: 9),
                Stand(unit: 5, mark: 1234),
            ])
        #expect(scan.devices.map(\.unit) == [3, 5, 20, 11])
        #expect(
            scan.devices.map(\.model) == [
                .identified("alpha"), .unknown, .identified("beta"), .identified("beta"),
            ])
        #expect(scan.devices.map(\.serial) == [line9600, line9600, line9600, line2400])
        #expect(scan.devices.allSatisfy { $0.evidence.verdict == .oneDevice })
        // Who does not answer is asked once in each format.
        #expect(probes.count { $0.unit == 1 } == 2)
        #expect(probes.filter { $0.unit == 1 }.allSatisfy { $0.timeout == range.timeout && $0.pause == .zero })
    }

    @Test("a model without a mark is known by values that make sense")
    func plausible() throws {
        let models = [profile("alpha", mark: 7), profile("gamma", mark: nil)]
        let range = ScanRange(formats: [line9600], units: 1...3)
        let (scan, _) = try play(
            range, profiles: models, devices: [Stand(unit: 1), Stand(unit: 2, voltage: 9), Stand(unit: 3, mark: 7)])
        #expect(scan.devices.map(\.model) == [.plausible(["gamma"]), .unknown, .identified("alpha")])
    }

    @Test("a relay board is known by its own address and its coils, both of which are only read")
    func board() throws {
        let models = [profile("alpha", mark: 7), boardProfile("board")]
        let (scan, probes) = try play(
            ScanRange(formats: [line9600], units: 1...5), profiles: models,
            devices: [
                Stand(unit: 1, ownAddress: 1, coils: 8), Stand(unit: 2, ownAddress: 1, coils: 8),
                Stand(unit: 3, ownAddress: 3, coils: 1), Stand(unit: 4, coils: 8), Stand(unit: 5, mark: 7, coils: 8),
            ])
        #expect(
            scan.devices.map(\.model) == [.plausible(["board"]), .unknown, .unknown, .unknown, .identified("alpha")])
        #expect(probes.contains { $0.unit == 1 && $0.request == ReadRequest(table: .coil, address: 0, count: 2) })
    }

    struct Sample: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var spoiled: [Int: ProbeOutcome] = [:]
        var doubled: Set<Int> = []
        let verdict: AddressEvidence.Verdict
    }

    @Test(
        "what an address shows decides whether two devices are there",
        arguments: [
            Sample(testDescription: "clean", verdict: .oneDevice),
            Sample(testDescription: "one lost answer", spoiled: [4: .silence], verdict: .poorLine),
            Sample(testDescription: "one broken answer", spoiled: [4: .broken], verdict: .poorLine),
            Sample(
                testDescription: "every third broken", spoiled: [2: .broken, 5: .broken, 7: .broken],
                verdict: .perhapsTwoDevices),
            Sample(
                testDescription: "all broken",
                spoiled: Dictionary(uniqueKeysWithValues: (0..<20).map { ($0, ProbeOutcome.broken) }),
                verdict: .perhapsTwoDevices),
            Sample(testDescription: "answered twice", doubled: [5], verdict: .twoDevices),
            Sample(testDescription: "an answer to something else", spoiled: [5: .strange], verdict: .twoDevices),
            Sample(testDescription: "another identity", spoiled: [6: .values([8])], verdict: .twoDevices),
        ])
    func verdicts(sample: Sample) throws {
        let (scan, _) = try play(
            ScanRange(formats: [line9600], units: [9]), profiles: profiles,
            devices: [Stand(unit: 9, mark: 7, spoiled: sample.spoiled, doubled: sample.doubled)])
        #expect(scan.devices.map(\.evidence.verdict) == [sample.verdict])
    }

    @Test("a device that was broken in a wrong format is kept in the right one only")
    func settled() throws {
        let even = SerialFormat(baud: 9600, parity: .even, stopBits: 1)
        let range = ScanRange(formats: [line9600, even], units: [4])
        var scan = BusScan(range, profiles: profiles, now: .zero)
        while let probe = scan.probe {
            _ = scan.take(probe.serial == line9600 ? .broken : .values([7]))
        }
        #expect(scan.devices.settled.map(\.serial) == [even])
    }

    @Test("the time left is estimated, at first from the range, then from what addresses took")
    func estimate() {
        let range = ScanRange(formats: [line9600], units: 1...100)
        var scan = BusScan(range, profiles: profiles, now: .zero)
        #expect(scan.progress(at: .zero).remaining == range.longestDuration)
        #expect(range.longestDuration > .seconds(16) && range.longestDuration < .seconds(17))
        for _ in 0..<50 { _ = scan.take(.silence) }
        let half = scan.progress(at: .zero + .seconds(30))
        #expect(half.addressesDone == 50 && half.unit == 51)
        #expect(half.remaining == .seconds(30))
        for _ in 0..<50 { _ = scan.take(.silence) }
        #expect(scan.probe == nil)
        #expect(scan.progress(at: .zero + .seconds(60)).remaining == .zero)
    }

    @Test("a device that answers after it was given up is asked again, and waited for")
    func late() throws {
        var scan = BusScan(ScanRange(formats: [line9600], units: 1...4), profiles: profiles, now: .zero)
        var asked: [UInt8] = []
        while let probe = scan.probe {
            if asked.last != probe.unit { asked.append(probe.unit) }
            if probe.unit == 3 { scan.heardLate(unit: 2) }
            let isPatient = probe.timeout > scan.range.timeout
            _ = scan.take(probe.unit == 2 && isPatient ? .values([7]) : .silence)
        }
        #expect(asked == [1, 2, 3, 2, 4])
        #expect(scan.devices.map(\.unit) == [2])
    }

    @Test("a range of nothing ends at once")
    func nothing() {
        let scan = BusScan(ScanRange(formats: [], units: [] as [UInt8]), profiles: [], now: .zero)
        #expect(scan.probe == nil)
        #expect(scan.progress(at: .zero).addressesTotal == 0)
    }

    @Test("behind a network a scan keeps to the format of the bus, and says who sets another")
    func network() throws {
        func range(_ rates: String, _ formats: String) throws(ScanRangeProblem) -> ScanRange {
            try ScanRange(
                rates: rates, formats: formats, units: "1-3", timeoutMilliseconds: 40, isThorough: false, bus: line9600,
                isSerial: false, profiles: [])
        }
        #expect(try range("", "") == ScanRange(formats: [line9600], units: 1...3, timeout: .milliseconds(40)))
        for (rates, formats) in [("9600", ""), ("", "8E1")] {
            let problem = #expect(throws: ScanRangeProblem.self) { try range(rates, formats) }
            #expect(problem?.description.contains("set at its converter; leave --rates") == true)
        }
    }

    @Test("ranges as people write them")
    func ranges() throws {
        func range(_ rates: String, _ formats: String, _ units: String) throws(ScanRangeProblem) -> ScanRange {
            try ScanRange(
                rates: rates, formats: formats, units: units, timeoutMilliseconds: nil, isThorough: false,
                bus: line9600, profiles: [])
        }
        let some = try range("2400, 9600", "8e1", "1-3,100")
        #expect(some.formats == [2400, 9600].map { SerialFormat(baud: $0, parity: .even, stopBits: 1) })
        #expect(some.units == [1, 2, 3, 100])
        let all = try range("", "", "")
        #expect(all.formats.first == line9600)
        #expect(all.formats.count == 14)
        #expect(all.units.count == 247)
        #expect(try range("19200", "", "").formats == [SerialFormat(baud: 19200, parity: .none, stopBits: 1)])
        for (rates, formats, units, says) in [
            ("9601", "", "", "'9601' is no rate"), ("", "7E1", "", "'7E1' is no character format"),
            ("", "", "0-5", "'0-5' is no range"), ("", "", "5-1", "'5-1' is no range"), ("", "", "1-", "'1-' is no"),
        ] {
            let problem = #expect(throws: ScanRangeProblem.self) { try range(rates, formats, units) }
            #expect(problem?.description.contains(says) == true)
        }
    }
}

@Suite("The share of a scan")
struct ScanShareTests {
    @Test("on a full bus a scan takes a tenth, on an idle one all that is left")
    func share() {
        var share = ScanShare(now: .zero)
        var now = MonotonicTime.zero
        var scanned = Duration.zero
        while now < .zero + .seconds(100) {
            if share.mayAsk(.milliseconds(160), isIdle: false, at: now) {
                now = now + .milliseconds(160)
                scanned += .milliseconds(160)
                share.spent(.milliseconds(160), isIdle: false)
            }
            now = now + .milliseconds(50)
        }
        #expect(scanned > .seconds(9) && scanned < .seconds(11), "\(scanned)")
        let isIdleAsked = share.mayAsk(.seconds(2), isIdle: true, at: now)
        #expect(isIdleAsked)
    }

    @Test("a probe that is longer than all that can be saved gets its turn")
    func longProbe() {
        var share = ScanShare(now: .zero)
        let early = share.mayAsk(.seconds(2), isIdle: false, at: .zero + .seconds(4))
        let late = share.mayAsk(.seconds(2), isIdle: false, at: .zero + .seconds(6))
        #expect(!early)
        #expect(late)
    }
}
