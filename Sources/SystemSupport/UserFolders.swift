public import SystemPackage

/// The user's own folders, as the XDG base directory specification names them.
public enum UserFolders {
    /// imgvec's data folder: `$XDG_DATA_HOME/imgvec`, else `~/.local/share/imgvec`.
    public static func data() throws(SystemError) -> FilePath {
        if let data = Platform.environment("XDG_DATA_HOME"), data.hasPrefix("/") {
            return FilePath(data).appending("imgvec")
        }
        return try home().pushing(".local/share/imgvec")
    }

    /// imgvec's cache folder, whose contents can be made anew: `$XDG_CACHE_HOME/imgvec`, else `~/.cache/imgvec`.
    public static func cache() throws(SystemError) -> FilePath {
        if let cache = Platform.environment("XDG_CACHE_HOME"), cache.hasPrefix("/") {
            return FilePath(cache).appending("imgvec")
        }
        return try home().pushing(".cache/imgvec")
    }

    /// The user's home folder from `$HOME`.
    public static func home() throws(SystemError) -> FilePath {
        guard let home = Platform.environment("HOME"), home.hasPrefix("/") else {
            throw SystemError(
                "find the home folder (HOME is not set; use --index DIR)", errno: .noSuchFileOrDirectory)
        }
        return FilePath(home)
    }
}
