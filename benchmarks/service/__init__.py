"""Leafpath over HTTP beside a floor, a bare server and its peers."""


def main() -> None:
    """Run the benchmark. Imported late: the servers that it starts import this too."""
    from benchmarks.service.run import main as run

    run()
