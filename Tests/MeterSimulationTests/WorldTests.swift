import ConfigurationReader
import Foundation
import MeterProfiles
import MeterSimulation
import Testing

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

func profiles() throws -> ProfileLibrary {
    let folder = root.appending(path: "etc/profiles")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .filter { $0.pathExtension == "yaml" }
        .map { (name: "etc/profiles/\($0.lastPathComponent)", text: try String(contentsOf: $0, encoding: .utf8)) }
    return try ProfileLibrary(files: files)
}

private let twoMeters = """
    seed: 7
    energy_speed: 10
    buses:
      - name: bus1
        link: /tmp/unused
        baud: 9600
        format: 8N1
        devices:
          - { name: M-1, unit: 1, profile: acrel-ddsy1352-block, energy_wh: 5000, base_w: 1000 }
          - name: M-2
            unit: 2
            profile: eastron-sdm120
            energy_wh: 700
            base_w: 500
            faults: [{ fault: dead, from_s: 10, until_s: 20 }]
          - { name: R-1, unit: 100, profile: waveshare-relay-8, feeds: { 3: M-2 } }
    """

private func world(_ text: String = twoMeters) throws -> World {
    try World(try WorldPlan(file: "world.yaml", text: text), profiles: try profiles())
}

private func seconds(_ count: Int64) -> Int64 { count * 1_000_000_000 }

func hexadecimal(_ text: String) -> [UInt8] { text.split(separator: " ").compactMap { UInt8($0, radix: 16) } }

@Suite("A simulated world")
struct WorldTests {
    @Test("energy follows the load exactly, at the speed of the world")
    func energy() throws {
        var world = try world()
        for second in 1...360 as ClosedRange<Int64> { world.advance(toNanoseconds: seconds(second)) }
        // 360 s at ten times the speed are one hour of 1000 W and of 500 W.
        #expect(world.device("M-1")?.energyMilliwattHours == 6_000_000)
        #expect(world.device("M-2")?.energyMilliwattHours == 1_200_000)
    }

    @Test("the energy of a day does not depend on how often anyone looked", arguments: [1, 7, 60, 86_400])
    func curve(step: Int64) throws {
        let hours = Array(0..<24).map { "\($0 * 10)" }.joined(separator: ", ")
        let text = twoMeters.replacing("base_w: 500", with: "base_w: 500\n        day_curve_w: [\(hours)]")
        var world = try world(text)
        for second in stride(from: step, through: 86_400, by: Int64.Stride(step)) {
            world.advance(toNanoseconds: seconds(second))
        }
        world.advance(toNanoseconds: seconds(86_400))
        // Ten days of 24 h x 500 W and 2760 Wh on top.
        let expected: Int64 = 700_000 + 10 * (12_000_000 + 2_760_000)
        #expect(world.device("M-2")?.energyMilliwattHours == expected)
    }

    @Test("a long silence at a high speed loses no energy")
    func silence() throws {
        var world = try world(twoMeters.replacing("energy_speed: 10", with: "energy_speed: 1000"))
        world.advance(toNanoseconds: seconds(86_400))
        let expected: Int64 = 5_000_000 + 24_000 * 1_000_000
        #expect(world.device("M-1")?.energyMilliwattHours == expected)
    }

    @Test("an appliance adds its active and reactive power")
    func appliance() throws {
        var world = try world()
        world.with("M-1") { $0.load.appliances.insert("kettle") }
        world.advance(toNanoseconds: seconds(1))
        #expect(world.device("M-1")?.activePowerMilliwatts == 2_800_000)
    }

    @Test("a reading is answered from the profile")
    func reading() throws {
        var world = try world()
        world.advance(toNanoseconds: seconds(36))
        // Energy of unit 1: 5000 Wh + 100 Wh in steps of 10 Wh.
        let reply = world.answer(ServerFrame.seal(hexadecimal("01 03 02 15 00 02")), bus: 0)
        #expect(reply.bytes == ServerFrame.seal(hexadecimal("01 03 04 00 00 01 FE")))
        #expect(reply.turnaround >= .milliseconds(5) && reply.turnaround <= .milliseconds(10))
    }

    @Test("an opened relay cuts the load, and nothing is used while it is open")
    func relay() throws {
        var world = try world()
        world.advance(toNanoseconds: seconds(10))
        let open = ServerFrame.seal(hexadecimal("01 10 00 57 00 02 04 00 01 00 01"))
        #expect(world.answer(open, bus: 0).bytes == ServerFrame.seal(hexadecimal("01 10 00 57 00 02")))
        let atCut = world.device("M-1")?.energyMilliwattHours
        world.advance(toNanoseconds: seconds(100))
        #expect(world.device("M-1")?.energyMilliwattHours == atCut)
        #expect(world.device("M-1")?.energySinceCut == 0)
        #expect(world.device("M-1")?.activePowerMilliwatts == 0)
        let state = world.answer(ServerFrame.seal(hexadecimal("01 03 02 24 00 01")), bus: 0)
        #expect(state.bytes == ServerFrame.seal(hexadecimal("01 03 02 00 00")))
        #expect(world.writes.map(\.device) == ["M-1"])
        #expect(world.writes.first?.isClosed == false)
    }

