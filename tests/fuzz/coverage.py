"""Which lines of each parser the seeds reach, with what replay.c makes of them.

    python tests/fuzz/coverage.py BUILD CORPUS

BUILD holds the targets, built by gcc with --coverage; CORPUS the inputs, as seeds.py lays
them out.  Prints a table; fails if a parser stays below LEAST.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LEAST = 95.0  # per cent of the lines; failed allocations are tested elsewhere
PARSERS = {
    "zip": "formats/zip_read formats/zip_stream formats/zip_names formats/deflate_block",
    "torch archive": "convert/load_torch_archive",
    "torch stream": "convert/load_torch convert/load_torch_stream convert/load_pickle "
    "convert/stream_keys",
    "safetensors": "formats/safetensors_read formats/safetensors_write",
    "JSON": "formats/json formats/json_scan formats/json_string formats/json_write",
    "policy spec": "formats/policy_spec formats/bundle",
    "architecture": "formats/architecture",
    "answer": "convert/unpickle_answer formats/state_dict formats/keys formats/dtype",
    "journal": "convert/record_parse",
    "S3": "remote/s3_xml remote/s3_page remote/s3_answer",
    "URI": "remote/uri remote/percent remote/policy_argument",
    "pickle": "formats/pickle formats/pickle_globals formats/pickle_opcodes formats/pickle_values",
}
PROJECT = Path(__file__).resolve().parents[2]


def run_target(build, corpus):
    target = build / "tests/fuzz" / f"fuzz_{corpus.name}"
    subprocess.run([target, corpus], check=True, stdout=subprocess.DEVNULL)


def run_targets(build, corpus):
    """At the same time: each adds its counts to the files of the others."""
    for counts in build.rglob("*.gcda"):
        counts.unlink()
    by_size = sorted(corpus.iterdir(), key=lambda f: -len(list(f.iterdir())))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda folder: run_target(build, folder), by_size))


def missed_lines(build, file):
    """(lines of a source that never ran, how many it has)."""
    command = ["gcov", "--json-format", "--stdout", build / f"{file}.gcda"]
    done = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    rows = {row["file"]: row["lines"] for row in json.loads(done.stdout)["files"]}[f"{file}.c"]
    return [row["line_number"] for row in rows if row["count"] == 0], len(rows)


def main(build, corpus):
    low = False
    run_targets(build, corpus)
    for parser, files in PARSERS.items():
        found = {file: missed_lines(build, file) for file in files.split()}
        total = sum(count for _, count in found.values())
        share = 100 * (1 - sum(len(missed) for missed, _ in found.values()) / total)
        print(f"{share:6.2f} % of {total:4} lines: {parser}")
        for file, (missed, count) in found.items():
            numbers = f", all but {' '.join(map(str, missed))}" if missed else ""
            print(f"{'':9}of {count:4} lines: {file}.c{numbers}")
        low = low or share < LEAST
    return low


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))
