#!/usr/bin/env python3
"""Error rates of the promotion gate, on paired differences of Dice between models of docs/results/reports.

Needs numpy. Prints the figures of docs/gate.md: `python3 docs/gate/simulate.py`. One core, ten seconds.
"""

import itertools
import json
import math
import pathlib

import numpy as np

REPORTS = pathlib.Path(__file__).resolve().parent.parent / "results" / "reports"
SUBJECTS = [3, 5, 9, 15, 25, 40]
DRAWS = 200  # samples of subjects per pair of models and number of subjects
RESAMPLES = 400  # of the bootstrap of the rule before; the program used 4000

# The rule, as in crates/labrum-core/src/gate/evidence.rs.
NO_CHANGE = 4.0  # subjects without a change, which the prior is worth
EXPECTED_SHARE = 0.6  # expected standard deviation of a difference, as a share of the Dice missing to 1
EXPECTED_FROM = 4.0  # degrees of freedom of that standard deviation
EQUAL, UNLIKELY = 0.002, 0.15

rng = np.random.default_rng(1)


def pairs_of_models():
    """Dice of both models for each pair of models that were scored on the same images, in both orders."""
    models = {}
    for path in sorted(REPORTS.glob("*.report.json")):
        if ".last." in path.name:
            continue  # mostly the same weights as the best ones
        cases = json.loads(path.read_text())["cases"]
        models[path.name] = {case["name"]: case["dice"] for case in cases}
    for a, b in itertools.permutations(models, 2):
        if models[a].keys() == models[b].keys():
            names = sorted(models[a])
            yield tuple(np.array([models[m][name] for name in names]) for m in (a, b))


def t_cdf(t, freedom):
    """Student's t distribution, by the midpoint rule on the angle atan(t / sqrt(freedom))."""
    steps = (np.arange(400) + 0.5) / 400
    angle = np.arctan(np.asarray(t) / math.sqrt(freedom))[..., None] * steps
    area = np.cos(angle) ** (freedom - 1)
    norm = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    return 0.5 + norm * area.mean(-1) * np.arctan(np.asarray(t) / math.sqrt(freedom))


def probability_better(active, candidate):
    """Posterior probability that the mean difference is above 0; the last axis holds the subjects."""
    d = candidate - active
    n, mean = d.shape[-1], d.mean(-1)
    level = (active.mean(-1) + candidate.mean(-1)) / 2
    room = np.maximum(np.minimum(level, 1 - level), 0.01)
    weight = NO_CHANGE + n
    squares = EXPECTED_FROM * (EXPECTED_SHARE * room) ** 2 + ((d - mean[..., None]) ** 2).sum(-1)
    squares += NO_CHANGE * n / weight * mean**2
    scale = np.sqrt(squares / (EXPECTED_FROM + n) / weight)
    return t_cdf(n * mean / weight / scale, EXPECTED_FROM + n)


def now(active, candidate):
    """1 where the candidate passes, 0 where a person is asked, -1 where it is rejected; and what is advised."""
    p, mean = probability_better(active, candidate), (candidate - active).mean(-1)
    passes = (p >= 0.5) | (np.abs(mean) <= EQUAL)
    return np.where(passes, 1, np.where(p > UNLIKELY, 0, -1)), passes


def before(active, candidate):
    """The rule before: turned down only where the loss is nearly certain."""
    d = candidate - active
    n, mean = d.shape[-1], d.mean(-1)
    picked = rng.integers(0, n, (RESAMPLES, n))
    means = np.sort(d[:, picked].mean(-1), axis=-1)
    tail = tail_for(n)
    low, high = np.quantile(means, [tail, 1 - tail], axis=-1)
    below = (means < 0).mean(-1)
    is_worse = (high < 0) & (mean < -0.001)
    asks = ~is_worse & (mean < -0.005)
    little = mean > -0.25 * (1 - active.mean(-1)) - 0.001
    verdict = np.where(is_worse, -1, np.where(asks, 0, 1))
    return verdict, (verdict == 1) | asks & (little | (below < 0.975))


def tail_for(n):
    """Tail of the bootstrap, widened for few values."""
    z, f = 1.96, n - 1.0
    t = z + (z**3 + z) / (4 * f) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * f**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * f**3)
    return 0.5 * math.erfc(t * math.sqrt(n / f) / math.sqrt(2))


