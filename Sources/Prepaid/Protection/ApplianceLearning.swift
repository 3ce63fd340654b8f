/// The allow-list of a circuit, changed by one appliance.
extension MalignantLoadSettings {
    /// With one more appliance. An appliance may be there several times under one name: a coffee maker takes
    /// other steps when it is warm.
    ///
    /// - Throws: what is wrong with its name, its power or its tolerance, or that the list is full.
    public func learning(_ appliance: LearnedAppliance) throws(SettingProblems) -> MalignantLoadSettings {
        try allowing(allowed.contains(appliance) ? allowed : allowed + [appliance])
    }

    /// Without the appliances of a name; nil where there is none of it.
    public func forgetting(_ name: String) throws(SettingProblems) -> MalignantLoadSettings? {
        let left = allowed.filter { $0.name != name }
        return left.count < allowed.count ? try allowing(left) : nil
    }

    private func allowing(_ allowed: [LearnedAppliance]) throws(SettingProblems) -> MalignantLoadSettings {
        try MalignantLoadSettings(
            mode: mode, bands: bands, powerFactorLimitMillionths: powerFactorLimit.millionths, dwell: dwell,
            allowed: allowed, choppedMode: choppedMode, powerOnlyMode: powerOnlyMode, release: release)
    }
}
