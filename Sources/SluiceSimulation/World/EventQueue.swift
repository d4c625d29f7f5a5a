/// What happens in virtual time, earliest first; of two at the same moment, the one put in first.
struct EventQueue<Item> {
    /// The items lie still in a table of their own: only their places move in the heap.
    private struct Entry {
        let at: Int
        let order: Int
        let place: Int

        func isBefore(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    private var heap: [Entry] = []
    private var items: [Item?] = []
    private var free: [Int] = []
    private var order = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func push(_ item: Item, at: Int) {
        order += 1
        let place: Int
        if let last = free.popLast() {
            place = last
            items[place] = item
        } else {
            place = items.count
            items.append(item)
        }
        let entry = Entry(at: at, order: order, place: place)
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entry.isBefore(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    mutating func pop() -> (at: Int, item: Item)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty { sink(last) }
        free.append(first.place)
        return items[first.place].take().map { (first.at, $0) }
    }

    /// Puts an entry in at the root, whose own has been taken.
    private mutating func sink(_ entry: Entry) {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(entry) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = entry
    }
}
