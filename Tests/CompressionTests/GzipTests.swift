import Compression
import Testing

@Suite("Gzip in memory")
struct GzipTests {
    @Test("what was packed comes out again", arguments: [0, 1, 1000, 65_535, 65_536, 200_001])
    func roundTrip(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 5) }
        let packed = try #require(Gzip.compress(bytes))
        #expect(try Gzip.expand(packed, limit: count) == bytes)
        #expect(Gzip.compress(bytes) == packed)
    }

    @Test("what unpacks to more than is taken is not unpacked to its end")
    func bomb() throws {
        let packed = try #require(Gzip.compress([UInt8](repeating: 0, count: 1 << 22)))
        #expect(packed.count < 8192)
        #expect(throws: GzipProblem.tooLong(limit: 100_000)) { try Gzip.expand(packed, limit: 100_000) }
    }

    @Test("what is no whole stream")
    func malformed() throws {
        let packed = try #require(Gzip.compress(Array("a reading, and a reading, and a reading".utf8)))
        var damaged = packed
        damaged[packed.count - 6] ^= 1
        for bytes in [[], Array("plain".utf8), Array(packed.dropLast()), packed + [0], damaged] {
            #expect(throws: GzipProblem.malformed) { try Gzip.expand(bytes, limit: 1000) }
        }
    }
}
