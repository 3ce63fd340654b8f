internal import BusSurvey
public import Concentrator
public import MeterProfiles
public import Metering
public import UplinkProtocol

/// The news of a scan as JSON: the same from the daemon and from a scan without one.
public enum ScanJSON {
    public static func event(
        _ event: ScanEvent, bus: BusConfiguration, configured: SerialFormat?, installed: [SiteMeter]
    ) -> JSONValue {
        switch event {
        case .progress(let progress): return .object(["progress": self.progress(progress)])
        case .found(let device): return .object(["found": self.device(device)])
        case .failed(let reason): return .object(["error": .string(reason)])
        case .ended(let devices, let progress, let isComplete):
            let sheet = ScanSheet(
                bus: bus.id, port: bus.port, configured: configured, found: devices, installed: installed)
            let settled = devices.settled
            return .object([
                "ended": .object([
                    "complete": .boolean(isComplete), "progress": self.progress(progress),
                    "devices": .array(
                        settled.map { device in
                            var members = self.device(device).object ?? [:]
                            members["remark"] = .string(sheet.words(for: device))
                            return .object(members)
                        }), "import_file": .string(sheet.importFile),
                    "configuration": .string(sheet.configurationFragment),
                ])
            ])
        }
    }

    private static func progress(_ progress: ScanProgress) -> JSONValue {
        .object([
            "done": .integer(Int64(progress.addressesDone)), "total": .integer(Int64(progress.addressesTotal)),
            "baud": progress.serial.map { .integer(Int64($0.baud)) } ?? .null,
            "format": progress.serial.map { .string($0.formatText) } ?? .null,
            "unit": progress.unit.map { .integer(Int64($0)) } ?? .null,
            "elapsed_ms": .integer(progress.elapsed.wholeMilliseconds),
            "remaining_ms": .integer(progress.remaining.wholeMilliseconds), "found": .integer(Int64(progress.found)),
        ])
    }

    private static func device(_ device: FoundDevice) -> JSONValue {
        let (certainty, profiles) =
            switch device.model {
            case .identified(let id): ("identified", [id])
            case .ambiguous(let ids): ("ambiguous", ids)
            case .plausible(let ids): ("plausible", ids)
            case .unknown: ("unknown", [])
            }
        return .object([
            "unit": .integer(Int64(device.unit)), "baud": .integer(Int64(device.serial.baud)),
            "format": .string(device.serial.formatText), "model": .string(certainty),
            "profiles": .array(profiles.map(JSONValue.string)),
            "asked": .integer(Int64(device.evidence.asked)), "answered": .integer(Int64(device.evidence.answered)),
            "broken": .integer(Int64(device.evidence.broken)), "doubled": .integer(Int64(device.evidence.doubled)),
            "verdict": .string(verdict(device.evidence.verdict)),
        ])
    }

    private static func verdict(_ verdict: AddressEvidence.Verdict) -> String {
        switch verdict {
        case .nobody: "nobody"
        case .oneDevice: "one_device"
        case .poorLine: "poor_line"
        case .perhapsTwoDevices: "perhaps_two_devices"
        case .twoDevices: "two_devices"
        }
    }
}
