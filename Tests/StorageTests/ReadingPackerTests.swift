import Testing

@testable import Storage

@Suite("Packing of readings")
struct ReadingPackerTests {
    @Test("integers of any size come back", arguments: 0..<50)
    func integers(seed: UInt64) {
        var generator = SplitMix(state: seed)
        let values = (0..<Int.random(in: 0...40, using: &generator)).map { _ in any(using: &generator) }
        var writer = PackedWriter()
        for value in values { writer.append(value) }
        var reader = PackedReader(writer.bytes)
        #expect(values.map { _ in reader.next() } == values)
        #expect(reader.isAtEnd)
        var cut = PackedReader(writer.bytes.dropLast())
        if let last = values.indices.last { #expect(values.indices.map { _ in cut.next() }[last] == nil) }
    }

    @Test("readings of any kind come back in order", arguments: 0..<50)
    func readings(seed: UInt64) {
        var generator = SplitMix(state: seed)
        let readings = (0..<100).map { _ in
            KeyedReading(
                meter: .random(in: 1...5, using: &generator), channels: .random(in: 1...2, using: &generator),
                time: KeyedTime(
                    boot: .random(in: 1...2, using: &generator), monotonicMilliseconds: any(using: &generator),
                    wallMilliseconds: any(using: &generator), trust: .random(in: 0...2, using: &generator)),
                values: (0..<Int.random(in: 0...4, using: &generator)).map { _ in any(using: &generator) })
        }
        var packer = ReadingPacker()
        var writer = PackedWriter()
        for reading in readings { packer.pack(reading, into: &writer) }
        var unpacker = ReadingPacker()
        var reader = PackedReader(writer.bytes)
        var found: [KeyedReading] = []
        while !reader.isAtEnd, let reading = unpacker.unpack(&reader) { found.append(reading) }
        #expect(found == readings)
    }

    @Test("garbage makes no trap and no endless loop", arguments: 0..<200)
    func garbage(seed: UInt64) {
        var generator = SplitMix(state: seed)
        let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var unpacker = ReadingPacker()
        var reader = PackedReader(bytes)
        var count = 0
        while !reader.isAtEnd, unpacker.unpack(&reader) != nil { count += 1 }
        #expect(count <= bytes.count)
    }

    private func any(using generator: inout SplitMix) -> Int64 {
        Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator)
    }
}
