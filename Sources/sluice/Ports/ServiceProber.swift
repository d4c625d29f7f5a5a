import Foundation
import SluiceEngine
import SluiceHTTP
import SluiceModel
import SluiceSSH

/// Asks services as their balancers do: from here, or through the SSH connection to the host.
struct ServiceProber: HealthProbing {
    private let hosts: SSHHosts
    private let prober: HealthProber

    init(hosts: SSHHosts) throws {
        self.hosts = hosts
        prober = try HealthProber()
    }

    func probe(_ spec: HostSpec) async -> ProbeResult {
        let (address, via) = route(to: spec)
        return await prober.probe(
            address: address, port: spec.service.port, checks: spec.healthChecks, via: via)
    }

    func get(_ path: String, of spec: HostSpec) async -> ProbeResult {
        let (address, via) = route(to: spec)
        return await prober.get(
            address: address, port: spec.service.port, path: path,
            hostHeader: spec.healthChecks.first?.hostHeader,
            timeout: spec.healthChecks.map(\.timeout).max() ?? .seconds(5), via: via)
    }

    private func route(to spec: HostSpec) -> (String, (any ByteExchange)?) {
        if spec.healthChecks.contains(where: { $0.from == .host }) {
            return (
                spec.service.address ?? "127.0.0.1",
                ChannelExchange(hosts: hosts, target: spec.target)
            )
        }
        return (spec.target.serviceAddress ?? spec.service.address ?? spec.target.address, nil)
    }
}

/// A way to a port of a host through its SSH connection.
private struct ChannelExchange: ByteExchange {
    let hosts: SSHHosts
    let target: HostTarget

    func exchange(
        host: String, port: Int, request: [UInt8], deadline: ContinuousClock.Instant,
        receive: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws {
        do {
            _ = try await hosts.connection(to: target).exchange(
                host: host, port: port, request: request, deadline: deadline,
                wantsMore: { receive(Array($0)) })
        } catch let error as SSHError where error.code == .portRefused {
            throw HTTPError(.refused, error.message, remedy: error.remedy, cause: error)
        } catch let error as SSHError where error.code == .unanswered {
            throw HTTPError(.timedOut, error.message, remedy: error.remedy, cause: error)
        } catch let error as SSHError {
            throw ExchangeUnavailable(error.message, remedy: error.remedy, cause: error)
        }
    }
}
