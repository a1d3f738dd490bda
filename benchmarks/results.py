"""Writes docs/results.md and its pictures from the finished runs under docs/results/.

    python benchmarks/results.py            # writes
    python benchmarks/results.py --check    # says whether what is there is what would be written
    python benchmarks/results.py --explanation out/explanation.json docs/results/cnn5-drawn.json  # takes it

Each JSON there is what one command printed or left: `results.json` of a study, `robustness.json` of a ladder, what
`clew explain` found (shortened), or what a benchmark wrote with --json. The studies are put together: the first paper's
claims are judged by all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.base.files import read_json, write_json
from clew.reports.explain_markdown import explained_markdown, shortened
from clew.reports.standalone import standalone
from clew.reports.study_markdown import claim_text, table_text
from clew.reports.study_page import panels
from clew.reports.study_tables import (
    Table,
    cost_table,
    figure,
    level_tables,
    protocol_table,
    retention_table,
    scope_table,
    transfer_tables,
)
from clew.studies.claims import claims

DOCS = Path(__file__).parents[1] / "docs"
PARTS = ("cells", "transfers", "comparisons")


def main() -> None:
    """Writes the files, or checks them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, default=DOCS)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--explanation", nargs=2, type=Path, metavar=("FROM", "TO"))
    args = parser.parse_args()
    if args.explanation:
        whole, short = args.explanation
        write_json(short, shortened(read_json(whole)))
    stale = []
    for path, text in written(args.docs):
        if args.check:
            stale += [] if path.exists() and path.read_text(encoding="utf-8") == text else [str(path)]
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"not what benchmarks/results.py writes: {', '.join(stale)}")


def written(docs: Path) -> Iterator[tuple[Path, str]]:
    """The files and their texts."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted((docs / "results").glob("*.json"))}
    studies = {name: one for name, one in found.items() if "claims" in one}
    whole = together(list(studies.values()))
    pictures = {}
    for number, panel in enumerate(panels(whole["cells"])):
        for name, chart in panel["figures"]:
            pictures[f"curves-{number + 1}-{name}.svg"] = (panel["title"], standalone(chart))
    for name, (_, text) in pictures.items():
        yield docs / "results" / name, text
    yield docs / "results.md", page(whole, studies, found, {name: title for name, (title, _) in pictures.items()})


def together(studies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parts of several studies, each search once, and the claims judged by all of them."""
    found: dict[str, list[Any]] = {part: [] for part in PARTS}
    for study in studies:
        for part in PARTS:
            for one in study[part]:
                same = [other for other in found[part] if _key(other) == _key(one)]
                if any(other != one for other in same):
                    sys.exit(f"two studies have another {_key(one)}: rename one of them.")
                found[part] += [] if same else [one]
    return {**found, "claims": claims(*(found[part] for part in PARTS))}


