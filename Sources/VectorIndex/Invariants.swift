import SystemPackage
import SystemSupport

extension VectorStore {
    /// Everything that must hold between two calls, as a list of what does not; for tests.
    package func brokenInvariants() -> [String] {
        var broken: [String] = []
        func require(_ holds: Bool, _ what: @autoclosure () -> String) {
            if !holds { broken.append(what()) }
        }
        require(manifest.entries.count == segments.count, "segments are not those of the manifest")
        for (entry, live) in zip(manifest.entries, segments) {
            require(entry.segment == live.number, "segment \(live.number) stands at the wrong place")
            require(
                entry.rows == live.segment.rows,
                "segment \(live.number) has other rows than the manifest says")
            if !changed.contains(live.number) {
                require(
                    entry.deletedRows == live.deleted?.count ?? 0,
                    "segment \(live.number) has unsaved deletions")
                require(live.liveCount > 0, "segment \(live.number) has no live row")
            }
            for row in 1..<max(1, live.segment.rows) {
                require(
                    live.segment.ids[row - 1] < live.segment.ids[row],
                    "segment \(live.number): ids not in order")
            }
        }
        let ids = ids()
        require(Set(ids).count == ids.count, "an id is live twice")
        require(ids.count == count, "\(count) rows, but \(ids.count) ids")
        do {
            require(try Manifest.read(in: folder) == manifest, "the manifest on the disk is another one")
        } catch {
            broken.append("the manifest cannot be read: \(error)")
        }
        let listed = manifest.entries.reduce(1) { $0 + 1 + ($1.deletions == 0 ? 0 : 1) }
        let found = (try? Folders.list(folder))?.filter { StoreFiles.isOurs($0.name) }.count ?? -1
        require(found + 1 == listed, "\(found) files beside the manifest, \(listed - 1) are named")
        return broken
    }
}
