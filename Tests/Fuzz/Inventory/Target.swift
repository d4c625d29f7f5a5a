import SluiceConfig
import SluiceModel

/// Any bytes as an inventory: the answer is an inventory, which can be listed, or problems.
///
/// The first byte chooses the format; the rest is the file.
func fuzz(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let name = ["hosts.ini", "hosts.yml", "hosts", "hosts.json"][Int(first) % 4]
    let inventory: Inventory
    do {
        inventory = try InventoryReader().read(Array(bytes.dropFirst()), named: name).inventory
    } catch {
        precondition(error.problems.allSatisfy { !$0.remedy.isEmpty })
        return
    }
    // Ranges make large fleets of short texts; what is printed of a host is the same in small ones.
    guard inventory.hosts.count <= 300 else { return }
    let listing = InventoryListing.list(inventory)
    // What is printed has to be JSON, and the same the second time.
    do {
        _ = try Document.json(listing, file: "listing")
    } catch {
        preconditionFailure("\(error)")
    }
    precondition(listing == InventoryListing.list(inventory))
    _ = InventoryListing.graph(inventory, withVariables: true)
    for host in inventory.hosts.prefix(3) {
        let variables = inventory.variables(for: host)
        _ = try? ConnectionVariables.read(
            host: host, variables: variables,
            render: { try TemplateRendering.render($0, over: variables) })
    }
}
