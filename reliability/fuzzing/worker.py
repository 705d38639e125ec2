"""A process that loads changed files: a fault that ends it ends nothing else.

``python -m reliability.fuzzing.worker ENGINE EXECUTIONS SEED FOLDER`` writes ``counts.json`` to the folder,
and to ``failures`` in it every input that failed.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run one engine; atheris must be there before what it watches is imported."""
    engine, executions, seed, folder = sys.argv[1:]
    if engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["gmmaug_plugin"]):
            from reliability.fuzzing.running import run_engine
    else:
        from reliability.fuzzing.running import run_engine
    run_engine(engine, int(executions), int(seed), Path(folder))


if __name__ == "__main__":
    main()
