"""What `clew bench` measured, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.cli.tables import interval
from clew.datasets.disk import counted

NONE = "-"
BUSY = 0.5  # of the cores taken by others


def ticket_lines(found: Mapping[str, Any]) -> list[str]:
    """All that was measured of one ticket."""
    ticket = found["ticket"]
    shares = [NONE if ticket[key] is None else f"{100 * ticket[key]:.1f} %" for key in ("sparsity", "macs_sparsity")]
    lines = [
        f"{Path(ticket['path']).name}: {ticket['detector']} at {ticket['input_size']} px, {ticket['bytes'] / 1024:.1f} "
        f"KiB; {shares[0]} of the weights are pruned, {shares[1]} of the multiply-adds fall away",
        machine_line(found["machine"]),
        *busy_lines(found["load_average"], found["machine"]["cores"]),
        "",
        *_form_lines(found),
    ]
    for cell in found["cells"]:
        lines += ["", *_cell_lines(cell)]
    if found["scores"] is not None:
        lines += ["", *score_lines(found["scores"], found["cells"][0])]
    return [*lines, *_without(found)]


def machine_line(machine: Mapping[str, Any]) -> str:
    """The machine and the versions."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"{machine['cpu']}, {counted(machine['cores'], 'core')}, kernels for {machine['kernels']}; {versions}"


def busy_lines(load: float | None, cores: int) -> list[str]:
    """A warning where others wanted the processor too."""
    if load is None or load < BUSY * cores:
        return []
    return [
        f"warning: the machine was busy (load {load:.1f}, {counted(cores, 'core')}): times are longer and spread wider "
        "than on a quiet one"
    ]


def _form_lines(found: Mapping[str, Any]) -> Iterator[str]:
    wide = max(len(one["form"]) for one in found["forms"])
    yield f"{'form':{wide}} {'precision':9} {'logits off':>10} {'load first':>10} {'from cache':>10} {'memory':>9}"
    for one in found["forms"]:
        load, peak = one["load"], one["peak_bytes"]["cached"]
        times = (NONE if load[key] is None else f"{load[key]:.2f} s" for key in ("first_s", "cached_s"))
        memory = NONE if peak is None else f"{peak / 2**20:.0f} MiB"
        yield (
            f"{one['form']:{wide}} {one['precision']:9} {one['largest_logit_error']:10.2g} "
            f"{next(times):>10} {next(times):>10} {memory:>9}  {one['about']}"
        )
    yield f"  logits beside {found['reference']}, the largest of which is {found['largest_logit']:.3g}"


def _cell_lines(cell: Mapping[str, Any]) -> list[str]:
    wide = max(len(row["form"]) for row in cell["rows"])
    first = cell["rows"][0]
    heads = f"{'ms':>9} {'quartiles':>19} {'95 %':>9} {'pictures/s':>10} {'times dense fp32':24} {'times any dense':24}"
    return [
        f"{counted(cell['batch'], 'picture')} at a time, {counted(cell['threads'], 'thread')}, "
        f"{counted(first['rounds'], 'round')} by turns; ratios with 90 % intervals",
        f"{'form':{wide}} {heads}".rstrip(),
        *(_row_line(row, wide) for row in cell["rows"]),
        *([cell["text"]] if cell["text"] else []),
    ]


def _row_line(row: Mapping[str, Any], wide: int) -> str:
    spread = f"{row['q1_ms']:.3f} to {row['q3_ms']:.3f}"
    ratios = f"{ratio(row['times_dense_fp32']):24} {ratio(row['times_dense']):24}"
    return (
        f"{row['form']:{wide}} {row['median_ms']:9.3f} {spread:>19} {row['p95_ms']:9.3f} "
        f"{row['pictures_per_s']:10.1f} {ratios}"
    ).rstrip()


