"""The tables of a study: accuracy against sparsity, what is kept, transfer; each number with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.reports import words
from clew.studies.claims import NEAR

Cell = Mapping[str, Any]
SCOPED = ("imp", "one-shot")


@dataclass(frozen=True)
class Table:
    """A table: its title, column heads, and rows of text whose first part names the row."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    note: str = ""


def figure(interval: Mapping[str, Any] | None, percent: bool = False, signed: bool = False) -> str:
    """`0.953 [0.941, 0.965]`, or in percent `91.2 [89.9, 92.5]`; a dash where there is none."""
    if interval is None:
        return words.NONE
    scale, digits = (100, 1) if percent else (1, 3)
    mean, low, high = (None if interval[k] is None else scale * interval[k] for k in ("mean", "low", "high"))
    if low is None or high is None:
        return f"{words.number(mean, digits, signed)} [no interval]"
    ends = (words.number(end, digits, signed) for end in (low, high))
    return f"{words.number(mean, digits, signed)} [{', '.join(ends)}]"


def level_tables(cells: Sequence[Cell]) -> list[Table]:
    """AUC and accuracy of every method at every level: one table for each dataset and detector."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell["dataset"], cell["detector"]), []).append(cell)
    return [_levels(f"{detector} on {dataset}", found) for (dataset, detector), found in groups.items()]


def _levels(title: str, cells: Sequence[Cell]) -> Table:
    targets = sorted({round(float(row["target"]), 6) for cell in cells for row in cell["summary"]["levels"]})
    dense = cells[0]["summary"]["dense"]
    rows = []
    for cell in cells:
        for method, owner in _methods(cell):
            found = {
                round(float(row["target"]), 6): row
                for row in cell["summary"]["levels"]
                if (row["method"], row["controls"] or "") == (method, owner)
            }
            name = f"{words.method_name(method, owner or None)}, {variant(cell, len(cells) > 1)}".rstrip(", ")
            rows.append([name, *(figure(found[t]["auc"]) if t in found else words.NONE for t in targets)])
    note = (
        f"AUC on test. Dense: AUC {figure(dense['auc'])}, accuracy {figure(dense['accuracy'], percent=True)} %; "
        f"{words.counted(dense['auc']['n'], 'seed')}."
    )
    return Table(title, ["", *(words.percent(t) for t in targets)], rows, note)


def variant(cell: Cell, several: bool = True) -> str:
    """What tells the searches of one dataset and detector apart."""
    parts = [cell["scope"]] if several else []
    parts += [f"rewind {cell['rewind']}"] if cell["rewind"] != "init" else []
    parts += [cell["score"]] if cell["score"] != "magnitude" else []
    return ", ".join(parts)


def _methods(cell: Cell) -> list[tuple[str, str]]:
    """The judged methods, then the controls of IMP (or of the first that is judged)."""
    pairs = {(row["method"], row["controls"] or "") for row in cell["summary"]["levels"]}
    judged = sorted(pair for pair in pairs if not pair[1])
    lead = "imp" if ("imp", "") in judged else (judged[0][0] if judged else "")
    return [*judged, *sorted(pair for pair in pairs if pair[1] == lead and pair[0] != "zero-shot")]


def retention_table(cells: Sequence[Cell], level: float = 0.8) -> Table:
    """What IMP keeps of the dense accuracy at a level: of all of it, and of what lies above chance."""
    rows = []
    for cell in cells:
        for row in cell["summary"]["levels"]:
            if row["method"] in SCOPED and not row["controls"] and abs(row["target"] - level) <= NEAR:
                kept = row["retention"]
                rows.append(
                    [
                        f"{cell['dataset']}, {cell['detector']}, {words.method_name(row['method'])} {variant(cell)}, "
                        f"{words.percent(row['target'])}",
                        figure(row["reference_accuracy"], percent=True),
                        figure(row["accuracy"], percent=True),
                        figure(kept["accuracy"], percent=True),
                        figure(kept["above_chance"], percent=True),
                        str(row["accuracy"]["n"]),
                    ]
                )
    heads = ["", "dense accuracy, %", f"at {words.percent(level)}, %", "kept, %", "of what is above chance, %", "seeds"]
    return Table(f"What is kept at {words.percent(level)}", heads, rows)


def transfer_tables(transfers: Sequence[Cell]) -> list[Table]:
    """The paper's Table I redone: tickets of one dataset trained on another, accuracy in percent, and AUC."""
    return [_transfer(cell) for cell in transfers]


