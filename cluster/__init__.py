"""The command line and the processes behind it.

Importing this package imports nothing heavy: no Ray, torch, vLLM or pydantic. What is
heavy is imported inside the functions that need it, because start-up is import time.
"""

__all__: list[str] = []
