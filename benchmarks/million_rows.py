"""One million short chat rows: read, audited, split and tokenised, with time and memory of every stage.

python benchmarks/million_rows.py [ROWS]      (about 1 GB of JSONL is written to a temporary folder)
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

WORDS = """
order invoice parcel refund account password address delivery shop customer number printer cable screen battery
charger price discount return label service agent answer question window morning evening street garden kitchen bicycle
wheel chain light sensor update version setting menu button language country payment card bank transfer message letter
photo camera report summary problem solution detail colour size weight length material cotton leather metal glass paper
""".split()
VERBS = """
send return check change cancel open close repair replace update explain find lose need want keep buy charge ship
""".split()
SYSTEM = "You answer for a shop in short, friendly sentences. Say when you do not know."


def word(rng: random.Random) -> str:
    """Mostly common words, sometimes one that stands nowhere else."""
    if rng.random() < 0.85:
        return rng.choice(WORDS)
    return "".join(rng.choice("bcdfglmnprst") + rng.choice("aeiou") for _ in range(rng.randint(2, 4)))


def sentence(rng: random.Random) -> str:
    return f"{rng.choice(VERBS)} {' '.join(word(rng) for _ in range(rng.randint(5, 14)))}.".capitalize()


def write(path: Path, rows: int) -> None:
    """Rows of about one kilobyte; 1 % are copies, 1 % nearly so, and 0.1 % hold an address."""
    rng = random.Random(0)
    last = [("", "")]
    with path.open("w") as out:
        for index in range(rows):
            asked = " ".join(sentence(rng) for _ in range(rng.randint(2, 5)))
            answered = " ".join(sentence(rng) for _ in range(rng.randint(3, 7)))
            chance = rng.random()
            if chance < 0.01:
                asked, answered = rng.choice(last)
            elif chance < 0.02:
                asked = rng.choice(last)[0] + " " + rng.choice(VERBS) + "."
            elif chance < 0.021:
                asked += f" Write to ada{index}@example.org."
            last = [*last[-99:], (asked, answered)]
            roles = ("system", SYSTEM), ("user", asked), ("assistant", answered)
            out.write(json.dumps({"messages": [{"role": r, "content": c} for r, c in roles]}) + "\n")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(dir="build" if Path("build").is_dir() else None) as name:
        data = Path(name) / "chats.jsonl"
        write(data, rows)
        print(f"{rows:,} rows, {data.stat().st_size / 1e6:,.0f} MB", flush=True)
        environment = {**os.environ, "ATTUNE_CACHE": str(Path(name) / "cache")}
        for _ in range(2):
            began = time.perf_counter()
            process = subprocess.Popen([sys.executable, __file__, "--prepare", str(data)], env=environment)
            peak = largest(process)
            assert process.returncode == 0
            kept = sum(item.stat().st_size for item in Path(name, "cache").rglob("*") if item.is_file())
            print(
                f"whole: {time.perf_counter() - began:,.0f} s, peak {peak / 2**30:.2f} GiB with its processes,", end=" "
            )
            print(f"{kept / 2**30:.2f} GiB kept on the disk", flush=True)


def largest(process: subprocess.Popen[bytes]) -> int:
    """Peak of the memory of a process with its children while it runs, in bytes, sampled ten times a second."""
    peak, parent = 0, psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [parent, *parent.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in family))
        time.sleep(0.1)
    return peak


def prepare(data: str) -> None:
    from attune.events import Event, Progress, StageFinished
    from attune.prepare import prepare as walk
    from attune.recipe import from_mapping
    from attune.runs.store import Store

    def tell(event: Event) -> None:
        if isinstance(event, StageFinished):
            print(f"{event.stage:10} {event.seconds:8,.1f} s{'  (kept)' if event.reused else ''}", flush=True)
        elif isinstance(event, Progress) and event.stage == "audit":
            print(f"  {event.done} of {event.total} checks", flush=True)

    prepared = walk(from_mapping({"data": {"train": data}}), Store(Path(data).parent / "runs"), tell)
    print(f"{len(prepared.findings)} findings", flush=True)  # who asks for them waits for the audit


if __name__ == "__main__":
    if sys.argv[1:2] == ["--prepare"]:
        prepare(sys.argv[2])
    else:
        main()
