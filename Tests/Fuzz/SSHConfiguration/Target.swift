import SluiceSSHConfig

/// Any bytes as files of ssh's configuration: settings, or problems.
func fuzz(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe fuzzSSHConfiguration($0) }
}
