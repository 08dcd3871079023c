"""The top: knows everyone, imported by no one."""
