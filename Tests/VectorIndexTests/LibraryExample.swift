import SystemPackage
import VectorIndex

// The example of Docs/VectorIndex.md, compiled and run by LibraryExampleTests.

// example begins
/// Keeps some vectors in a folder, asks for the nearest, and shows what a commit and a snapshot are.
func nearestColors(in folder: FilePath) throws -> [UInt64] {
    // The space says what may be compared: a dimension, and what made the vectors.
    let space = VectorSpace(dimension: 3, fingerprint: "rgb")

    // One writer at a time. Rows have ids of your own choice and are durable after `commit`.
    let store = try VectorStore(folder: folder, space: space)
    try store.append(id: 1, vector: [0.9, 0.1, 0.0])  // red
    try store.append(id: 2, vector: [0.8, 0.6, 0.0])  // orange
    try store.append(id: 3, vector: [0.0, 0.2, 0.9])  // blue
    try store.commit()

    // Any number of readers, in this process or others; each sees one commit, whatever the writer does.
    let snapshot = try VectorSnapshot.open(folder: folder, space: space)
    try store.remove([1])
    try store.commit()
    try store.close()

    // The two nearest to a tomato, best first, with their cosines.
    var options = SearchOptions()
    options.recall = 0.99
    options.filter = snapshot.filter { $0 != 3 }
    let found = try snapshot.search([1, 0.2, 0.1], count: 2, options: options)
    return found.map(\.id)  // [1, 2]: the snapshot still has the row that was removed
}
// example ends
