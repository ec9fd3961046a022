import Foundation
package import GRDB

/// Two contents, by their SHA-256, in either order.
package struct DistinctPair: Hashable, Sendable {
    package let first: [UInt8], second: [UInt8]

    package init(_ a: [UInt8], _ b: [UInt8]) {
        let isInOrder = a.lexicographicallyPrecedes(b)
        first = isInOrder ? a : b
        second = isInOrder ? b : a
    }
}

extension Catalog {
    /// The pairs that were told to be no copies of each other; none in a catalog of version 1 that was not yet
    /// written by this imgvec.
    package func distinctPairs(_ database: Database) throws -> Set<DistinctPair> {
        guard try database.tableExists("distinct_pair") else { return [] }
        var pairs: Set<DistinctPair> = []
        let rows = try Row.fetchCursor(database, sql: "SELECT first, second FROM distinct_pair")
        while let row = try rows.next() {
            pairs.insert(
                DistinctPair(
                    [UInt8](row["first"] as Data? ?? Data()), [UInt8](row["second"] as Data? ?? Data())))
        }
        return pairs
    }

    /// Remembers a pair; gives whether it is new.
    package func insert(_ pair: DistinctPair, in database: Database) throws -> Bool {
        try database.execute(
            sql: "INSERT OR IGNORE INTO distinct_pair VALUES (?, ?)",
            arguments: [Data(pair.first), Data(pair.second)])
        return database.changesCount > 0
    }

    /// Forgets a pair; gives whether it was there.
    package func delete(_ pair: DistinctPair, in database: Database) throws -> Bool {
        try database.execute(
            sql: "DELETE FROM distinct_pair WHERE first = ? AND second = ?",
            arguments: [Data(pair.first), Data(pair.second)])
        return database.changesCount > 0
    }
}
