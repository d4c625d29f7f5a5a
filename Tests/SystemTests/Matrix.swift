import Foundation
import Testing

/// Which points of a matrix a run takes.
///
/// A matrix is long: `make test` takes some of its points, others each time, and a variable asks
/// for all of them, `all`, or for a part, `all:2/8`.
enum Matrix {
    static func choose<Point>(
        from points: [Point], sample: Int, _ variable: String
    ) throws -> [Point] {
        guard let wish = ProcessInfo.processInfo.environment[variable] else {
            // One of each of so many stretches, drawn anew each time.
            let parts = min(sample, points.count)
            return (0..<parts).map { part in
                let end = (part + 1) * points.count / parts
                return points[Int.random(in: (part * points.count / parts)..<end)]
            }
        }
        if wish == "all" { return points }
        let numbers = wish.dropFirst("all:".count).split(separator: "/").compactMap { Int($0) }
        try #require(
            wish.hasPrefix("all:") && numbers.count == 2 && (1...numbers[1]).contains(numbers[0]),
            "\(variable) is `all` or `all:PART/PARTS`, not `\(wish)`")
        return stride(from: numbers[0] - 1, to: points.count, by: numbers[1]).map { points[$0] }
    }
}
