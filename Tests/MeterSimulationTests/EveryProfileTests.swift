import MeterProfiles
import MeterSimulation
import Metering
import Testing

/// The simulator plays every shipped model from its profile.
@Suite("Every profile as a simulated device")
struct EveryProfileTests {
    private func world(_ profile: String) throws -> World {
        let text = """
            seed: 3
            buses:
              - name: bus1
                link: /tmp/unused
                baud: 9600
                format: 8N1
                devices:
                  - { name: D-1, unit: 9, profile: \(profile), energy_wh: 123450, base_w: 700 }
            """
        return try World(try WorldPlan(file: "world.yaml", text: text), profiles: try profiles())
    }

    private func ask(_ world: inout World, _ body: [UInt8]) -> [UInt8] {
        world.answer(ServerFrame.seal(body), bus: 0).bytes
    }

    private func read(_ world: inout World, _ request: ReadRequest, unit: UInt8 = 9) throws -> [UInt16] {
        let (high, low) = (UInt8(request.address >> 8), UInt8(request.address & 0xFF))
        let bytes = ask(&world, [unit, request.table.rawValue, high, low, 0, UInt8(request.count)])
        try #require(bytes.count > 5 && bytes[1] == request.table.rawValue, "\(request): \(bytes)")
        return stride(from: 3, to: bytes.count - 2, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    }

    @Test("each answers its whole plan, and what is billed is what it has used")
    func plans() throws {
        for profile in try profiles().all where profile.billing != nil {
            var world = try world(profile.id)
            world.advance(toNanoseconds: 1_000_000)
            let plan = ReadPlan(
                wanted: profile.registers, limits: profile.limits, serial: profile.serial, turnaround: .milliseconds(8))
            var values: [Channel: Int64] = [:]
            for request in plan.requests {
                for (register, value) in profile.decode(request, try read(&world, request)) {
                    values[register.channel] = value
                }
            }
            #expect(values.count == profile.registers.count, "\(profile.id)")
            let billing = try #require(profile.billing)
            let counted = try #require(values[billing.channel], "\(profile.id)")
            #expect(abs(counted - 123_450) < max(billing.step, 10), "\(profile.id): \(counted)")
        }
    }

    @Test("each moves its switch and shows where it stands")
    func relays() throws {
        for profile in try profiles().all {
            guard let point = profile.relay?.points.first else { continue }
            var world = try world(profile.id)
            for (write, isClosed) in [(point.open, false), (point.close, true)] {
                let body: [UInt8] =
                    switch write {
                    case .coil(let address, let value):
                        [9, 5, UInt8(address >> 8), UInt8(address & 0xFF), value ? 0xFF : 0, 0]
                    case .register(let address, let value):
                        [9, 6, UInt8(address >> 8), UInt8(address & 0xFF), UInt8(value >> 8), UInt8(value & 0xFF)]
                    case .registers(let address, let values):
                        [9, 16, UInt8(address >> 8), UInt8(address & 0xFF), 0, UInt8(values.count)]
                            + [UInt8(2 * values.count)] + values.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
                    }
                #expect(ask(&world, body).prefix(2) == [9, body[1]], "\(profile.id)")
                guard point.readback.table == .holding else { continue }
                let request = try #require(point.readback.request)
                #expect(point.readback.isClosed(try read(&world, request)[0]) == isClosed, "\(profile.id)")
            }
        }
    }

    @Test("a write to what a model does not have is refused")
    func unknownWrites() throws {
        var meter = try world("acrel-ddsy1352-block")
        #expect(ask(&meter, [9, 6, 0x07, 0xD0, 0, 1]) == ServerFrame.seal([9, 0x86, 2]))
        #expect(ask(&meter, [9, 0x10, 0x00, 0x57, 0, 1, 2, 0, 1]) == ServerFrame.seal([9, 0x90, 2]))
        #expect(ask(&meter, [9, 5, 0, 0, 0xFF, 0]) == ServerFrame.seal([9, 0x85, 2]))
        var board = try world("waveshare-relay-8")
        #expect(ask(&board, [9, 5, 0, 8, 0xFF, 0]) == ServerFrame.seal([9, 0x85, 2]))
        #expect(ask(&board, [9, 5, 0, 0, 0x12, 0x34]) == ServerFrame.seal([9, 0x85, 3]))
        #expect(board.device("D-1")?.closedPoints.values.allSatisfy { $0 } == true)
    }

    @Test("a board takes several coils in one write, and all of them at 0x00FF")
    func manyCoils() throws {
        var board = try world("waveshare-relay-8")
        // Coils 1 to 3: off, on, off.
        #expect(ask(&board, [9, 0x0F, 0, 1, 0, 3, 1, 0b010]) == ServerFrame.seal([9, 0x0F, 0, 1, 0, 3]))
        #expect(ask(&board, [9, 1, 0, 0, 0, 8]) == ServerFrame.seal([9, 1, 1, 0b1111_0101]))
        #expect(board.writes.count == 3)
        _ = ask(&board, [9, 5, 0, 0xFF, 0, 0])
        #expect(ask(&board, [9, 1, 0, 0, 0, 8]) == ServerFrame.seal([9, 1, 1, 0]))
        _ = ask(&board, [9, 5, 0, 0xFF, 0xFF, 0])
        #expect(ask(&board, [9, 1, 0, 0, 0, 8]) == ServerFrame.seal([9, 1, 1, 0xFF]))
        // Nine coils from the first are one too many: none is moved.
        #expect(ask(&board, [9, 0x0F, 0, 0, 0, 9, 2, 0, 0]) == ServerFrame.seal([9, 0x8F, 2]))
        #expect(ask(&board, [9, 1, 0, 0, 0, 8]) == ServerFrame.seal([9, 1, 1, 0xFF]))
    }

    @Test("a meter whose address is set answers at the new one alone")
    func address() throws {
        var world = try world("eastron-sdm120")
        let address = try #require(try profiles()["eastron-sdm120"]?.settings.first { $0.name == .address })
        let words = try #require(address.encode(.number(17_000)))
        let data: [UInt8] = words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        let body: [UInt8] = [9, 0x10, 0x00, 0x14, 0, 2, 4] + data
        #expect(ask(&world, body) == ServerFrame.seal([9, 0x10, 0x00, 0x14, 0, 2]))
        #expect(ask(&world, [9, 4, 0, 0, 0, 2]).isEmpty)
        let request = try #require(address.request)
        #expect(address.decode(try read(&world, request, unit: 17)) == .number(17_000))
    }
}
