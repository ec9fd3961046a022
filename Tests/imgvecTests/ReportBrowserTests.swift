import Acting
import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// The report in a real browser: what it shows, what keys and clicks do, what it saves.
///
/// Skipped where no Chromium or Chrome is installed; `./dev setup browser` installs one.
@Suite(
    .serialized,
    .enabled(if: Browser.program != nil, "no Chromium or Chrome; ./dev setup browser installs one"))
struct ReportBrowserTests {
    private let reported: ReportAlbum
    private let browser: Browser

    init() throws {
        reported = try ReportAlbum()
        _ = try reported.write()
        browser = try Browser(downloads: reported.album.folder.appending("downloads"))
        try Folders.create(browser.downloads)
        try browser.open("file://\(reported.report.string)")
        try browser.wait(until: "document.querySelectorAll('.picture img').length > 4")
    }

    /// Saves the plan through the page and gives its bytes.
    private func save(onlyReviewed: Bool = false) throws -> [UInt8] {
        try browser.press("s")
        try browser.wait(until: "document.querySelector('#saving').open")
        if onlyReviewed { try browser.click("#only-reviewed") }
        try browser.click("#download")
        let bytes = try browser.download("plan.jsonl")
        try Folders.removeTree(browser.downloads.appending("plan.jsonl"))
        return bytes
    }

    private func plan(_ bytes: [UInt8]) throws -> Plan { try Plan(text: bytes, path: "plan.jsonl") }

    /// Names of the files of a group by what is done with them.
    private func names(_ plan: Plan, group: Int, _ isWanted: (PlanAction) -> Bool) -> Set<String> {
        Set(
            plan.entries.map(\.line).filter { $0.group == group && isWanted($0.action) }
                .compactMap { $0.path.lastComponent?.string })
    }

    private func states() throws -> [String] { try browser.texts(".group .state") }

    @Test func thePageShowsEveryPictureAndRunsNothingOfANames() throws {
        #expect(try browser.texts(".group h2") == ["Group 1", "Group 2", "Group 3"])
        let files = try plan(save()).entries.count
        #expect(try browser.evaluate("document.querySelectorAll('.picture').length") as? Int == files)
        try browser.wait(until: "Array.from(document.images).filter(i => i.src).every(i => i.complete)")
        let widths = try browser.evaluate(
            "Array.from(document.querySelectorAll('.picture img'), i => i.naturalWidth)")
        #expect((widths as? [Int])?.allSatisfy { $0 > 100 } == true, "\(String(describing: widths))")
        let names = try browser.texts(".picture h3 bdi")
        for name in [
            "script><!--<script>alert(1).jpg", "\"quote' &amp;.jpg", "{{data}}.jpg", "two\\u000alines.jpg",
            "a\\u202egpj.exe.jpg", "日本語 🎉.jpg",
        ] {
            #expect(names.contains(name), "\(name) is not among \(names)")
        }
        #expect(try browser.text("#totals")?.hasPrefix("3 groups, \(files - 3) files to the trash") == true)
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
        let outside = browser.requests.filter { address in
            !["file:", "data:", "blob:"].contains { address.hasPrefix($0) }
        }
        #expect(outside.isEmpty, "\(outside)")
    }

