import Concentrator
import Metering
import Testing

private func at(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

@Suite("What feeds the watchdog")
struct ProgressTests {
    @Test("one live bus does not hide a stuck one, and the uplink has longer")
    func stuck() {
        let progress = Progress()
        progress.moved(.poll, "bus 1", at: at(0))
        progress.moved(.poll, "bus 2", at: at(0))
        progress.moved(.uplink, "commands", at: at(0))
        progress.moved(.poll, "bus 1", at: at(30))
        #expect(progress.stuck(at: at(20)) == [])
        #expect(progress.stuck(at: at(31)) == ["bus 2"])
        #expect(progress.stuck(at: at(91)) == ["bus 1", "bus 2", "commands"])
        progress.forget(.poll, "bus 2")
        #expect(progress.stuck(at: at(91)) == ["bus 1", "commands"])
        progress.forget(.uplink)
        #expect(progress.stuck(at: at(91)) == ["bus 1"])
    }
}
