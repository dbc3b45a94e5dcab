"""`python -m particlebridge`: the command line, where its script is not on the PATH."""

from particlebridge.bridge.cli.app import main

if __name__ == "__main__":
    main()