def ratio(found: Mapping[str, Any] | None) -> str:
    """A ratio with its interval."""
    if found is None:
        return NONE
    if found["median"] == found["low"] == found["high"] == 1:
        return "1 (this one)"
    if found["low"] is None:
        return f"{found['median']:.2f} (no interval)"
    return f"{found['median']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def score_lines(found: Mapping[str, Any], cell: Mapping[str, Any]) -> list[str]:
    """The AUC of each form beside its milliseconds in a cell, the quickest first."""
    speed = {row["form"]: row["median_ms"] for row in cell["rows"]}
    rows = sorted(found["forms"], key=lambda row: speed.get(row["form"], math.inf))
    wide = max(len(row["form"]) for row in rows)
    counts = f"{counted(found['pictures'], 'picture')} ({found['reals']} real, {found['fakes']} fake)"
    ranges = f"{found['ranged']} of its training pictures" if found["ranged"] else "drawn pictures"
    lines = [
        f"on {found['store']}, {found['split']}: {counts}, {counted(found['clusters'], 'cluster')}; "
        f"{found['reference']}: AUC {interval(found['auc'])}"
        + (f"; int8 takes its ranges from {ranges}" if any(row["precision"] == "int8" for row in rows) else ""),
        f"{'form':{wide}} {'precision':9} {'ms':>9} {'AUC':24} {'less that of fp32':29} other verdicts",
    ]
    for row in rows:
        ms = f"{speed[row['form']]:.3f}" if row["form"] in speed else NONE
        lines.append(
            f"{row['form']:{wide}} {row['precision']:9} {ms:>9} {interval(row['auc']):24} "
            f"{_difference(row['difference']):29} {row['other_verdicts']:>14}"
        )
    return lines


def _difference(found: Mapping[str, Any]) -> str:
    """To one more digit than an AUC: forms differ by little."""
    if found["low"] is None:
        return f"{found['mean']:+.5f} (no interval)"
    return f"{found['mean']:+.5f} [{found['low']:+.5f}, {found['high']:+.5f}]"


def _without(found: Mapping[str, Any]) -> list[str]:
    return [f"not run: {one['form']}: {one['reason']}" for one in found["unavailable"]]


def latency_lines(table: Mapping[str, Any]) -> list[str]:
    """A ladder's milliseconds, bytes and AUC, for `clew bench` and `clew tickets show`."""
    rows: Sequence[Mapping[str, Any]] = table["rows"]
    forms = max(len(_form(row["best"])) for row in rows)
    lines = [
        f"milliseconds for {counted(table['batch'], 'picture')} at a time, {counted(table['threads'], 'thread')}, "
        f"tickets of seed {table['seed']}, on {table['machine']['cpu']}",
        *busy_lines(table["load_average"], table["machine"]["cores"]),
        f"{'method':10} {'sparsity':>8} {'of work':>8} {'AUC':24} {'KiB':>8} {'ms':>8} {'fp32 form':{forms}} "
        f"{'times dense fp32':20} pays after",
    ]
    for row in rows:
        shares = (f"{100 * row[key]:6.1f} %" for key in ("sparsity", "macs_sparsity"))
        lines.append(
            f"{row['method']:10} {next(shares)} {next(shares)} {interval(row['auc']):24} {row['bytes'] / 1024:8.1f} "
            f"{row['best']['median_ms']:8.3f} {_form(row['best']):{forms}} {_times(row):20} {_pays(row)}".rstrip()
        )
    return lines


def _times(row: Mapping[str, Any]) -> str:
    """Of a dense form there is nothing to tell: a ticket takes as long in it as the dense net."""
    return ratio(row["times"]) if row["best"]["skips"] else NONE


def _form(best: Mapping[str, Any]) -> str:
    return str(best["form"]) if best["skips"] else f"{best['form']} (dense)"


def _pays(row: Mapping[str, Any]) -> str:
    if row["method"] == "dense":
        return ""
    found = row["pays_after"]
    if found is None:
        return NONE if row["search_seconds"] is None else "never"
    limits = "" if found["high"] is None else f" [{found['low']:,}, {found['high']:,}]"
    return f"{found['pictures']:,} pictures{limits}"
