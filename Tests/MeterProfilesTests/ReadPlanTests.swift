import MeterProfiles
import Metering
import Testing

@Suite("Read plans")
struct ReadPlanTests {
    private let limits = ReadLimits(
        registersPerRead: 80, requestGap: .zero, allowsGaps: true, responseTimeout: .milliseconds(400))

    /// An SDM120's six usual values: voltage, current, power, power factor, frequency, total energy.
    private let usual: [RegisterDefinition] = [0, 6, 12, 30, 70, 342].map(Self.float)

    private static func float(_ address: UInt16) -> RegisterDefinition {
        RegisterDefinition(
            channel: Channel(.voltage), table: .input, address: address, encoding: .float32, order: .abcd,
            scale: ScaleFactor(numerator: 1000, denominator: 1), pollClass: .normal, invalid: [])
    }

    private func plan(_ wanted: [RegisterDefinition], baud: Int, limits: ReadLimits) -> [String] {
        ReadPlan(
            wanted: wanted, limits: limits, serial: SerialFormat(baud: baud, parity: .none, stopBits: 1),
            turnaround: .microseconds(7500)
        ).requests.map { "\($0.address),\($0.count)" }
    }

    @Test("six values of an SDM120 at 9600 baud and 7.5 ms: four reads")
    func slowLine() {
        #expect(plan(usual, baud: 9600, limits: limits) == ["0,14", "30,2", "70,2", "342,2"])
    }

    @Test("the same at 115200 baud: the long block wins")
    func fastLine() {
        #expect(plan(usual, baud: 115_200, limits: limits) == ["0,72", "342,2"])
    }

    @Test(
        "a scan of 32 meters takes what the line, the turnaround and the silence take",
        arguments: [(2400, 16_000), (9600, 4_493), (19_200, 2_727), (115_200, 1_075)])
    func scanTime(baud: Int, milliseconds: Int64) {
        let plan = ReadPlan(
            wanted: usual, limits: limits,
            serial: SerialFormat(baud: baud, parity: .none, stopBits: 1), turnaround: .microseconds(7500))
        #expect(abs((plan.duration * 32).wholeMilliseconds - milliseconds) <= 1)
    }

    @Test("a model that refuses unused registers gets one read a value")
    func noGaps() {
        let limits = ReadLimits(
            registersPerRead: 80, requestGap: .zero, allowsGaps: false, responseTimeout: .milliseconds(400))
        #expect(plan(usual, baud: 115_200, limits: limits).count == 6)
        #expect(plan([0, 2, 4].map(Self.float), baud: 9600, limits: limits) == ["0,6"])
    }

    @Test("the plan is never dearer than any other grouping")
    func optimal() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let addresses = Set(
                (0..<Int.random(in: 1...9, using: &generator)).map { _ in
                    UInt16(Int.random(in: 0...90, using: &generator) * 2)
                }
            ).sorted()
            let wanted = addresses.map(Self.float)
            let serial = SerialFormat(
                baud: [2400, 9600, 19200, 115_200].randomElement(using: &generator) ?? 9600, parity: .none, stopBits: 1)
            let turnaround = Duration.milliseconds(Int.random(in: 1...40, using: &generator))
            let plan = ReadPlan(wanted: wanted, limits: limits, serial: serial, turnaround: turnaround)
            #expect(plan.duration == cheapest(addresses, serial: serial, turnaround: turnaround))
        }
    }

    /// Every way to cut the sorted registers into runs, by brute force.
    private func cheapest(_ addresses: [UInt16], serial: SerialFormat, turnaround: Duration) -> Duration {
        var best: Duration?
        for cuts in 0..<(1 << (addresses.count - 1)) {
            var total = Duration.zero
            var isPossible = true
            var start = 0
            for index in addresses.indices where index == addresses.count - 1 || cuts & (1 << index) != 0 {
                let count = Int(addresses[index]) + 2 - Int(addresses[start])
                if count > limits.registersPerRead { isPossible = false }
                if let request = ReadRequest(table: .input, address: addresses[start], count: count) {
                    total += request.duration(serial: serial, turnaround: turnaround)
                } else {
                    isPossible = false
                }
                start = index + 1
            }
            if isPossible, best.map({ total < $0 }) ?? true { best = total }
        }
        return best ?? .zero
    }

    @Test("the time of a scan is what the wire takes: 140.4 ms a meter at 9600 baud")
    func duration() {
        let plan = ReadPlan(
            wanted: usual, limits: limits, serial: SerialFormat(baud: 9600, parity: .none, stopBits: 1),
            turnaround: .microseconds(7500))
        // 41 + 3 × 17 characters and 4 × 3.5 of silence, 10 bits each, and 4 × 7.5 ms.
        #expect(abs((plan.duration - .nanoseconds(140_416_667)) / .nanoseconds(1)) < 10)
    }

    @Test("eight coils come in one read")
    func coils() throws {
        let board = try #require(try ShippedProfiles.library()["waveshare-relay-8"])
        let relay = try #require(board.relay)
        let plan = ReadPlan(
            wanted: [], readbacks: relay.points.map(\.readback), limits: board.limits, serial: board.serial,
            turnaround: .milliseconds(5))
        let request = try #require(ReadRequest(table: .coil, address: 0, count: 8))
        #expect(plan.requests == [request])
        let positions = relay.positions(request, [1, 0, 0, 0, 0, 0, 0, 1])
        #expect(positions.filter(\.isClosed).map(\.point) == [1, 8])
        #expect(positions.count == 8)
    }

    @Test("a meter's own switch rides along with its values")
    func ownSwitch() throws {
        let meter = try #require(try ShippedProfiles.library()["acrel-ddsy1352-block"])
        let relay = try #require(meter.relay)
        let plan = ReadPlan(
            wanted: meter.registers, readbacks: relay.points.map(\.readback), limits: meter.limits,
            serial: SerialFormat(baud: 115_200, parity: .none, stopBits: 1), turnaround: .milliseconds(20))
        #expect(plan.requests.map(\.description) == ["FC03 0x201 × 36"])
        let request = try #require(plan.requests.first)
        var words = [UInt16](repeating: 0, count: 36)
        words[35] = 0x2108
        #expect(relay.positions(request, words).map(\.isClosed) == [true])
        words[35] = 0x0108
        #expect(relay.positions(request, words).map(\.isClosed) == [false])
        #expect(relay.positions(request, Array(words.dropLast())).isEmpty)
    }

    @Test("a read of nothing, too much, or past the end cannot be built")
    func impossible() {
        #expect(ReadRequest(table: .holding, address: 0, count: 0) == nil)
        #expect(ReadRequest(table: .holding, address: 0, count: 126) == nil)
        #expect(ReadRequest(table: .holding, address: 65_535, count: 2) == nil)
        #expect(ReadRequest(table: .coil, address: 0, count: 2000) != nil)
        #expect(ReadRequest(table: .coil, address: 0, count: 2001) == nil)
    }
}
