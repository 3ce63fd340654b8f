import MeterProfiles
import Testing

/// An answer as a model gives it: the registers of one read, and what must come out.
struct ModelAnswer: Sendable, CustomTestStringConvertible {
    let profile: String
    let table: RegisterTable
    let address: UInt16
    let words: [UInt16]
    let values: [String: Int64]
    var testDescription: String { "\(profile) at 0x\(String(address, radix: 16))" }
}

/// At least one answer of every shipped model, worked out by hand from its manual or its drivers.
enum ModelAnswers {
    static let all: [ModelAnswer] = [
        // 230.2 V; 0.43 A; 95.5 W
        ModelAnswer(
            profile: "eastron-sdm120", table: .input, address: 0,
            words: [0x4366, 0x3333, 0, 0, 0, 0, 0x3EDC, 0x28F6, 0, 0, 0, 0, 0x42BF, 0x0000],
            values: ["voltage": 230_200, "current": 430, "active_power": 95_500]),
        // 1234.567 kWh
        ModelAnswer(
            profile: "eastron-sdm120", table: .input, address: 0x48, words: [0x449A, 0x5225],
            values: ["energy_import": 1_234_567]),
        // Total power -1500 W (exporting), 2.5 kvar
        ModelAnswer(
            profile: "eastron-sdm630", table: .input, address: 0x34,
            words: [0xC4BB, 0x8000, 0, 0, 0, 0, 0, 0, 0x451C, 0x4000],
            values: ["active_power": -1_500_000, "apparent_power": 0, "reactive_power": 2_500_000]),
        // 81234.56 kWh; 229.7 V; 12.34 A; -0.250 kW
        ModelAnswer(
            profile: "acrel-ddsy1352", table: .holding, address: 0,
            words: [0x007B, 0xF440, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2297, 1234, 0xFF06],
            values: [
                "energy_import": 81_234_560, "energy_sharp": 0, "energy_peak": 0, "energy_flat": 0, "energy_valley": 0,
                "voltage": 229_700, "current": 12_340, "active_power": -250_000,
            ]),
        // 230.1 V, 5.25 A; 1.205 kW, 0.310 kvar; PF 0.968
        ModelAnswer(
            profile: "acrel-ddsy1352-block", table: .holding, address: 0x201,
            words: [2301, 0, 0, 525, 0, 0, 1205, 0, 0, 1205, 310, 0, 0, 310, 968, 0, 0, 968],
            values: [
                "voltage": 230_100, "current": 5_250, "active_power": 1_205_000, "reactive_power": 310_000,
                "power_factor": 968,
            ]),
        ModelAnswer(
            profile: "acrel-ddsy1352-block", table: .holding, address: 0x215, words: [0x0001, 0x86A1],
            values: ["energy_import": 1_000_010]),
        // 230.5 V, 231 V, 229.5 V
        ModelAnswer(
            profile: "eastron-sdm72", table: .input, address: 0x0,
            words: [0x4366, 0x8000, 0x4367, 0, 0x4365, 0x8000],
            values: ["voltage_l1": 230_500, "voltage_l2": 231_000, "voltage_l3": 229_500]),
        // The latest recharge: 50.25
        ModelAnswer(
            profile: "eastron-sdm320y", table: .holding, address: 0x500,
            words: [0x4249, 0],
            values: ["last_recharge": 50_250]),
        // 12.5 kWh of import
        ModelAnswer(
            profile: "eastron-sdm320y", table: .input, address: 0x48,
            words: [0x4148, 0],
            values: ["energy_import": 12_500]),
        // Remaining -3.21, 4 purchases, 1 trip; alarm 2 and arrears
        ModelAnswer(
            profile: "acrel-ddsy1352-block", table: .holding, address: 0x21F,
            words: [0xFFFF, 0xFEBF, 4, 1, 0, 0x20A0],
            values: ["remaining_money": -3_210, "purchase_count": 4, "load_trips": 1, "state": 160]),
        // 229.9 V, 230.0 V, 230.1 V; 1.00 A, 2.00 A, 3.00 A; 0.200, 0.300, 0.400, 0.900 kW
        ModelAnswer(
            profile: "acrel-dtsy1352-block", table: .holding, address: 0x201,
            words: [0x08FB, 0x08FC, 0x08FD, 0x0064, 0x00C8, 0x012C, 0x00C8, 0x012C, 0x0190, 0x0384],
            values: [
                "voltage_l1": 229_900, "voltage_l2": 230_000, "voltage_l3": 230_100, "current_l1": 1_000,
                "current_l2": 2_000, "current_l3": 3_000, "active_power_l1": 200_000, "active_power_l2": 300_000,
                "active_power_l3": 400_000, "active_power": 900_000,
            ]),
        // Circuit of a box: 4321.09 kWh
        ModelAnswer(
            profile: "acrel-adf300", table: .holding, address: 0x215,
            words: [6, 0x97ED],
            values: ["energy_import": 4_321_090]),
        // 230.4 V; unused; 5.12 A; 1180 W on each of two phases, -1 W on the third
        ModelAnswer(
            profile: "acrel-adw300", table: .holding, address: 0x14,
            words: [
                0x0900, 0x0901, 0x0902, 0, 0, 0, 0x0200, 0x0200, 1, 0, 0, 0x049C, 0, 0x049C, 0xFFFF, 0xFFFF, 0, 0x0937,
            ],
            values: [
                "voltage_l1": 230_400, "voltage_l2": 230_500, "voltage_l3": 230_600, "current_l1": 5_120,
                "current_l2": 5_120, "current_l3": 10, "active_power_l1": 1_180_000, "active_power_l2": 1_180_000,
                "active_power_l3": -1_000, "active_power": 2_359_000,
            ]),
        // 3 purchases, 500.00 kWh bought, 123.45 kWh left
        ModelAnswer(
            profile: "dtsy-prepaid", table: .holding, address: 0x1103,
            words: [3, 0, 0xC350, 0, 0x3039],
            values: ["purchase_count": 3, "bought_energy": 500_000, "remaining_energy": 123_450]),
        // 230.1 V as 2301, 229.8 V as 2298, 0 V
        ModelAnswer(
            profile: "chint-dtsu666", table: .holding, address: 0x2006,
            words: [0x450F, 0xD000, 0x450F, 0xA000, 0, 0],
            values: ["voltage_l1": 230_100, "voltage_l2": 229_800, "voltage_l3": 0]),
        // 49.98 Hz as 4998
        ModelAnswer(
            profile: "chint-dtsu666", table: .holding, address: 0x2044,
            words: [0x459C, 0x3000],
            values: ["frequency": 49_980]),
        // 231.25 V, 1.5 A, 0.345 kW, 0.0625 kvar
        ModelAnswer(
            profile: "chint-ddsu666", table: .holding, address: 0x2000,
            words: [0x4367, 0x4000, 0x3FC0, 0, 0x3EB0, 0xA3D7, 0x3D80, 0],
            values: ["voltage": 231_250, "current": 1_500, "active_power": 345_000, "reactive_power": 62_500]),
        // -1234.5 W in total: the low word first
        ModelAnswer(
            profile: "gavazzi-em24", table: .input, address: 0x28,
            words: [0xCFC7, 0xFFFF],
            values: ["active_power": -1_234_500]),
        // 6553.7 kWh, which needs the second word
        ModelAnswer(
            profile: "gavazzi-em24", table: .input, address: 0x42,
            words: [1, 1],
            values: ["energy_import": 6_553_700]),
        // 4 294 967 296 Wh, which needs the third word
        ModelAnswer(
            profile: "schneider-iem3000", table: .holding, address: 0xC83,
            words: [0, 1, 0, 0],
            values: ["energy_import": 4_294_967_296]),
        // 12.5 m3 forward, 0 back, 0.25 m3/h, full pipe, 87.5 m3 left
        ModelAnswer(
            profile: "xintai-valve-water", table: .holding, address: 0x1,
            words: [0, 0x4841, 0, 0, 0, 0x803E, 0x00AA, 0, 0xAF42],
            values: ["volume": 12_500, "volume_reverse": 0, "flow": 250, "remaining_volume": 87_500]),
        // 3.5 V; valve open, battery low
        ModelAnswer(
            profile: "xintai-valve-water", table: .holding, address: 0x1A,
            words: [0, 0x6040, 9],
            values: ["battery_voltage": 3_500, "state": 9]),
    ]
}
