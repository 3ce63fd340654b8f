import Board
import Foundation
import Metering
import Testing

@Suite("What keeps the clock")
struct TimeSourceTests {
    @Test("a note says what the kernel said, for ten seconds")
    func note() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "note-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let written = MonotonicTime(nanoseconds: 90_000_000_000)
        let source = TimeSource(isSynchronised: true, largestError: .microseconds(1_500))
        #expect(TimeSourceNote.read(path) == nil)
        #expect(TimeSourceNote(source, at: written).write(to: path) == nil)
        let note = try #require(TimeSourceNote.read(path))
        #expect(note == TimeSourceNote(source, at: written))
        #expect(note.source(at: written + .seconds(10)) == source)
        #expect(note.source(at: written + .milliseconds(10_001)) == nil)
        // Of another boot, say.
        #expect(note.source(at: written + .milliseconds(-1)) == nil)
        #expect(TimeSourceNote(source, at: written).write(to: path + "/nowhere/state") != nil)
    }

    @Test(
        "half a note is none",
        arguments: ["", "\n", "90000000000 1 15", "1 2 0\n", "1 1\n", "a 1 0\n", "1 1 -1\n", "1  1 0\n"])
    func broken(line: String) { #expect(TimeSourceNote(line: line) == nil) }

    @Test("the battery-backed clock, as sysfs shows it")
    func hardware() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "rtc-\(UUID().uuidString)").path
        #expect(HardwareClock.read(folder: folder) == nil)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(HardwareClock.read(folder: folder) == HardwareClock(wall: nil, setTheClock: false))
        try "1790000000\n".write(toFile: folder + "/since_epoch", atomically: true, encoding: .utf8)
        try "1\n".write(toFile: folder + "/hctosys", atomically: true, encoding: .utf8)
        let expected = HardwareClock(wall: WallTime(millisecondsSince1970: 1_790_000_000_000), setTheClock: true)
        #expect(HardwareClock.read(folder: folder) == expected)
    }
}
