"""`python -m config` is the command `puente`."""

from config.cli import main

main(prog_name="puente")
