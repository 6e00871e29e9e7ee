"""The command line: `r3d-rs --help`, or `python -m r3d_rs --help`."""

from r3d_rs.cli import main

if __name__ == "__main__":
    main()
