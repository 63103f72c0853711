"""Fixed gates by FlowKit's Session, run by its own Python: ``flowkit_gates.py FILES``.

The gates of each file stand beside it as Gating-ML.

Prints JSON: seconds of processor and clock, peak memory, and the count of each gate in each file.
"""

import json
import resource
import sys
import time

import flowkit


def main(files: list[str]) -> None:
    """Gate and print."""
    cpu, clock = time.process_time(), time.perf_counter()
    counts = {}
    for file in files:
        session = flowkit.Session(gating_strategy=file.replace(".fcs", ".xml"))
        sample = flowkit.Sample(file, sample_id=file)
        session.add_samples(sample)
        session.analyze_samples(sample_id=file, use_mp=False)
        report = session.get_gating_results(file).report
        counts[file] = dict(zip(report["gate_name"], map(int, report["count"]), strict=True))
    json.dump(
        {
            "cpu": time.process_time() - cpu,
            "clock": time.perf_counter() - clock,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "counts": counts,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
