/// What happens in virtual time, earliest first; of two at the same moment, the one put in first.
struct EventQueue<Item> {
    private struct Entry {
        let at: Int
        let order: Int
        let item: Item

        func isBefore(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    private var heap: [Entry] = []
    private var order = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func push(_ item: Item, at: Int) {
        order += 1
        heap.append(Entry(at: at, order: order, item: item))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (at: Int, item: Item)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2]
                where child < heap.count && heap[child].isBefore(heap[least]) {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(least, parent)
                parent = least
            }
        }
        return (first.at, first.item)
    }
}
