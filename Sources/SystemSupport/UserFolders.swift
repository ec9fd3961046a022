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

    /// The user's home folder from `$HOME`.
    public static func home() throws(SystemError) -> FilePath {
        guard let home = Platform.environment("HOME"), home.hasPrefix("/") else {
            throw SystemError(
                "find the home folder (HOME is not set; use --index DIR)", errno: .noSuchFileOrDirectory)
        }
        return FilePath(home)
    }
}
