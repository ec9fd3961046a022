import Acting
import SystemPackage
import SystemSupport

/// What was done with a file, a line on standard output: action, path, and where it is now, tabs between. Paths come
/// out byte for byte; on a terminal control characters are escaped.
enum ActionLine {
    static func write(_ action: String, _ path: FilePath, place: FilePath?) {
        StandardOutput.shared.write("\(action)\t")
        write(path)
        if let place {
            StandardOutput.shared.write("\t")
            write(place)
        }
        StandardOutput.shared.write("\n")
    }

    static func write(_ path: FilePath) {
        if Platform.isTerminal(1) {
            StandardOutput.shared.write(PathText.forTerminal(path))
        } else {
            StandardOutput.shared.write(path.bytes)
        }
    }
}
