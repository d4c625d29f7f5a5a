/// `1 host`, `2 hosts`: a number with a noun whose plural is regular.
package func numbered(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
}
