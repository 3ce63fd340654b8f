import Testing

@testable import Concentrator

@Suite("How fast a broker that refuses is asked again")
struct LanePaceTests {
    @Test("pauses grow up to a minute, one message tries the way, and all is as before when it is taken")
    func pace() {
        var pace = LanePace()
        #expect(pace.groupSize == 100)
        let pauses = (0..<9).map { _ in pace.refused() }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60].map(Duration.seconds))
        #expect(pace.groupSize == 1)
        pace.taken()
        #expect(pace == LanePace() && pace.groupSize == 100)
    }
}