    @Test("a relay board cuts the meter wired behind its point, and no other")
    func board() throws {
        var world = try world()
        world.advance(toNanoseconds: seconds(1))
        _ = world.answer(ServerFrame.seal(hexadecimal("64 05 00 02 00 00")), bus: 0)
        #expect(world.device("M-2")?.isSupplied == false)
        #expect(world.device("M-1")?.isSupplied == true)
        _ = world.answer(ServerFrame.seal(hexadecimal("64 05 00 02 FF 00")), bus: 0)
        #expect(world.device("M-2")?.isSupplied == true)
        let coils = world.answer(ServerFrame.seal(hexadecimal("64 01 00 00 00 08")), bus: 0)
        #expect(coils.bytes == ServerFrame.seal(hexadecimal("64 01 01 FF")))
    }

    @Test("faults do what they are called", arguments: Fault.allCases)
    func fault(fault: Fault) throws {
        let request = ServerFrame.seal(hexadecimal("01 03 02 15 00 02"))
        var sound = try world()
        let right = sound.answer(request, bus: 0).bytes
        var world = try world()
        world.with("M-1") {
            if fault.isEvent { $0.strike(fault) }
            $0.faults.insert(fault)
        }
        let reply = world.answer(request, bus: 0)
        switch fault {
        case .dead: #expect(reply.bytes.isEmpty)
        case .slow: #expect(reply.turnaround == .milliseconds(600))
        case .lateReply: #expect(reply.turnaround == .milliseconds(900))
        case .badCRC:
            #expect(reply.bytes.dropLast() == right.dropLast())
            #expect(reply.bytes != right)
        case .truncated: #expect(reply.bytes.count == right.count / 2)
        case .exception: #expect(reply.bytes == ServerFrame.seal(hexadecimal("01 83 04")))
        case .zeros, .counterReset: #expect(reply.bytes == ServerFrame.seal(hexadecimal("01 03 04 00 00 00 00")))
        case .rollOver: #expect(reply.bytes == ServerFrame.seal(hexadecimal("01 03 04 05 F5 E0 FE")))
        case .noise: #expect(reply.bytes.count == right.count + 3)
        case .echo: #expect(reply.bytes == request + right)
        case .sharedAddress:
            let answers = (0..<50).map { _ in world.answer(request, bus: 0).bytes }
            #expect(answers.allSatisfy { $0.count >= right.count && $0.count <= 2 * right.count })
            #expect(answers.contains { $0 != right && ServerFrame.seal($0.dropLast(2)) != $0 })
        case .wrongUnit: #expect(reply.bytes == ServerFrame.seal(hexadecimal("41 03 04 00 00 01 F4")))
        }
    }

    @Test("a planned fault comes and goes by the clock")
    func planned() throws {
        var world = try world()
        let request = ServerFrame.seal(hexadecimal("02 04 00 48 00 02"))
        var answered: [Bool] = []
        for second in [5, 15, 25] as [Int64] {
            world.advance(toNanoseconds: seconds(second))
            answered.append(!world.answer(request, bus: 0).bytes.isEmpty)
        }
        #expect(answered == [true, false, true])
    }

    @Test("the same seed and the same calls make the same world")
    func seeded() throws {
        func history(_ text: String) throws -> [BusReply] {
            var world = try world(text)
            return (1...50 as ClosedRange<Int64>).map { step in
                world.advance(toNanoseconds: seconds(step))
                return world.answer(ServerFrame.seal(hexadecimal("02 04 00 00 00 02")), bus: 0)
            }
        }
        let first = try history(twoMeters)
        #expect(try history(twoMeters) == first)
        #expect(try history(twoMeters.replacing("seed: 7", with: "seed: 8")) != first)
    }

    @Test("what is wrong with a world is said with its line")
    func problems() {
        let bad = twoMeters.replacing("unit: 2", with: "unit: 1").replacing("base_w: 500", with: "base_w: -5")
        do {
            _ = try WorldPlan(file: "world.yaml", text: bad)
            Issue.record("accepted")
        } catch {
            let said = error.problems.map(\.description)
            #expect(
                said.contains(
                    "world.yaml:14: buses[1].devices[2].base_w -5 is out of range; write a number from 0 to 1000000"))
        }
    }

    @Test("the example world is a good one")
    func example() throws {
        let text = try String(contentsOf: root.appending(path: "etc/metersim.example.yaml"), encoding: .utf8)
        let world = try world(text)
        #expect(world.devices.count == 4)
    }
}
