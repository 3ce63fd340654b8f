import Testing
import UplinkProtocol

@Suite("Live readings before the backlog")
struct TelemetryLanesTests {
    @Test("without an outage there is one lane")
    func oneLane() {
        var lanes = TelemetryLanes(cursor: 10, liveRecords: 5)
        let opened = lanes.look(last: 20)
        #expect(!opened)
        #expect(lanes.backlogEnd == nil && lanes.livePosition == nil)
        lanes.acknowledgedBacklog(through: 20)
        #expect(lanes.cursor == 20)
    }

    @Test("after an outage the newest go first; the cursor follows the backlog, and jumps where the two meet")
    func twoLanes() {
        var lanes = TelemetryLanes(cursor: 0, liveRecords: 5)
        let opened = lanes.look(last: 100)
        #expect(opened)
        let again = lanes.look(last: 101)
        #expect(!again)
        #expect(lanes.backlogEnd == 95 && lanes.livePosition == 95)
        #expect(lanes.sendLive() == 95)
        lanes.acknowledgedLive(through: 101)
        lanes.acknowledgedBacklog(through: 90)
        #expect(lanes.cursor == 90 && lanes.livePosition == 101)
        lanes.acknowledgedBacklog(through: 95)
        #expect(lanes.cursor == 101 && lanes.livePosition == nil && lanes.backlogEnd == nil)
    }

    @Test("a live batch that is under way while the two meet counts")
    func meeting() {
        var lanes = TelemetryLanes(cursor: 0, liveRecords: 5)
        _ = lanes.look(last: 100)
        #expect(lanes.sendLive() == 95)
        lanes.acknowledgedBacklog(through: 95)
        lanes.acknowledgedLive(through: 103)
        #expect(lanes.cursor == 103)
        lanes.acknowledgedLive(through: 103)
        #expect(lanes.cursor == 103)
    }

    @Test("a gap that a sudden end left at the beginning bears its last number; the live lane goes on behind it")
    func gapFirst() {
        var lanes = TelemetryLanes(cursor: 0, liveRecords: 5)
        _ = lanes.look(last: 100)
        #expect(lanes.sendLive() == 95)
        // The records 96 to 351 are one gap, 351.
        lanes.acknowledgedLive(through: 352)
        #expect(lanes.livePosition == 352)
        #expect(lanes.sendLive() == 352)
        // A second outage opens another lane while records of the first are under way.
        _ = lanes.look(last: 500)
        lanes.acknowledgedLive(through: 360)
        #expect(lanes.spans.map(\.through) == [360, 495])
        lanes.acknowledgedBacklog(through: 95)
        #expect(lanes.cursor == 360 && lanes.backlogEnd == 495)
    }

    @Test("a second outage during the drain opens a second live lane; nothing between is left out")
    func secondOutage() {
        var lanes = TelemetryLanes(cursor: 0, liveRecords: 5)
        _ = lanes.look(last: 100)
        #expect(lanes.sendLive() == 95)
        lanes.acknowledgedLive(through: 102)
        let reopened = lanes.look(last: 200)
        #expect(reopened)
        #expect(lanes.livePosition == 195 && lanes.backlogEnd == 95)
        lanes.acknowledgedBacklog(through: 95)
        #expect(lanes.cursor == 102 && lanes.backlogEnd == 195)
        lanes.acknowledgedBacklog(through: 195)
        #expect(lanes.cursor == 195)
    }

    @Test("however often it fails, what is kept of it is bounded, and every record is sent")
    func bounded() {
        var lanes = TelemetryLanes(cursor: 0, liveRecords: 1)
        var last: Int64 = 0
        for _ in 0..<1000 {
            last += 10
            _ = lanes.look(last: last)
        }
        #expect(lanes.spans.count == TelemetryLanes.mostSpans)
        var sent: Set<Int64> = []
        while lanes.cursor < last {
            let end = min(lanes.backlogEnd ?? last, lanes.cursor + 7)
            sent.formUnion((lanes.cursor + 1)...end)
            lanes.acknowledgedBacklog(through: end)
        }
        #expect(sent.count == Int(last))
    }
}
