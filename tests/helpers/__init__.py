"""What tests share.

One thread to a process: PyTorch reads this when it is loaded. On cores that other processes keep busy its threads
would mostly wait for each other.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
