"""`python -m mixup_multi` is the command `mixup-multi`."""

from mixup_multi.cli import main

main()