def _key(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(one.get(key) for key in ("name", "dataset", "detector", "scope", "rewind", "score", "from"))


def page(
    whole: Mapping[str, Any], studies: Mapping[str, Any], found: Mapping[str, Any], pictures: Mapping[str, str]
) -> str:
    """docs/results.md."""
    parts = [
        "# Results",
        "Written by `python benchmarks/results.py` from the finished runs in [results/](results): every number here is "
        "in one of these files, and each file is what one command left. Intervals are of 90 %, over seeds and test "
        "clusters ([verdict.md](verdict.md)); the test part was read once, and nothing was chosen by it.",
        "## The paper's claims",
        "The claims of *Lottery tickets in deepfake detectors* (arXiv 2507.15636), judged on levels from 60 to 80 %. "
        "Small pictures and few epochs, for two cores: other sizes may judge otherwise.",
        *(claim_text(claim) for claim in whole["claims"]),
        "## Accuracy and AUC against sparsity",
        "The paper's Figure 2 redone.",
        *_pictures(pictures),
        *(table_text(table, 3) for table in level_tables(whole["cells"])),
        "## What is kept",
        "The share of the dense accuracy, and of what lies above chance: (accuracy - 0.5) / (dense - 0.5). The paper "
        "has 99.4 % and 98.7 % for CNN-5, 89.8 % and 49 % for MesoNet, at 80 %.",
        table_text(retention_table(whole["cells"]), 3),
        "## Transfer" if whole["transfers"] else "",
        "The paper's Table I redone." if whole["transfers"] else "",
        *(table_text(table, 3) for table in transfer_tables(whole["transfers"])),
        table_text(scope_table(whole["comparisons"]), 2),
        *(robustness(name, one) for name, one in found.items() if "stores" in one and "ladder" in one),
        explained_markdown({name: one for name, one in found.items() if "shown_level" in one}),
        *(search_cost(name, one) for name, one in found.items() if "plain" in one.get("seconds", {})),
        table_text(cost_table(whole["cells"]), 2),
        table_text(protocol_table([*whole["cells"], *whole["transfers"]]), 2),
        "## Where each file comes from",
        "\n".join(
            [
                *(_source(*one) for one in studies.items()),
                *(_other_source(*one) for one in found.items() if one[0] not in studies),
            ]
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _source(name: str, study: Mapping[str, Any]) -> str:
    """A study's file, how it came about, and what is missing in it."""
    told = f"* `results/{name}.json`: `clew study run examples/studies/{name}.yaml`. {study['about'] or study['name']}"
    return f"{told} Not finished: {', '.join(study['missing'])}." if study["missing"] else told


def _other_source(name: str, found: Mapping[str, Any]) -> str:
    """A file that no study wrote, and what did."""
    if "shown_level" in found:
        ladder, store = found["ladder"]["name"], found["store"]["name"]
        command = f"`clew explain` of the ladder {ladder} on the store {store}, shortened"
    elif "plain" in found.get("seconds", {}):
        command = "`python benchmarks/search_cost.py`"
    else:
        command = "`clew tickets robustness`"
    return f"* `results/{name}.json`: {command}."


def _pictures(pictures: Mapping[str, str]) -> list[str]:
    return [f"![{title}](results/{name})" for name, title in pictures.items()]


def robustness(name: str, found: Mapping[str, Any]) -> str:
    """What pruning costs in robustness."""
    return f"## Robustness: {name}\n\n{found['headline']}"


def search_cost(name: str, found: Mapping[str, Any]) -> str:
    """The cost of a search beside the customary way, and of early-bird rounds beside IMP's."""
    about = (
        f"`benchmarks/search_cost.py`: {found['detector']} at {found['size']} px, {found['trainings']} trainings each, "
        f"{found['epochs']} epochs, {found['seeds']} seeds, {found['cores']} cores ({found['cpu']}). Clew's search "
        f"took {found['ratio']:.2f} times as long as the plain loop with `torch.nn.utils.prune` (medians of "
        f"{len(found['seconds']['clew'])} turns: {_seconds(found, 'clew')} against {_seconds(found, 'plain')})."
    )
    rows = [
        [level, figure(row["auc"]), figure(row["other"]), figure(row["difference"], signed=True)]
        for level, row in found["levels"].items()
    ]
    parts = [about, table_text(Table("AUC, Clew and the plain loop", ["sparsity", "Clew", "plain", "minus"], rows), 3)]
    early = [
        [
            level,
            f"{100 * row['ratio']['pictures']:.0f} %",
            f"{100 * row['ratio']['seconds']:.0f} %",
            figure(row["difference"], signed=True),
            ", ".join(f"{share:.2f}" for share in row["overlap"]),
        ]
        for level, row in found.get("early_bird", {}).items()
    ]
    heads = ["sparsity", "pictures, of IMP's search", "seconds", "AUC minus IMP's", "survivors shared, by seed"]
    parts.append(table_text(Table("Early-bird rounds", heads, early), 3))
    return "\n\n".join([f"## Cost of a search: {name}", *(part for part in parts if part)])


def _seconds(found: Mapping[str, Any], who: str) -> str:
    return f"{statistics.median(found['seconds'][who]):.0f} s"


if __name__ == "__main__":
    main()
