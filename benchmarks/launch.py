"""Run a command and write what it used to a file descriptor: `python -IS launch.py FD COMMAND...`.

The kernel counts the memory of the process that starts a program as memory of the program. So the program is started from
here, a process that imports next to nothing, and not from the benchmark with its SDK.
"""

import json
import os
import sys
import time


def main() -> None:
    """Run it to its end. Seconds, seconds of CPU with those of its helpers, megabytes at its peak, and the exit code."""
    descriptor, *command = sys.argv[1:]
    began = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    wall_s = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    used = [wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code]
    os.write(int(descriptor), json.dumps(used).encode())


if __name__ == "__main__":
    main()
