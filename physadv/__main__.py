"""``python -m physadv``: the command line where the scripts' folder is not on the path."""

from physadv.cli import main

if __name__ == "__main__":
    main()
