import Foundation

/// The entry of libFuzzer's library; SwiftPM wants a `main` of its own, so its is not used.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// What the library's own `main` would call; it has to be there, and is not used either.
@_cdecl("LLVMFuzzerTestOneInput")
private func unusedTarget(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt { 0 }

var count = CommandLine.argc
var arguments = unsafe CommandLine.unsafeArgv
exit(
    unsafe runDriver(&count, &arguments) { start, count in
        unsafe fuzz(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    })
