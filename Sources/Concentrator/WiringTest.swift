internal import BusSurvey
public import Commissioning
internal import FieldBus
public import MeterProfiles
internal import Metering

/// Tries the wiring of a port that no daemon uses: listens to the idle line, then asks a few addresses in the
/// usual formats until one answers.
public struct WiringTest: Sendable {
    private let bus: BusConfiguration
    private let formats: [SerialFormat]
    private let units: [UInt8]

    /// Noise that comes now and then is caught, and another master that asks once a second.
    private static let listening: Duration = .milliseconds(1_200)
    private static let enoughFormats = 3
    private static let patience: Duration = .milliseconds(150)

    /// - Parameters:
    ///   - formats: in the order in which they are tried.
    ///   - units: who may be there.
    public init(_ bus: BusConfiguration, formats: [SerialFormat], units: [UInt8]) {
        self.bus = bus
        self.formats = formats
        self.units = units
    }

    /// - Throws: when the port cannot be used.
    public func run() async throws(GatewayProblem) -> WiringEvidence {
        do throws(PortError) {
            var evidence = WiringEvidence()
            if case .serial(let path) = PortAddress(bus.port) {
                let heard = try LineListener.listen(
                    to: path, in: bus.serial, driving: bus.allowances.driving, for: Self.listening)
                evidence.listened = Self.listening
                evidence.idleFrames = heard.frames
                evidence.idleBreakBytes = heard.breakBytes
                evidence.idleGarbageBytes = heard.garbageBytes
            }
            let port = BusPort(bus: bus.id, path: bus.port, serial: bus.serial, allowances: bus.allowances)
            try await port.open()
            for serial in formats {
                let trial = await ask(port, in: serial)
                evidence.trials.append(trial)
                if trial.answered > 0 { break }
                // Zeros alone in several formats say enough; others would only take the installer's time.
                let isEnough = evidence.trials.count >= Self.enoughFormats
                if isEnough, WiringDiagnosis(evidence).verdict == .probablySwapped { break }
            }
            await port.close()
            return evidence
        } catch { throw .device(error.description) }
    }

    private func ask(_ port: BusPort, in serial: SerialFormat) async -> WiringEvidence.Trial {
        var trial = WiringEvidence.Trial(serial: serial)
        guard let request = ReadRequest(table: .holding, address: 0, count: 1) else { return trial }
        for unit in units {
            let transaction = await port.probe(unit: unit, request, in: serial, timeout: Self.patience)
            trial.asked += 1
            if transaction.notes.contains(.localEcho) { trial.echoed += 1 }
            for case .foreignFrame in transaction.notes { trial.foreign += 1 }
            switch transaction.result {
            case .success, .failure(.exception):
                trial.answered += 1
                trial.units.insert(unit)
            case .failure(.portLost): return trial
            case .failure:
                let heard = HeardBytes(transaction.received)
                trial.breakBytes += heard.breakBytes
                trial.garbageBytes += heard.garbageBytes
            }
        }
        return trial
    }
}
