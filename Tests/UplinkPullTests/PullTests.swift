import Foundation
import Metering
import NIOHTTP1
import ReferencePlatform
import Testing
import UplinkProtocol
import UplinkPull

@Suite("The pull endpoint", .timeLimit(.minutes(5)))
struct PullTests {
    private static let telemetry = "/v1/gateways/G-1/logs/telemetry"

    @Test("a page is the very batch that a push would carry; as lines it holds the same records")
    func pages() async throws {
        try await PullBench.run { bench in
            bench.source.addReadings(1...7, meter: try #require(MeterID(rawValue: "M-1")))
            let page = try await bench.ask(.GET, "\(Self.telemetry)?cursor=2&limit=3")
            #expect(page.status == 200 && page.type == "application/json")
            let batch = try Batch(bytes: page.bytes)
            let pushed = Batch(
                gateway: bench.source.gateway, epoch: "e1", chainHead: bench.source.chainHead(),
                entries: bench.source.readings(after: 2, limit: 3))
            #expect(batch == pushed?.asRecords && page.bytes == pushed?.asRecords.bytes)
            let columns = try await bench.ask(
                .GET, "\(Self.telemetry)?cursor=2&limit=3",
                accept: "application/vnd.meterkeep.columns+json, application/json")
            #expect(columns.type == "application/vnd.meterkeep.columns+json" && columns.bytes == pushed?.bytes)
            let lines = try await bench.ask(
                .GET, "\(Self.telemetry)?cursor=2&limit=3", accept: "application/x-ndjson")
            #expect(lines.type == "application/x-ndjson")
            #expect(
                String(decoding: lines.bytes, as: UTF8.self)
                    == batch.records.map { $0.canonicalText + "\n" }.joined())
            #expect(lines.headers.first(name: "Meterkeep-Last") == "5")
            #expect(lines.headers.first(name: "Meterkeep-Epoch") == "e1")
        }
    }

    @Test("each consumer has a cursor of its own, which only moves forward, and only by acknowledging")
    func cursors() async throws {
        try await PullBench.run { bench in
            bench.source.addReadings(1...7, meter: try #require(MeterID(rawValue: "M-1")))
            func acknowledge(_ through: Int64, as client: String = "billing") async throws -> Answer {
                try await bench.ask(
                    .POST, "\(Self.telemetry)/cursor", body: "{\"epoch\":\"e1\",\"through\":\(through)}", as: client)
            }
            #expect(try Batch(bytes: try await bench.ask(.GET, Self.telemetry).bytes).first == 1)
            #expect(try await acknowledge(5).json.object?["through"] == .integer(5))
            #expect(try await acknowledge(3).json.object?["through"] == .integer(5))
            #expect(try await acknowledge(8).status == 409)
            #expect(try Batch(bytes: try await bench.ask(.GET, Self.telemetry).bytes).first == 6)
            #expect(try Batch(bytes: try await bench.ask(.GET, Self.telemetry, as: "archive").bytes).first == 1)
            #expect(try await acknowledge(7).status == 200)
            #expect(try await bench.ask(.GET, Self.telemetry).status == 204)
            let other = try await bench.ask(
                .POST, "\(Self.telemetry)/cursor", body: "{\"epoch\":\"e0\",\"through\":1}")
            #expect(other.status == 409)
        }
    }

    @Test("a request that is held ends when something comes")
    func waits() async throws {
        try await PullBench.run { bench in
            let page = try await bench.ask(.GET, "\(Self.telemetry)?wait=60")
            #expect(try Batch(bytes: page.bytes).last == 1)
        }
    }

    @Test("a consumer that fell behind is told where to go on; so is one of another epoch")
    func gone() async throws {
        try await PullBench.run { bench in
            bench.source.addReadings(1...9, meter: try #require(MeterID(rawValue: "M-1")))
            bench.source.evict(through: 4)
            for cursor in [0, 2, 3] {
                let page = try await bench.ask(.GET, "\(Self.telemetry)?cursor=\(cursor)")
                #expect(page.status == 410)
                #expect(page.json.object?["oldest_cursor"] == .integer(4))
            }
            #expect(try Batch(bytes: try await bench.ask(.GET, "\(Self.telemetry)?cursor=4").bytes).first == 5)
            let page = try await bench.ask(.GET, "\(Self.telemetry)?cursor=9&epoch=e0")
            #expect(page.status == 410)
            #expect(page.json.object?["epoch"] == .string("e1"))
        }
    }

    @Test("a cursor ahead of the log is of another epoch, though the consumer does not name one")
    func ahead() async throws {
        try await PullBench.run { bench in
            bench.source.addReadings(1...9, meter: try #require(MeterID(rawValue: "M-1")))
            bench.source.acknowledge(.telemetry, through: 3, for: "billing")
            #expect(try await bench.ask(.GET, "\(Self.telemetry)?cursor=9").status == 204)
            for question in ["cursor=10", "cursor=9223372036854775807", "cursor=10&wait=60"] {
                let page = try await bench.ask(.GET, "\(Self.telemetry)?\(question)")
                #expect(page.status == 410, "\(question)")
                #expect(page.json.object?["epoch"] == .string("e1"))
                #expect(page.json.object?["oldest_cursor"] == .integer(3))
            }
            let ledger = try await bench.ask(.GET, "/v1/gateways/G-1/logs/ledger?cursor=1")
            #expect(ledger.status == 410 && ledger.json.object?["oldest_cursor"] == .integer(0))
        }
    }

    @Test("only registered certificates; a name in a certificate is worth nothing")
    func strangers() async throws {
        try await PullBench.run { bench in
            #expect(try await bench.ask(.GET, "/v1/gateways/G-1/logs").status == 200)
            #expect(try await bench.ask(.GET, "/v1/gateways/G-1/logs", as: "stranger").status == 403)
            // Another authority's certificate with the right name does not come through the handshake.
            let forged = "\(bench.folder)/forged"
            try CertificateMaker.make(in: forged, gateways: ["billing"])
            for name in ["billing.pem", "billing.key"] {
                try Data(contentsOf: URL(filePath: "\(forged)/\(name)"))
                    .write(to: URL(filePath: "\(bench.folder)/forged-\(name)"))
            }
            await #expect(throws: (any Error).self) {
                try await bench.ask(.GET, "/v1/gateways/G-1/logs", as: "forged-billing")
            }
        }
    }

    @Test("what is wrong with the files is said with the file and what to do")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pull-\(UUID().uuidString.prefix(8))").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try CertificateMaker.make(in: folder, gateways: ["billing"])
        try PullBench.address(folder, consumers: ["billing"]).check()
        #expect(throws: PullSetupError.self) { try PullBench.address(folder, consumers: ["nobody"]).check() }
        try Data("nothing".utf8).write(to: URL(filePath: "\(folder)/platform.pem"))
        do {
            try PullBench.address(folder, consumers: ["billing"]).check()
            Issue.record("taken")
        } catch {
            #expect(error.path == "\(folder)/platform.pem" && error.reason.hasPrefix("is not in PEM form"))
        }
    }
}
