import Testing

/// The short form of `scripts/torture`: enough to notice that a promise was broken.
@Suite("Power cuts and failing disks")
struct TortureTests {
    @Test("whatever a power cut leaves, nothing acknowledged is lost and nothing is there by half")
    func powerCuts() throws {
        let (text, code) = try Program.run(
            "meterkeep-torture", ["images", "--count", "100", "--per-recording", "15", "--steps", "60"])
        #expect(code == 0, "\(text)")
        #expect(text.contains("figure crash_images 100 count"))
    }

    @Test("a disk that forgets its syncs is noticed: the test above can fail")
    func forgottenSyncs() throws {
        let (text, code) = try Program.run(
            "meterkeep-torture", ["images", "--count", "40", "--per-recording", "20", "--forget-syncs"])
        #expect(code == 1)
        #expect(text.contains("was acknowledged"), "\(text)")
    }

    @Test("each write and each sync fails once; nothing acknowledged is lost")
    func faults() throws {
        let (text, code) = try Program.run("meterkeep-torture", ["faults", "--places", "25"])
        #expect(code == 0, "\(text)")
    }
}
