import SystemSupport

/// Why a model cannot be used.
public enum ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file of the model is missing or not what it should be: the file, and how.
    case file(String, String)
    /// No model of that name is installed, and no such path exists.
    case notFound(String, installed: [String])
    /// A model of that name is installed already.
    case exists(String)
    /// Several installed models are called so.
    case ambiguous(String, [String])
    /// Another process is installing or removing a model of that name.
    case busy(String, process: Int?)
    /// A name that cannot be a folder's name.
    case unusableName(String)
    /// The model has no such result to take vectors from.
    case noLayer(String, model: String, has: [String])
    /// The model computes with certain numbers already.
    case noNumbers(String, model: String, has: String)
    /// The model has no image tower.
    case noImageTower(model: String)
    /// An installed file is not the one that was installed.
    case changed(model: String, file: String)

    /// One line naming the file or model, what is wrong, and a remedy where there is one.
    public var description: String {
        switch self {
        case .file(let file, let problem): "\(file.onOneLine): \(problem.inBrief)"
        case .notFound(let name, let installed):
            "no model '\(name)': no such path, and installed are "
                + (installed.isEmpty ? "none" : installed.joined(separator: ", "))
                + (name.contains("/") && ModelName.folder(name) != nil
                    ? "; 'imgvec models pull \(name)' gets it from Hugging Face" : "")
        case .exists(let name):
            "a model '\(name)' is installed already; remove it first or choose another name"
        case .ambiguous(let name, let full):
            "several models are called '\(name)': say \(full.joined(separator: " or "))"
        case .busy(let name, let process):
            "model '\(name)' is being installed or removed by another imgvec"
                + (process.map { " (process \($0))" } ?? "")
        case .unusableName(let name):
            "'\(name)' cannot be a model's name: use letters, digits, '.', '-' and '_', and at most one '/'"
        case .noLayer(let layer, let model, let has):
            "the model \(model) has no \(layer), only: \(has.joined(separator: ", "))"
        case .noNumbers(let numbers, let model, let has):
            "the model \(model) computes in \(has) and cannot compute in \(numbers)"
        case .noImageTower(let model): "the model \(model) has no image tower"
        case .changed(let model, let file):
            "model '\(model)': \(file) is not the file that was installed; remove the model and install it again"
        }
    }
}
