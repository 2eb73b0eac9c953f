"""The messages between the fork server, its children and the supervisor outside.

On the control socket, each one packet. Inwards: `RUN`, the number of the run, with the
descriptors of payload, stdin, stdout, stderr and cgroup entries. Outwards: `READY`; for a run
`STARTED` with pidfds of its process 1 and of the program; `ENDED` when nothing of it is left;
`REFUSED` and a reason when it could not be started; `BROKEN` and a reason when the server
itself cannot go on. The server reads nothing a program wrote. Closing the socket ends all.
"""

import struct

RUN, READY, STARTED, ENDED, REFUSED, BROKEN = b"r", b"y", b"s", b"e", b"f", b"x"
NUMBER = struct.Struct("<cQ")
"""Kind of a message and number of the run."""
CELL = struct.Struct("<iBd")
"""What a session says at the end of a cell: exit code, note, processor seconds since it began.
A program can forge it, and so misreport its own cell, nothing else."""
RESULT = struct.Struct("<iBdddq")
"""Wait status, note, wall, user and system seconds, peak KiB beyond the warm interpreter."""
MOST_DESCRIPTORS = 32