def _transfer(cell: Cell) -> Table:
    rows, dense = [], cell["summary"]["dense"]
    moved = [row for row in cell["summary"]["levels"] if row["method"].startswith("moved-")]
    targets = {round(float(row["target"]), 6) for row in moved}
    chosen = [r for r in cell["summary"]["levels"] if round(float(r["target"]), 6) in targets and not _control(r)]
    for row in sorted(chosen, key=lambda r: (r["target"], r["method"] not in SCOPED, r["method"])):
        name = words.method_name(row["method"])
        rows.append(
            [
                f"{words.percent(row['target'])}, {name}" + (" (found here)" if row["method"] in SCOPED else ""),
                figure(row["accuracy"], percent=True),
                figure(row["auc"]),
                figure(row["minus_dense"], signed=True),
                figure(row.get("minus_own"), signed=True),
                figure(row["minus_random"], signed=True),
                row["verdict"] or words.NONE,
            ]
        )
    note_of = " ".join(cell["warnings"])
    title = f"{cell['detector']}, {variant(cell)}: from {cell['from']} to {cell['dataset']}"
    note = (
        f"Dense, trained on {cell['dataset']}: accuracy {figure(dense['accuracy'], percent=True)} %, "
        f"AUC {figure(dense['auc'])}; {words.counted(dense['auc']['n'], 'seed')}."
    )
    zero = [row for row in cell["summary"]["levels"] if row["method"] == "zero-shot"]
    if zero:
        told = ", ".join(f"{_zero_name(r)} {figure(r['auc'])}" for r in zero)
        note += f" Not trained here at all (zero-shot), AUC: {told}."
    note = f"{note} {note_of}".rstrip()
    heads = ["", "accuracy, %", "AUC", "minus dense", "minus own", "minus random", "verdict"]
    return Table(title, heads, rows, note)


def _zero_name(row: Mapping[str, Any]) -> str:
    owner = words.method_name(row["controls"])
    return f"{owner} {words.percent(row['target'])}" if row["target"] else owner.lower()


def _control(row: Mapping[str, Any]) -> bool:
    return bool(row["controls"])


def scope_table(comparisons: Sequence[Mapping[str, Any]]) -> Table:
    """Scopes held against each other, paired by seed."""
    rows = []
    for one in comparisons:
        for row in one["levels"]:
            if row["controls"] or row["method"] not in SCOPED:
                continue
            for difference in row["differences"]:
                more = variant(one, False)
                name = f"{one['dataset']}, {one['detector']}, {words.method_name(row['method'])} {more}".rstrip()
                rows.append(
                    [
                        f"{name}, {words.percent(row['target'])}",
                        f"{difference['one']} minus {difference['other']}",
                        figure(difference["auc"], signed=True),
                        figure(difference["accuracy"], percent=True, signed=True),
                        difference["better"] or words.NONE,
                    ]
                )
    return Table("Global or local", ["", "", "AUC", "accuracy, points", "shown to be better"], rows)


def cost_table(cells: Sequence[Cell]) -> Table:
    """What the searches cost in training pictures."""
    rows = []
    for cell in cells:
        for row in cell["summary"]["search"]:
            rows.append(
                [
                    f"{cell['dataset']}, {cell['detector']} {variant(cell)}, {words.method_name(row['method'])}, "
                    f"{words.percent(row['level'])}",
                    words.large(row["search_pictures"] / row["seeds"]),
                    words.NONE if row["of_imp"] is None else words.percent(row["of_imp"]),
                    str(row["seeds"]),
                ]
            )
    heads = ["", "training pictures of the search, per seed", "of IMP's", "seeds"]
    return Table("Search cost", heads, rows)


def protocol_table(cells: Sequence[Cell]) -> Table:
    """What was trained, on what, and how."""
    rows = []
    for cell in cells:
        search, training = cell["search"], cell["search"]["training"]
        detector = search["detector"]
        data = ", ".join(f"{one['name']} ({one['hash'][:12]}, {one['protocol']})" for one in search["data"])
        rows.append(
            [
                cell["name"],
                f"{detector['name']} at {detector['input_size']} px",
                data,
                f"{training['epochs']} epochs, batch {training['batch_size']}, Adam {training['lr']:g}, "
                f"{training['schedule']}, augmentation {training['augment']}; "
                f"{words.whole(search['pictures']['seen'])} pictures seen",
                f"{words.whole(search['pictures']['val'])} / {words.whole(search['pictures']['test'])}",
                f"{search['choices']['precision']} {search['choices']['memory_format']}",
            ]
        )
    return Table("Protocol", ["", "detector", "data", "each training", "validation / test crops", "precision"], rows)
