"""The whole test suite at once: `make test` without ARGS.

The tests with foreign clients mostly wait for pictures, and must not wait for the processor; so the fast ones run
beside them with what is left of it. Their output is printed behind. Exit code: 0 when both passed.
"""

import os
import subprocess
import sys
import tempfile

NICE = 10
HURRIED = "interop and not unhurried"
#: What is left may be little: seconds a test.
TIMEOUT_S = 600


def main() -> int:
    """Both runs."""
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile() as output:
        fast = subprocess.Popen(
            [*pytest, "-m", f"not ({HURRIED})", "-o", f"timeout={TIMEOUT_S}", "-p", "no:cacheprovider"],
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.nice(NICE),
        )
        try:
            interop = subprocess.run([*pytest, "-m", HURRIED], check=False).returncode
            code = fast.wait()
        finally:
            fast.kill()
        output.seek(0)
        sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    return max(code, interop)


if __name__ == "__main__":
    sys.exit(main())
