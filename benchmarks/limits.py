"""What the measurements must reach: at most, or at least. A figure without a line here is printed and not judged."""

LIMITS = {
    "100 rules: moved by a replay": 0.0,
    "10,000 rules, 100 teams: moved by a replay": 0.0,
    "10,000 rules: moved by a replay": 0.0,
    "complete / bare p50": 1.6,
    "complete / bare p99": 1.5,
    "who is due: 1M / 10k": 1.5,
    "all sweeps: 1M / 10k": 1.5,
    "next task of 5,000, ms": 50.0,
    "pages: worst many / few": 1.5,
    "scores / bare GROUP BY": 3.0,
    "scores / a statement a person": 1 / 6,
    "tasks, manager: last / first page": 1.5,
    "tasks, member: last / first page": 1.5,
    "contacts, manager: last / first page": 1.5,
    "contacts, member: last / first page": 1.5,
    "template / replace loop": 12.0,
    "condition / Python function": 30.0,
    "both, % of an event, SQLite, embedded": 10.0,
    "both, % of an event, PostgreSQL + Redis": 10.0,
    "nextmove --help, CPU s": 0.3,
    "import, a row: 100,000 / 10,000": 1.5,
    "event to task p50 s": 0.5,
    "idle CPU %": 2.0,
    "memory MB": 350.0,
    "100000 x 1000 MB": 300.0,
    "moved %": 2.5,
    "value lost %": 0.3,
    "bound / LP optimum": 1.00005,
    "CPU of prices and starts / LP": 0.25,
    "own search, % above best": 2.0,
    "error above the human's": 0.01,
    "80 % band holds": 0.83,
    "AUC behind boosting": 0.02,
    "night of 30,000 leads, CPU s": 1.0,
    "one best time, us": 50.0,
    "boundary of 60 looks, CPU s": 1.0,
}
LEASTS = {
    "100 rules: share of a bare write": 0.45,
    "10,000 rules, 100 teams: share / at 100 rules": 0.55,
    "10,000 rules: share of a bare write": 0.40,
    "usual way / engine": 40.0,
    "DRF many=True / own, 500 at once": 20.0,
    "2 workers / 1": 1.5,
    "1000 x 50 at 0.9": 0.998,
    "1000 x 50 at 1.05": 0.99,
    "10000 x 200 at 0.9": 0.999,
    "10000 x 200 at 1.05": 0.997,
    "100000 x 1000 at 0.9": 0.999,
    "100000 x 1000 at 1.05": 0.998,
    "100 x 10 with HiGHS, worst of 20": 0.998,
    "100 x 10 / least loaded": 1.08,
    "10000 x 200 / least loaded": 1.12,
    "reached and proven": 1.0,
    "80 % band holds": 0.77,
    "AUC, mean": 0.59,
}


def limit(name: str) -> str:
    """In words; empty when the figure is not judged."""
    said = [f"at least {LEASTS[name]:.4g}"] if name in LEASTS else []
    return " and ".join([*said, *([f"at most {LIMITS[name]:.4g}"] if name in LIMITS else [])])


def reached(name: str, value: float) -> bool | None:
    """None when the figure is not judged."""
    if not limit(name):
        return None
    return LEASTS.get(name, value) <= value <= LIMITS.get(name, value)
