public import Metering

/// Why a device brings no reading, and what to do about it, in the words of those who stand before it.
public enum InstallerWords {
    /// A port that cannot be used now.
    public static func portGone(_ bus: BusID, _ port: String) -> String {
        "bus \(bus): the port \(port) cannot be used; \(portRemedy(port)); it is used again at once"
    }

    /// What brings a port back: an adapter on this box, or a converter in the network.
    public static func portRemedy(_ port: String) -> String {
        isInNetwork(port)
            ? "check the converter's power and network cable, and its address and port in gateway.yaml"
            : "plug the adapter in"
    }

    /// Whether a port is a converter's, as `tcp://HOST:PORT?framing=rtu` writes it.
    public static func isInNetwork(_ port: String) -> Bool { port.hasPrefix("tcp://") }

    /// - Parameters:
    ///   - profile: the model it is installed as.
    public static func remedy(_ reason: NoDataReason, at address: UnitAddress, profile: String) -> String {
        let place = "unit \(address.unit) on bus \(address.bus)"
        return switch reason {
        case .neverRead: "\(place) was not asked yet; wait for its turn"
        case .timeout:
            "\(place) does not answer; check its power, the wires A and B, its address, rate and format "
                + "(meterkeep scan --bus \(address.bus) --addresses \(address.unit))"
        case .badFrame:
            "answers of \(place) come broken; check the cable, its ends and termination there, and that no other "
                + "device has this address"
        case .exception:
            "\(place) refuses what it is asked; it is probably no \(profile): identify it (meterkeep scan --bus "
                + "\(address.bus) --addresses \(address.unit)) and correct its profile"
        case .wrongUnit:
            "another device answers for \(place); look for a device with a wrong address, or a second master"
        case .busDown: "the port of bus \(address.bus) is gone; meterkeep bus says which it is, and what to do"
        case .notAReading: "\(place) answers with zeros or ones only, as after a power-up; if it stays so, check it"
        }
    }
}