def print_constants(pairs):
    """What the constants of the prior follow from."""
    shares, ratios = [], []
    for a, b in pairs:
        d, level = b - a, (a.mean() + b.mean()) / 2
        shares.append(d.std() / min(level, 1 - level))
        ratios.append((d.mean() ** 2 - d.var() / len(d)) / d.var())
    shares = np.array(shares)
    print(f"{len(pairs) // 2} pairs of models: standard deviation of a difference {np.median(shares):.2f} of the missing "
          f"Dice, {shares.min():.2f} to {shares.max():.2f}; from {1 / (2 * np.log(shares).var()):.1f} degrees of freedom; "
          f"the prior is worth {1 / np.mean(ratios):.1f} subjects")


def print_priors(pairs):
    """Mean log score of the probability for some priors, and how often the candidate was better where it said so."""
    global NO_CHANGE, EXPECTED_FROM
    chosen = NO_CHANGE, EXPECTED_FROM
    for NO_CHANGE, EXPECTED_FROM in [(0.5, 4), (2, 4), (4, 4), (8, 4), (14, 4), (4, 16), chosen]:
        said, was = [], []
        for a, b in pairs:
            for n in [2, *SUBJECTS[:-1]]:
                picked = rng.integers(0, len(a), (DRAWS // 4, n))
                said.append(probability_better(a[picked], b[picked]))
                was.append(np.full(DRAWS // 4, b.mean() > a.mean()))
        said, was = np.concatenate(said), np.concatenate(was)
        score = np.log(np.where(was, said, 1 - said)).mean()
        print(f"no change worth {NO_CHANGE:g} subjects, deviation from {EXPECTED_FROM:g}: log score {score:.3f}")
    shares = [f"{100 * was[(said >= low) & (said < low + 0.1)].mean():.0f} %" for low in np.arange(0.5, 1, 0.1)]
    print("better where the probability is 50 to 60 %, ..., 90 to 100 %: " + ", ".join(shares))


def print_averages(pairs):
    """Dice lost by following the sign of the mean difference, and that of a mean without the extreme quarters."""
    for n in SUBJECTS:
        lost = {"mean": [], "trimmed": []}
        for a, b in pairs:
            d, gain = (b - a)[rng.integers(0, len(a), (DRAWS, n))], (b - a).mean()
            cut = n // 4
            trimmed = np.sort(d, axis=-1)[:, cut : n - cut].mean(-1)
            for name, value in (("mean", d.mean(-1)), ("trimmed", trimmed)):
                lost[name].append(np.where((value > 0) == (gain > 0), 0, abs(gain)).mean())
        print(f"{n} subjects: " + ", ".join(f"{name} {np.mean(values):.4f}" for name, values in lost.items()))


def print_rates(pairs, shift, title):
    """How often worse candidates pass, by how much worse they are, and better ones do not."""
    bins = [(-1, -0.1), (-0.1, -0.05), (-0.05, -0.02), (-0.02, -0.005), (0.005, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 1)]
    print(f"\n{title}\n| subjects | rule | " + " | ".join(f"{a:+g} to {b:+g}" for a, b in bins) + " | asked | lost |")
    print("|---" * (len(bins) + 4) + "|")
    for n in SUBJECTS:
        counts = {rule: [[] for _ in bins] for rule in (before, now)}
        lost, asked = {before: [], now: []}, {before: [], now: []}
        for a, b in pairs:
            b = np.clip(b + shift * (1 - b), 0, 1)
            gain = (b - a).mean()
            picked = rng.integers(0, len(a), (DRAWS, n))
            for rule in (before, now):
                verdict, passes = rule(a[picked], b[picked])
                lost[rule].append(np.where(passes == (gain > 0), 0, abs(gain)).mean())
                asked[rule].append((verdict == 0).mean())
                for at, (low, high) in enumerate(bins):
                    if low <= gain < high:
                        counts[rule][at].append(passes.mean())
        for rule in (before, now):
            cells = [f"{100 * np.mean(c):.0f} %" if c else "" for c in counts[rule]]
            print(f"| {n} | {rule.__name__} | " + " | ".join(cells)
                  + f" | {100 * np.mean(asked[rule]):.0f} % | {np.mean(lost[rule]):.4f} |")


if __name__ == "__main__":
    models = list(pairs_of_models())
    print_constants(models)
    print_priors(models)
    print_averages(models)
    print_rates(models, 0.0, "Pairs of models as they are, each in both orders: share of candidates that pass, by the true gain")
    print_rates(models, 0.1, "The same, but each candidate also gains a tenth of the Dice missing to 1")
