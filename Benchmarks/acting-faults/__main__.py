"""Kills, fills, write-protects and races `imgvec apply` and `imgvec undo`, and counts what is lost: nothing may be.

    ./dev bench acting-faults [PART ...] [--runs 300] [--files 200] [--seed N] [--work DIR]

Parts: kill (kill -9 at random moments), full (full disks), locked (folders that cannot be written), race (a process
that changes the very files meanwhile). All of them by default. Linux, as root: file systems in memory are mounted.

Every run starts from a fresh scene of about --files files in groups: trash, move, move to another file system,
hard link, symbolic link and (in some scenes) delete, sidecars among them, a third of the groups on a file system of
their own. After each fault it is checked that

- every content that stood there before stands somewhere still (by SHA-256; deleted copies excepted, of which the
  kept file must stand), and every kept file stands where it was, unchanged;
- the journal tells the truth: every step that it calls done is done on the disk, every step it calls failed or
  undone is back, and no step without an outcome but the last one;
- the next `apply` and `undo` come to their ends, leave no temporary name, and end where undisturbed runs end.

Prints one line per part with the number of runs and of violations, and the seed. Exits with 1 when anything was lost.
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import time

from ending import Part
from full_disks import full
from killing import kill
from locked_folders import locked
from racing import race

PARTS = {"kill": kill, "full": full, "locked": locked, "race": race}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=300, help="kills; the other parts run a share of it")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--work", default=None, help="a folder for the scenes; its disk is the home trash's")
    arguments = parser.parse_intermixed_args()
    if not set(arguments.parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        sys.exit("acting_faults: mounts file systems of its own: Linux, as root")
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    arguments.binary = os.path.abspath(arguments.binary)
    work = tempfile.mkdtemp(prefix="acting-faults-", dir=arguments.work)
    os.chmod(work, 0o755)
    arguments.work = work
    print(f"seed {seed}", flush=True)
    failed = False
    try:
        for name in arguments.parts or PARTS:
            part = Part(arguments, f"{seed} {name}")
            start = time.monotonic()
            PARTS[name](part)
            counts = ", ".join(f"{count} {what}" for what, count in sorted(part.counts.items()))
            print(f"{name}: {len(part.problems)} violations; {counts}; {time.monotonic() - start:.0f} s", flush=True)
            for problem in part.problems[:20]:
                print(f"  {problem}", flush=True)
            failed = failed or bool(part.problems)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
