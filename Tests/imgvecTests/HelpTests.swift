import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct HelpTests {
    private struct Argument: Decodable {
        struct Name: Decodable { let name: String }
        let names: [Name]?
        let abstract: String?
    }

    private struct Command: Decodable {
        let commandName: String
        let abstract: String?
        let arguments: [Argument]?
        let subcommands: [Command]?
    }

    private struct Dump: Decodable { let command: Command }

    /// The man page is made from the same declarations (`./dev manual`); it must not fall behind them.
    @Test func manualNamesEveryCommandAndOption() throws {
        let album = try Album(count: 0)
        let dump = try album.program.run("--experimental-dump-help")
        let root = try JSONDecoder().decode(Dump.self, from: Data(dump.bytes)).command
        let manual = String(
            decoding: try FileContents.read(Fixtures.repository.appending("Docs").appending("imgvec.1"))
                .bytes,
            as: UTF8.self)
        var checked = 0
        func check(_ command: Command) {
            #expect(manual.contains(command.commandName), "\(command.commandName)")
            #expect(command.abstract?.isEmpty == false, "\(command.commandName) has no abstract")
            for argument in command.arguments ?? [] {
                for name in argument.names ?? [] where name.name.count > 1 {
                    checked += 1
                    #expect(manual.contains(name.name), "\(command.commandName) --\(name.name)")
                    // The parser's own help command declares options without words.
                    #expect(
                        argument.abstract?.isEmpty == false || command.commandName == "help",
                        "\(command.commandName) --\(name.name) has no help")
                }
            }
            (command.subcommands ?? []).forEach(check)
        }
        check(root)
        #expect(checked > 40)
    }
}
