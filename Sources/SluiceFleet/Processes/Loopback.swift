import Glibc
import NIOCore

/// Addresses and ports of 127.0.0.0/8, all of which is local on Linux.
enum Loopback {
    /// Whether a TCP port can be listened on now.
    static func isFree(_ address: String, _ port: Int) -> Bool {
        unsafe withSocket(address, port) { descriptor, socketAddress, length in
            unsafe bind(descriptor, socketAddress, length) == 0
        }
    }

    /// Whether somebody listens on a TCP port now.
    static func answers(_ address: String, _ port: Int) -> Bool {
        unsafe withSocket(address, port) { descriptor, socketAddress, length in
            unsafe connect(descriptor, socketAddress, length) == 0
        }
    }

    private static func withSocket(
        _ address: String, _ port: Int,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // As servers do: the remains of closed connections do not hold the port.
        var on: Int32 = 1
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        // Not `sockaddr_in`: whether its members are Glibc's or those of NIO's C module differs from
        // build to build, and with it whether they are visible here.
        guard let name = try? SocketAddress(ipAddress: address, port: port) else { return false }
        return unsafe name.withSockAddr { pointer, length in
            unsafe body(descriptor, pointer, socklen_t(length))
        }
    }
}

/// The addresses of one fleet: a block of its own, so that two fleets at once do not meet.
struct AddressBlock: Sendable, Hashable {
    let second: Int
    let third: Int
    let sshPort: Int
    let servicePort: Int
    let publicPort: Int

    func node(_ number: Int) -> String { "127.\(second).\(third).\(number)" }
    var balancer: String { node(250) }

    /// Picks a block and ports that are free now.
    static func choose(nodes: Int) throws -> AddressBlock {
        for attempt in 0..<50 {
            // The well-known numbers read better; a wildcard listener of somebody else may hold them.
            let usual = attempt < 25
            let block = AddressBlock(
                second: .random(in: 64...191), third: .random(in: 1...254),
                sshPort: usual ? 2222 : .random(in: 20000...24999),
                servicePort: usual ? 8080 : .random(in: 25000...28999),
                publicPort: usual ? 8000 : .random(in: 29000...31999))
            let isFree = (1...nodes).allSatisfy { number in
                Loopback.isFree(block.node(number), block.sshPort)
                    && Loopback.isFree(block.node(number), block.servicePort)
            }
            if isFree && Loopback.isFree(block.balancer, block.publicPort) { return block }
        }
        throw FleetError(
            .noAddress, "no free loopback addresses for \(nodes) nodes",
            remedy: "Check that nothing listens on all ports of 127.0.0.0/8, and that it is local.")
    }
}
