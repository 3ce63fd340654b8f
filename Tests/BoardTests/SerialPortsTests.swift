import Board
import Foundation
import Testing

@Suite("Serial ports of a machine")
struct SerialPortsTests {
    /// Folders as udev and the kernel make them.
    private final class Machine {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ports-\(UUID().uuidString.prefix(8))")
            .resolvingSymlinksInPath().path
        var devices: String { "\(folder)/dev" }
        var classes: String { "\(folder)/class" }

        init(_ names: [String]) throws {
            for sub in ["dev/serial/by-path", "dev/serial/by-id", "class/ttyS0", "class/ttyS1"] {
                try FileManager.default.createDirectory(atPath: "\(folder)/\(sub)", withIntermediateDirectories: true)
            }
            for name in names { try "".write(toFile: "\(devices)/\(name)", atomically: true, encoding: .utf8) }
            try "4\n".write(toFile: "\(classes)/ttyS0/type", atomically: true, encoding: .utf8)
            try "0\n".write(toFile: "\(classes)/ttyS1/type", atomically: true, encoding: .utf8)
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func link(_ name: String, to device: String) throws {
            try FileManager.default.createSymbolicLink(
                atPath: "\(devices)/serial/\(name)", withDestinationPath: "../../\(device)")
        }
    }

    @Test("each once, by its socket; phantoms, consoles and the rest are no ports")
    func found() throws {
        let machine = try Machine(["ttyUSB0", "ttyUSB1", "ttyS0", "ttyS1", "ttyAMA1", "tty", "tty1", "ttyUSBx", "null"])
        try machine.link("by-path/platform-usb-0:1.1:1.0-port0", to: "ttyUSB0")
        try machine.link("by-path/platform-usbv2-0:1.1:1.0-port0", to: "ttyUSB0")
        try machine.link("by-id/usb-FTDI_FT232R-if00-port0", to: "ttyUSB0")
        try machine.link("by-id/usb-1a86_CH341-if00-port0", to: "ttyUSB1")
        let ports = SerialPorts.found(devices: machine.devices, classes: machine.classes)
        let rows = ports.map { port in
            [port.name, port.device, port.maker ?? "-", port.isBySocket ? "socket" : "-"]
                .map { $0.replacing(machine.devices, with: "") }
        }
        #expect(
            rows == [
                ["/serial/by-id/usb-1a86_CH341-if00-port0", "/ttyUSB1", "usb-1a86_CH341-if00-port0", "-"],
                [
                    "/serial/by-path/platform-usb-0:1.1:1.0-port0", "/ttyUSB0", "usb-FTDI_FT232R-if00-port0", "socket",
                ],
                ["/ttyAMA1", "/ttyAMA1", "-", "-"],
                ["/ttyS0", "/ttyS0", "-", "-"],
            ])
    }

    @Test("a machine without any has none")
    func none() { #expect(SerialPorts.found(devices: "/nowhere", classes: "/nowhere").isEmpty) }
}
