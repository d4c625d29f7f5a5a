import Foundation
import SluiceModel
import SluiceSSH

extension SSHEndpoint {
    init(_ target: HostTarget) {
        // `ssh` itself finds its way, by the name that it is given.
        let isOpenSSH = target.ssh.transport == .openssh
        self.init(
            host: isOpenSSH ? target.ssh.typedName ?? target.address : target.address,
            port: target.port, user: target.user ?? NSUserName(), settings: target.ssh,
            jumps: isOpenSSH ? [] : target.jumps.map(SSHEndpoint.init))
        name = target.name
    }
}
