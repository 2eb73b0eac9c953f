"""Run the command line as `python -m votebox.cluster`."""

from votebox.cluster.cli import main

if __name__ == "__main__":
    main()
