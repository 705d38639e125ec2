"""What goes wrong on real machines: killed processes, full disks, targets nobody may write, Ctrl-C."""
