import GRDB

/// The catalog's tables; Docs/IndexFormat.md describes each column.
enum Schema {
    /// The format version, kept in SQLite's `user_version`. A higher one is refused, a lower one is migrated.
    static let version = 2
    /// "imgv" in ASCII, kept in SQLite's `application_id`.
    static let applicationID = 0x696D_6776

    /// Creates the tables of this version in an empty database.
    static func create(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                INSERT INTO counter VALUES ('next content id', 1);

                CREATE TABLE root (
                    id INTEGER PRIMARY KEY,
                    path BLOB NOT NULL UNIQUE,
                    is_relative INTEGER NOT NULL,
                    is_walked INTEGER NOT NULL
                );

                CREATE TABLE content (
                    id INTEGER PRIMARY KEY,
                    hash BLOB NOT NULL UNIQUE,
                    size INTEGER NOT NULL,
                    format TEXT NOT NULL,
                    width INTEGER NOT NULL,
                    height INTEGER NOT NULL,
                    orientation INTEGER NOT NULL,
                    captured TEXT,
                    is_truncated INTEGER NOT NULL,
                    pdq BLOB NOT NULL,
                    pdq_quality INTEGER NOT NULL,
                    sharpness REAL NOT NULL,
                    brightness REAL NOT NULL,
                    contrast REAL NOT NULL,
                    entropy REAL NOT NULL,
                    colorfulness REAL NOT NULL
                );

                CREATE TABLE file (
                    id INTEGER PRIMARY KEY,
                    root_id INTEGER NOT NULL REFERENCES root (id),
                    path BLOB NOT NULL,
                    size INTEGER NOT NULL,
                    modified INTEGER NOT NULL,
                    device INTEGER NOT NULL,
                    inode INTEGER NOT NULL,
                    state INTEGER NOT NULL,
                    content_id INTEGER REFERENCES content (id),
                    reason TEXT,
                    UNIQUE (root_id, path)
                );
                CREATE INDEX file_content ON file (content_id);
                CREATE INDEX file_identity ON file (inode, device);

                CREATE TABLE model (
                    id INTEGER PRIMARY KEY,
                    fingerprint TEXT NOT NULL UNIQUE,
                    name TEXT NOT NULL,
                    source BLOB,
                    dimension INTEGER NOT NULL
                );

                CREATE TABLE embedded (
                    model_id INTEGER NOT NULL REFERENCES model (id),
                    content_id INTEGER NOT NULL REFERENCES content (id),
                    PRIMARY KEY (model_id, content_id)
                ) WITHOUT ROWID;
                """)
        try createDistinct(in: database)
        try database.execute(sql: "PRAGMA application_id = \(applicationID)")
        try database.execute(sql: "PRAGMA user_version = \(version)")
    }

    /// Brings a catalog of an older version up to this one, in the transaction of the caller.
    static func migrate(from old: Int, in database: Database) throws {
        if old < 2 { try createDistinct(in: database) }
        try database.execute(sql: "PRAGMA user_version = \(version)")
    }

    /// Version 2: pairs of pictures that a person has told to be no copies of each other.
    private static func createDistinct(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE distinct_pair (
                    first BLOB NOT NULL,
                    second BLOB NOT NULL,
                    PRIMARY KEY (first, second)
                ) WITHOUT ROWID
                """)
    }
}
