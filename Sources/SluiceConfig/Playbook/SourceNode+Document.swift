import SluiceModel

extension SourceNode {
    /// What a file has, before its templates are rendered. Keys are those that are written.
    init(_ document: Document) {
        location = document.location
        switch document.content {
        case .scalar(let value):
            content = .scalar(
                SourceScalar(text: document.form?.text ?? value.text, value: value))
        case .list(let items): content = .sequence(items.map { SourceNode($0) })
        case .map(let entries):
            content = .mapping(
                entries.map {
                    SourceEntry(
                        key: $0.written, keyLocation: $0.location, node: SourceNode($0.value))
                })
        }
    }
}
