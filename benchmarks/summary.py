"""Summary of the fits as Markdown: means, mean ranks, and paired tests of our method against each peer."""

from dataclasses import dataclass

import pandas as pd
from scipy.stats import wilcoxon

METRICS = {"auroc": "AUROC", "auprc": "AP", "f1": "F1"}
SAME = 5e-5
"""Results are stored with four decimals; smaller differences are ties."""


@dataclass(frozen=True)
class Duel:
    """A comparison of two methods by their means per set, over the seeds that both have."""

    wins: int
    losses: int
    p_value: float


def fight(results: pd.DataFrame, ours: str, peer: str, metric: str) -> Duel:
    """Compare two methods, paired by set: Wilcoxon's signed-rank test, two-sided."""
    pairs = results.pivot_table(index=["dataset", "seed"], columns="method", values=metric)[[ours, peer]].dropna()
    gap = (pairs[ours] - pairs[peer]).groupby("dataset").mean()
    wins, losses = int((gap > SAME).sum()), int((gap < -SAME).sum())
    p_value = float(wilcoxon(gap).pvalue) if wins + losses else 1.0
    return Duel(wins, losses, p_value)


def summarise(results: pd.DataFrame, ours: str) -> str:
    """Return the table of all methods, highest mean AUROC first, and the table of our results by set.

    Ranks and means are over the sets that `ours` has; methods that lack one of them are listed separately.
    """
    sets = sorted(set(results.dataset[results.method == ours]))
    results = results[results.dataset.isin(sets)]
    counts = results.groupby("method").dataset.nunique()
    complete = counts.index[counts == len(sets)]
    partial = [f"{name} ({count})" for name, count in counts.items() if count < len(sets)]
    full = results[results.method.isin(complete)]
    lines = [
        f"{len(sets)} sets; means over sets of the means over seeds; rank 1 is the best of {len(complete)} methods.",
        f"Won/lost: sets on which {ours} is above and below the method, over the seeds that both have, with Wilcoxon's",
        "two-sided p. Fits: a method with fewer has fewer seeds, so its means are of other rows. Fit s: median CPU.",
        "",
        *_method_lines(full, ours),
        "",
    ]
    if partial:
        lines += [f"Left out, because they lack sets: {', '.join(partial)}.", ""]
    return "\n".join([*lines, *_set_lines(full, ours)]) + "\n"


def _method_lines(results: pd.DataFrame, ours: str) -> list[str]:
    by_set = results.groupby(["method", "dataset"])[[*METRICS, "fit_cpu_s"]].mean()
    means = by_set[[*METRICS]].groupby("method").mean()
    ranks = {
        metric: by_set[metric].groupby("dataset").rank(ascending=False).groupby("method").mean() for metric in METRICS
    }
    fits = results.groupby("method").size()
    cost = by_set.fit_cpu_s.groupby("method").median()
    lines = [
        "| method | fits | AUROC | AP | F1 | rank AUROC | rank AP | won/lost AUROC (p) | won/lost AP (p) | fit s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in means.sort_values("auroc", ascending=False).index:
        figures = [f"{means.loc[name, metric]:.4f}" for metric in METRICS]
        places = [f"{ranks[metric][name]:.2f}" for metric in ("auroc", "auprc")]
        duels = [_shown(results, ours, name, metric) for metric in ("auroc", "auprc")]
        seconds = "" if pd.isna(cost[name]) else f"{cost[name]:.2f}"
        shown_name = f"**{name}**" if name == ours else name
        lines.append("| " + " | ".join([shown_name, str(fits[name]), *figures, *places, *duels, seconds]) + " |")
    return lines


def _shown(results: pd.DataFrame, ours: str, name: str, metric: str) -> str:
    if name == ours:
        return ""
    duel = fight(results, ours, name, metric)
    return f"{duel.wins}/{duel.losses} ({duel.p_value:.2g})"


def _set_lines(results: pd.DataFrame, ours: str) -> list[str]:
    """Return our result on each set, with the best and the median of the others."""
    lines = [
        "| set | AUROC | best other | median other | AP | best other | median other |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, fits in results.groupby("dataset"):
        cells = [str(name)]
        for metric in ("auroc", "auprc"):
            means = fits.groupby("method")[metric].mean()
            others = means.drop(ours)
            best = f"{others.max():.4f} {others.idxmax()}" if len(others) else ""
            cells += [f"{means[ours]:.4f}", best, f"{others.median():.4f}" if len(others) else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
