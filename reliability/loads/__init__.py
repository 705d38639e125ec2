"""Long loads: many batches through each adapter with real loaders of several threads and processes.

    python -m reliability.loads [--load NAME ...] [--batches N] [--stops N] [--interrupts N] [--json FILE]

Every load runs in a program of its own, and once more without gmmaug (the control), since frameworks have
leaks of their own. Three checks of each:

- **batches**: memory of the program and all its children stays flat; no process, thread, file or shared
  memory is left;
- **stops**: epochs abandoned midway leave nothing either, and the next epoch is right;
- **interrupts**: Ctrl-C, to the whole process group or to the trainer alone, ends the program in time, and
  nothing is left; then a worker is killed, and what the trainer does is told.

The loads of PyTorch's DataLoader are left out where torch is absent.
"""
