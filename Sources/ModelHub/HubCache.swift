import SystemPackage
import SystemSupport

/// The cache that huggingface_hub keeps: `models--owner--name/{refs,snapshots,blobs}`. It is only read.
///
/// Blobs are named by the hash the hub announces, so that a file can be found by its hash and checked by its name.
struct HubCache {
    let folder: FilePath

    /// The blob with a file's hash and size in any of the models' folders, nil when there is none.
    ///
    /// Its content is not looked at.
    func blob(_ file: HubFile, of repositories: [RepositoryName]) -> FilePath? {
        for repository in repositories {
            let path = folder.appending(repository.cacheFolder).appending("blobs").appending(
                file.digest.digits)
            if let status = try? FileStatus.of(path), status.kind == .regular, status.size == file.size {
                return path
            }
        }
        return nil
    }

    /// The commit that a branch or tag pointed to when it was last asked for, or the commit itself if the cache
    /// has a snapshot of it.
    func commit(_ revision: String, of repository: RepositoryName) -> String? {
        let model = folder.appending(repository.cacheFolder)
        if HubClient.isCommit(revision) {
            return (try? FileStatus.of(model.appending("snapshots").appending(revision))) == nil
                ? nil : revision
        }
        guard let reference = path(below: model.appending("refs"), revision),
            let bytes = try? FileContents.read(reference, limit: 256).bytes
        else { return nil }
        let commit = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        return HubClient.isCommit(commit) ? commit : nil
    }

    /// The files of a snapshot, with sizes and the hashes that their links' targets are named by.
    ///
    /// Files that are no links to blobs cannot be checked and are left out.
    func files(_ repository: RepositoryName, commit: String) throws -> [HubFile] {
        let snapshot = folder.appending(repository.cacheFolder).appending("snapshots").appending(commit)
        return try files(below: snapshot, prefix: "", depth: 0)
    }

    private func files(below folder: FilePath, prefix: String, depth: Int) throws -> [HubFile] {
        var files: [HubFile] = []
        for entry in try Folders.list(folder) {
            let path = folder.appending(entry.name), name = prefix + entry.name.string
            let kind = try FileStatus.of(path, followingLinks: false).kind
            if kind == .directory, depth < 2 {
                files += try self.files(below: path, prefix: name + "/", depth: depth + 1)
            } else if kind == .symbolicLink, let target = try Folders.linkTarget(path).lastComponent,
                let digest = ContentDigest(tag: target.string), let status = try? FileStatus.of(path),
                status.kind == .regular
            {
                files.append(HubFile(name: name, size: status.size, digest: digest))
            }
        }
        return files
    }

    /// A revision as a path below `refs`: branches may have slashes in their names, but must not lead out.
    private func path(below folder: FilePath, _ revision: String) -> FilePath? {
        var path = folder
        for part in revision.split(separator: "/", omittingEmptySubsequences: false) {
            guard let component = FilePath.Component(String(part)), component.kind == .regular else {
                return nil
            }
            path.append(component)
        }
        return path
    }
}