    @Test func aPlanThatNobodyChangedIsSavedAsItWasMade() throws {
        let text = String(decoding: try save(), as: UTF8.self)
        let page = String(decoding: try FileContents.read(reported.report).bytes, as: UTF8.self)
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines[0] == "# imgvec plan 1")
        for line in lines where !line.hasPrefix("#") {
            // As JSON in JSON, as the page carries it.
            let carried = String(
                decoding: try JSONEncoder.plain.encode(line), as: UTF8.self
            ).replacingOccurrences(of: "<", with: "\\u003c")
            #expect(page.contains("\"line\":\(carried)"), "\(line)")
        }
    }

    @Test func keysChooseAndTheSavedPlanSaysSo() throws {
        let before = try plan(save())
        // The second group: keep its second picture only.
        let second = before.entries.map(\.line).filter { $0.group == 2 }[1]
        for key in ["j", "j", "2"] { try browser.press(key) }
        let after = try plan(save())
        #expect(after.entries.count == before.entries.count)
        for (old, new) in zip(before.entries.map(\.line), after.entries.map(\.line)) {
            #expect(new.path == old.path && new.modified == old.modified && new.sha256 == old.sha256)
            #expect(new.size == old.size && new.companions == old.companions)
            guard old.group == 2 else {
                #expect(new == old)
                continue
            }
            #expect(new.action == (old == second ? .keep : .trash))
            #expect(new.reason == "chosen in the report")
        }
        let kept = try #require(
            after.entries.map(\.line).first { $0.group == 2 && $0.action == .keep })
        for line in after.entries.map(\.line) where line.group == 2 && line.action == .trash {
            #expect(line.keeper == kept.path && line.level == "bytes")
        }
        // Taken back, the plan is the old one.
        try browser.press("u")
        #expect(try plan(save()) == before)
    }

    @Test func theSavedPlanIsCarriedOutAndTakenBack() throws {
        let folder = reported.album.folder
        let pictures = reported.album.pictures
        for key in ["j", "2"] { try browser.press(key) }
        try save().withUnsafeBytes { try AtomicFile.write($0, to: folder.appending("plan.jsonl")) }
        let before = try reported.album.names()
        let applied = try reported.program.run("apply plan.jsonl")
        #expect(applied.status == 0, "\(applied.errors)")
        func isThere(_ name: String) -> Bool {
            (try? FileStatus.of(pictures.pushing(FilePath(name)), followingLinks: false)) != nil
        }
        // The first group as it was changed, the last as it was planned.
        #expect(isThere("orange-cat.jpg") != isThere("copy of orange-cat.jpg"))
        let plan = try Plan(contentsOf: folder.appending("plan.jsonl"))
        for line in plan.entries.map(\.line) {
            let isLeft = (try? FileStatus.of(line.path, followingLinks: false)) != nil
            #expect(isLeft == line.action.leavesAlone, "\(line.path)")
        }
        #expect(
            plan.entries.map(\.line).contains { $0.reason == "chosen in the report" && $0.action == .trash })
        let undone = try reported.program.run("undo")
        #expect(undone.status == 0, "\(undone.errors)")
        #expect(try reported.album.names() == before)
    }

    @Test func sidecarsGoWithThePictureAndOriginalsKeepIt() throws {
        let pictures = reported.album.pictures
        func put(_ text: String, _ name: String) throws {
            try Array(text.utf8).withUnsafeBytes { try AtomicFile.write($0, to: pictures.appending(name)) }
        }
        // Beside both files of the first group, and a raw file beside one of the second.
        for name in ["orange-cat.xmp", "copy of orange-cat.xmp"] { try put("<x/>", name) }
        for name in ["sunset-beach.nef", "copy of sunset-beach.nef"] { try put("raw of \(name)", name) }
        _ = try reported.write()
        try browser.open("file://\(reported.report.string)")
        try browser.wait(until: "document.querySelectorAll('.picture img').length > 4")
        let before = try plan(save()).entries.map(\.line)
        for key in ["j", "2"] { try browser.press(key) }
        let after = try plan(save()).entries.map(\.line)
        let gone = try #require(after.first { $0.group == 1 && $0.action == .trash })
        #expect(gone.path != before.first { $0.group == 1 && $0.action == .trash }?.path)
        #expect(
            gone.companions.map(\.path) == [
                gone.path.removingLastComponent().appending("\(gone.path.stem ?? "").xmp")
            ])
        // Each has a raw file that the other has not: both stay, whatever is asked for.
        let second = after.filter { $0.path.lastComponent?.string.hasSuffix("sunset-beach.jpg") == true }
        #expect(second.allSatisfy { $0.action.leavesAlone })
        let group = try #require(second.first?.group)
        for _ in 1..<group { try browser.press("j") }
        for key in ["ArrowRight", "x"] { try browser.press(key) }
        #expect(try browser.text("#message")?.contains("belongs to it") == true)
        for key in ["ArrowLeft", "x"] { try browser.press(key) }
        #expect(try plan(save()).entries.map(\.line).filter { $0.group == group } == second)
    }

    @Test func clicksKeepAndRemoveSinglePictures() throws {
        try browser.click(".group:nth-of-type(1) .picture:nth-of-type(2) [data-choice=keep]")
        #expect(try states()[0] == "everything stays")
        try browser.click(".group:nth-of-type(1) .picture:nth-of-type(1) [data-choice=remove]")
        #expect(try states()[0].hasPrefix("1 of 2 to the trash"))
        let plan = try plan(save())
        #expect(names(plan, group: 1) { $0 == .trash } == ["orange-cat.jpg"])
        #expect(names(plan, group: 1) { $0 == .keep } == ["copy of orange-cat.jpg"])
    }

    @Test func whatBelongsToTwoPicturesGoesWithTheLastOfThem() throws {
        let pictures = reported.album.pictures
        let source = Fixtures.path("images/gallery/lighthouse.jpg")
        for name in ["far/copy.jpg", "pair/ship.jpg", "pair/ship.jpeg"] {
            try Folders.create(pictures.pushing(FilePath(name)).removingLastComponent())
            try Album.copy(source, to: pictures.pushing(FilePath(name)))
        }
        let sidecar = pictures.pushing("pair/ship.xmp")
        try Array("edits".utf8).withUnsafeBytes { try AtomicFile.write($0, to: sidecar) }
        #expect(try reported.program.run("index").status == 0)
        _ = try reported.write()
        try browser.open("file://\(reported.report.string)")
        try browser.wait(until: "document.querySelectorAll('.picture img').length > 4")
        func lines() throws -> [PlanLine] {
            let lines = try plan(save()).entries.map(\.line)
            let group = lines.first { $0.path.lastComponent == "ship.jpg" }?.group
            return lines.filter { $0.group == group }
        }
        // Planned: far/copy.jpg stays, the others go, the sidecar with the second of them.
        let planned = try lines()
        #expect(planned.map(\.action) == [.keep, .trash, .trash])
        #expect(planned.map(\.companions.count) == [0, 0, 1])
        let group = try #require(planned.first?.group)
        for _ in 0..<group { try browser.press("j") }
        // One of the two stays, and with it the sidecar; then both do; then both go again.
        for (key, expected) in [("2", [0, 0, 0]), ("3", [0, 0, 0]), ("a", [0, 0, 0]), ("1", [0, 0, 1])] {
            try browser.press(key)
            #expect(try lines().map(\.companions.count) == expected, "\(key)")
        }
        // What the page saves is carried out whole.
        try browser.press("2")
        try save().withUnsafeBytes {
            try AtomicFile.write($0, to: reported.album.folder.appending("plan.jsonl"))
        }
        let run = try reported.program.run("apply plan.jsonl")
        #expect(run.status == 0, "\(run.errors)")
        #expect((try? FileStatus.of(sidecar)) != nil)
    }

    @Test func aGroupNeverLosesItsLastPicture() throws {
        let before = try save()
        for key in ["j", "x"] { try browser.press(key) }
        #expect(try browser.text("#message")?.contains("would lose its last picture") == true)
        #expect(try save() == before)
        // Nor by many small steps.
        for key in ["ArrowRight", "p", "ArrowLeft", "x", "ArrowRight", "x"] { try browser.press(key) }
        let plan = try plan(save())
        for group in Set(plan.entries.map(\.line.group)) {
            #expect(!names(plan, group: group) { $0 == .keep }.isEmpty, "group \(group)")
        }
        #expect(names(plan, group: 1) { $0 == .keep }.count == 1)
    }

    @Test func onlyReviewedGroupsAreSavedWhenAskedFor() throws {
        for key in ["j", "Enter"] { try browser.press(key) }
        #expect(try browser.text("#reviewed") == "1 reviewed")
        let plan = try plan(save(onlyReviewed: true))
        #expect(Set(plan.entries.map(\.line.group)) == [1])
    }

    @Test func filtersShowWhatTheySayAndFindNames() throws {
        try browser.press("/")
        try browser.type("SUNSET")
        try browser.wait(until: "document.querySelectorAll('section.group').length === 1")
        #expect(try browser.text("#shown") == "1 shown")
        try browser.press("Escape")
        // What is not shown stays in the plan.
        #expect(Set(try plan(save()).entries.map(\.line.group)) == [1, 2, 3])
    }

    @Test func choicesOutliveAReload() throws {
        for key in ["j", "2", "Enter"] { try browser.press(key) }
        let saved = try save()
        try browser.reload()
        try browser.wait(until: "document.querySelectorAll('.picture img').length > 4")
        #expect(try browser.text("#reviewed") == "1 reviewed")
        #expect(try save() == saved)
    }

    @Test func comparingShowsBothPicturesAtTheSamePlace() throws {
        for key in ["j", "c"] { try browser.press(key) }
        try browser.wait(until: "document.querySelector('#compare').open")
        try browser.wait(
            until:
                "Array.from(document.querySelectorAll('#stage img')).every(i => i.complete && i.naturalWidth)"
        )
        // The files themselves, not their thumbnails.
        let sources = try browser.evaluate("Array.from(document.querySelectorAll('#stage img'), i => i.src)")
        #expect((sources as? [String])?.allSatisfy { $0.hasPrefix("file:///") } == true)
        #expect(try browser.text("#stage .front figcaption")?.contains("orange-cat.jpg") == true)
        try browser.press(" ")
        #expect(try browser.evaluate("document.querySelector('.front').id") as? String == "second")
        try browser.press("m")
        #expect(try browser.evaluate("document.querySelector('#stage').dataset.mode") as? String == "wipe")
        try browser.press("Escape")
        try browser.wait(until: "!document.querySelector('#compare').open")
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    @Test func everyControlHasANameAndTextStandsOutFromItsGround() throws {
        let nameless = try browser.evaluate(
            """
            Array.from(document.querySelectorAll("button, select, input, a, [role=group]")).filter(e =>
              !(e.getAttribute("aria-label") || e.innerText.trim() || (e.labels && e.labels.length))).length
            """)
        #expect(nameless as? Int == 0)
        for isDark in [false, true] {
            try browser.setDark(isDark)
            // WCAG 2.2, 1.4.3: 4.5 to 1 for text of this size.
            let poor = try browser.evaluate(Self.poorContrast) as? [String] ?? ["no answer"]
            #expect(poor.isEmpty, "dark: \(isDark): \(poor)")
        }
    }

    @Test func screenshotsAreNotEmpty() throws {
        try browser.press("j")
        for (name, isDark, width) in [("light", false, 1400), ("dark", true, 1400), ("narrow", false, 420)] {
            try browser.setDark(isDark)
            try browser.resize(width: width, height: 900)
            let wide = try browser.evaluate("document.documentElement.scrollWidth") as? Int ?? .max
            #expect(wide <= width, "\(name) needs \(wide) pixels across")
            let png = try browser.screenshot()
            #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]) && png.count > 20_000, "\(name)")
            // IMGVEC_TEST_SCREENSHOTS=DIR keeps them to be looked at.
            if let folder = Platform.environment("IMGVEC_TEST_SCREENSHOTS") {
                try png.withUnsafeBytes {
                    try AtomicFile.write($0, to: FilePath(folder).appending("report-\(name).png"))
                }
            }
        }
    }

    private static let poorContrast = """
        (() => {
          const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
          const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
          const ground = element => {
            for (let at = element; at; at = at.parentElement) {
              const color = channels(getComputedStyle(at).backgroundColor);
              if (color.length === 3 || color[3] === 1) return color;
            }
            return [255, 255, 255];
          };
          return Array.from(document.querySelectorAll("main *, header *")).filter(element =>
            element.checkVisibility() && !element.disabled && element.tagName !== "OPTION"
            && Array.from(element.childNodes).some(n => n.nodeType === 3 && n.data.trim()))
            .map(element => {
              const pair = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))];
              return [(Math.max(...pair) + .05) / (Math.min(...pair) + .05), element];
            }).filter(([ratio]) => ratio < 4.5)
            .map(([ratio, e]) => `${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.innerText.slice(0, 20)}`);
        })()
        """
}

extension JSONEncoder {
    fileprivate static var plain: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return encoder
    }
}
