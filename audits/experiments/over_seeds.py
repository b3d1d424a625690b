"""Arms of a lab report by group, and figures over the seeds of a group: mean and 95% interval, Student's t."""
import math

# 97.5% points of Student's t for 1, 2, ... degrees of freedom.
T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
     2.110, 2.101, 2.093, 2.086]


def mean(values):
    return sum(values) / len(values)


def half(values):
    """Of the 95% interval of the mean; None for a single value."""
    n = len(values)
    if n < 2:
        return None
    spread = math.sqrt(sum((v - mean(values)) ** 2 for v in values) / (n - 1))
    return T[min(n - 1, len(T)) - 1] * spread / math.sqrt(n)


def words(values, digits=3, sign=False):
    """Mean ± half width of what is there."""
    values = [v for v in values if v is not None]
    if not values:
        return "-"
    text = f"{mean(values):{'+' if sign else ''}.{digits}f}"
    if float(text) == 0:
        text = text.replace("-", "+" if sign else "")
    return text if half(values) is None else f"{text} ± {half(values):.{digits}f}"


def table(head, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


class Group:
    """The arms that differ in nothing but the seed."""

    def __init__(self, name, arms):
        self.name = name
        self.arms = sorted(arms, key=lambda arm: arm["seed"])
        self.first = self.arms[0]

    def each(self, key):
        return [arm[key] for arm in self.arms]

    def less(self, other, of):
        """Differences of a figure, seed by seed."""
        theirs = {arm["seed"]: of(arm) for arm in other.arms}
        return [of(arm) - theirs[arm["seed"]] for arm in self.arms if arm["seed"] in theirs]


def groups_of(experiment):
    names = dict.fromkeys(arm["group"] for arm in experiment["arms"])
    return [Group(name, [arm for arm in experiment["arms"] if arm["group"] == name]) for name in names]


def figures(arm, check, name):
    """Of one check, by layer."""
    for entry in arm["checks"]:
        if entry["id"] == check:
            return [m["value"] for m in entry["measurements"] if m["name"] == name]
    return []


def largest(group, check, name):
    """Over layers and seeds."""
    return max((value for arm in group.arms for value in figures(arm, check, name)), default=0.0)


def percent(value):
    return "0" if value == 0 else f"{100 * value:.{0 if value > 0.1 else 2}{'f' if value > 0.1 else 'g'}}%"


def changed(group, check):
    """What moved under an intervention, at most: decisions, or else only scores."""
    flips, scores = largest(group, check, "flip_rate_decisions"), largest(group, check, "moved_scores")
    return f"scores only, {percent(scores)}" if flips == 0 and scores > 0 else percent(flips)


def evidence(group):
    """The product of the seeds' e-values."""
    return f"2^{round(sum(group.each('log2_e_value')))}"


def carried(group):
    bound = group.first["bound"]
    return f"{bound['floor_bits']:.1f} / {bound['capacity_bits']:.1f}" if bound else "-"


def limit(group):
    """The largest of the seeds' detection limits."""
    found = [arm["detection_limit"]["trial_rate"] for arm in group.arms if arm["detection_limit"]]
    return f"{100 * max(found):.1f}%" if found else "-"
